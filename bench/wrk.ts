import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Job, JobResult } from './load.ts';
import { type BenchRequest, cancelableId, randomRequest, WORKLOADS, type Workload } from './workloads.ts';

/*
 * The closed loop: each connection sends its next request after each answer. wrk is written in C, so it takes little of the
 * processor time that the contenders need.
 */

/** How many read requests are prepared. wrk sends them again and again. */
const PREPARED = 5_000;

const SCRIPT = path.join(import.meta.dirname, 'load.lua');

/** @throws Error that says how to install wrk, if it is missing. */
export function requireWrk(): void {
  const folders = (process.env['PATH'] ?? '').split(path.delimiter);
  if (folders.some((folder) => existsSync(path.join(folder, 'wrk')))) return;
  throw new Error(
    'The benchmark needs wrk. Install it: `apt-get install wrk` on Debian and Ubuntu, `brew install wrk` on macOS.',
  );
}

/** Sends the requests of a job in a closed loop, whatever its rate. */
export async function runWrk(job: Job, signal: AbortSignal): Promise<JobResult> {
  const { cancels, size }: Workload = WORKLOADS[job.workload];
  const folder = await mkdtemp(path.join(tmpdir(), 'order-items-wrk-'));
  const [requestFile, outputFile] = [path.join(folder, 'requests'), path.join(folder, 'output')];
  try {
    const lines = prepareRequests(job).map((request) => `${request.path}\t${request.body}`);
    await writeFile(requestFile, lines.join('\n'));
    await promisify(execFile)(
      'wrk',
      ['-t', '1', '-c', String(job.connections), '-d', `${job.seconds}s`, '--timeout', '10s', '-s', SCRIPT, job.url],
      {
        env: {
          PATH: process.env['PATH'],
          REQUESTS: requestFile,
          OUT: outputFile,
          TOKEN: job.token,
          IDS_PER_ANSWER: String(cancels ? size : 0),
        },
        signal,
      },
    );
    return parseOutput(await readFile(outputFile, 'utf8'), lines.length, cancels && job.cancelable.repeat !== true);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Each item can be cancelled once, so a job of cancels needs all of its requests. */
function prepareRequests({ workload, items, cancelable: { from, to, repeat } }: Job): BenchRequest[] {
  const { cancels, size, request }: Workload = WORKLOADS[workload];
  if (!cancels) return Array.from({ length: PREPARED }, () => randomRequest(WORKLOADS[workload], items));
  const count = repeat === true ? 1 : Math.floor((to - from) / size);
  return Array.from({ length: count }, (_, n) =>
    request(Array.from({ length: size }, (_, place) => cancelableId(from + n * size + place))),
  );
}

function parseOutput(output: string, prepared: number, isUsedUp: boolean): JobResult {
  const [numbers = '', failure = '', ...acknowledged] = output.split('\n');
  const { requests, microseconds, p50, p99, max, broken, wrong } = JSON.parse(numbers) as Record<
    'requests' | 'microseconds' | 'p50' | 'p99' | 'max' | 'broken' | 'wrong',
    number
  >;
  if (isUsedUp && requests >= prepared) {
    throw new Error('No items are left to cancel. Raise MAX_CANCELS_PER_SECOND in bench/measure.ts.');
  }
  return {
    requests,
    seconds: microseconds / 1e6,
    p50: p50 / 1_000,
    p99: p99 / 1_000,
    max: max / 1_000,
    failures: broken + wrong,
    failure: broken > 0 ? 'a connection broke, or an answer timed out' : failure,
    acknowledged: acknowledged.filter((id) => id !== ''),
  };
}

import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type BenchRequest,
  cancelableId,
  randomRequest,
  WORKLOADS,
  type Workload,
  type WorkloadName,
} from './workloads.ts';

/*
 * The process that sends requests at a rate (an open loop). It receives jobs as messages and answers each with its result.
 * Requests leave at random times (a Poisson process) independent of the answers, and latency counts from the time at which a
 * request was due. This avoids coordinated omission. wrk has no rate.
 */

export interface Job {
  /** The URL of the contender's door for the workload. */
  readonly url: string;
  readonly workload: WorkloadName;
  readonly connections: number;
  readonly seconds: number;
  readonly token: string;
  /** The number of items to read. */
  readonly items: number;
  /** The numbers of the items that this job may cancel. With `repeat`, every request names the first of them. */
  readonly cancelable: { readonly from: number; readonly to: number; readonly repeat?: boolean };
}

export interface PacedJob extends Job {
  /** Requests per second. */
  readonly rate: number;
}

export interface JobResult {
  readonly requests: number;
  /** How long the measured requests took. */
  readonly seconds: number;
  /** This and the following latencies are in milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** The number of wrong answers and broken connections. */
  readonly failures: number;
  /** The text of one failure. */
  readonly failure: string;
  /** The items whose cancel was acknowledged. */
  readonly acknowledged: string[];
}

/** The unmeasured start of a job, in which connections open and pools fill. */
const LEAD_MS = 250;

interface Answers {
  readonly latencies: number[];
  readonly acknowledged: string[];
  failures: number;
  failure: string;
}

/** Returns a generator of requests. Each request has its own items. */
function createRequests({ workload, items, cancelable }: Job): () => BenchRequest {
  const { cancels, size, request }: Workload = WORKLOADS[workload];
  if (!cancels) return () => randomRequest(WORKLOADS[workload], items);
  let next = cancelable.from;
  return () => {
    if (next + size > cancelable.to)
      throw new Error('No items are left to cancel. Raise MAX_CANCELS_PER_SECOND in bench/measure.ts.');
    next += size;
    return request(Array.from({ length: size }, (_, i) => cancelableId(next - size + i)));
  };
}

function buildHeaders(job: Job): Record<string, string> {
  return { authorization: `Bearer ${job.token}`, 'content-type': 'application/json' };
}

/** Records the cancelled items of an answer, and whether the answer is wrong. */
function recordAnswer(job: Job, answers: Answers, status: number, body: string): void {
  const { cancels, size }: Workload = WORKLOADS[job.workload];
  const ids = cancels ? [...body.matchAll(/"id":"([0-9a-f-]{36})"/g)].map(([, id = '']) => id) : [];
  answers.acknowledged.push(...ids);
  if (status !== 200 || body.includes('"errors":') || (cancels && ids.length !== size)) {
    answers.failures += 1;
    answers.failure = `${status} ${body.slice(0, 300)}`;
  }
}

/** Sends requests at a rate, independent of the answers. */
async function runOpenLoop(job: PacedJob, next: () => BenchRequest, answers: Answers): Promise<number> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: job.connections });
  const headers = buildHeaders(job);
  const inFlight = new Set<Promise<void>>();
  const startedAt = performance.now() + LEAD_MS;
  const endAt = startedAt + job.seconds * 1_000;
  for (let dueAt = startedAt - LEAD_MS; dueAt < endAt; dueAt += (-Math.log(1 - Math.random()) / job.rate) * 1_000) {
    const early = dueAt - performance.now();
    // Timers have a resolution of a millisecond. Requests that are due within it are sent at once.
    if (early > 0) await sleep(early);
    const sent = send(job, next(), headers, agent).then(
      ({ status, body }) => {
        if (dueAt >= startedAt) answers.latencies.push(performance.now() - dueAt);
        recordAnswer(job, answers, status, body);
      },
      (error: unknown) => {
        answers.failures += 1;
        answers.failure = String(error);
      },
    );
    inFlight.add(sent);
    void sent.then(() => inFlight.delete(sent));
  }
  await Promise.all(inFlight);
  agent.destroy();
  return (performance.now() - startedAt) / 1_000;
}

function send(
  { url }: Job,
  { path, body }: BenchRequest,
  headers: Record<string, string>,
  agent: http.Agent,
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    http
      .request(url + path, { method: 'POST', agent, headers }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, body: text });
        });
        response.on('error', reject);
      })
      .on('error', reject)
      .end(body);
  });
}

async function runJob(job: PacedJob): Promise<JobResult> {
  const answers: Answers = { latencies: [], acknowledged: [], failures: 0, failure: '' };
  const next = createRequests(job);
  const seconds = await runOpenLoop(job, next, answers);
  const { acknowledged, failures, failure } = answers;
  const sorted = Float64Array.from(answers.latencies).sort();
  const quantile = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
  return {
    requests: sorted.length,
    seconds,
    p50: quantile(0.5),
    p99: quantile(0.99),
    max: quantile(1),
    failures,
    failure,
    acknowledged,
  };
}

process.on('disconnect', () => process.exit());
process.on('message', ({ id, job }: { id: number; job: PacedJob }) => {
  runJob(job).then(
    (result) => process.send?.({ id, result }),
    (error: unknown) => process.send?.({ id, error: String(error) }),
  );
});

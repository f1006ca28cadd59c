import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findFreePort } from '../src/embedded-postgres/postgresProcesses.ts';
import type { DoorUrls } from './contenders/serve.ts';
import type { Issuer } from './issuer.ts';
import type { JobResult, PacedJob } from './load.ts';

/** The contenders that run as processes, in the order of the tables. */
export const CONTENDERS = ['service', 'bare', 'mercurius', 'yoga', 'tutorial'] as const;
export type ContenderName = (typeof CONTENDERS)[number];

/** A running contender. */
export interface Contender {
  readonly name: ContenderName;
  readonly pid: number;
  readonly urls: DoorUrls;
  readonly stop: () => Promise<void>;
}

/** The process that sends requests at a rate. */
export interface Load {
  readonly run: (job: PacedJob) => Promise<JobResult>;
  readonly stop: () => Promise<void>;
}

const ROOT = path.join(import.meta.dirname, '..');
const START_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 15_000;

/** The running child processes, to be killed if this process exits without stopping them. */
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export interface ContenderStart {
  readonly databaseUrl: string;
  readonly issuer: Issuer;
  readonly folder: string;
  /** Further environment variables of the service. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** Starts a contender as a separate process with one event loop. */
export async function startContender(name: ContenderName, start: ContenderStart): Promise<Contender> {
  if (name === 'service') return startService(start);
  const child = keep(
    fork(path.join(import.meta.dirname, 'contenders', `${name}.ts`), {
      env: { PATH: process.env['PATH'], NODE_ENV: 'production', DATABASE_URL: start.databaseUrl },
    }),
  );
  const [served] = (await Promise.race([once(child, 'message'), once(child, 'exit').then(() => [null])])) as [
    DoorUrls | null,
  ];
  if (served === null) throw new Error(`The contender ${name} did not start.`);
  return { name, pid: child.pid ?? 0, urls: served, stop: () => end(child) };
}

/** The service as `npm start` runs it in production. */
async function startService({ databaseUrl, issuer, folder, environment = {} }: ContenderStart): Promise<Contender> {
  const port = await findFreePort();
  const logFile = path.join(folder, `service-${port}.log`);
  await using log = await open(logFile, 'w');
  const child = keep(
    spawn(process.execPath, await readStartArguments(), {
      cwd: ROOT,
      env: {
        PATH: process.env['PATH'],
        NODE_ENV: 'production',
        PORT: String(port),
        DATABASE_URL: databaseUrl,
        LOG_LEVEL: 'info',
        // The limit applies per caller, and one caller sends all the load.
        RATE_LIMIT_PER_MINUTE: '0',
        ...issuer.environment,
        ...environment,
      },
      stdio: ['ignore', log.fd, log.fd],
    }),
  );
  const url = `http://127.0.0.1:${port}`;
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!(await isOk(`${url}/health/ready`))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      throw new Error(`The service did not start:\n${await readFile(logFile, 'utf8')}`);
    }
    await sleep(50);
  }
  return { name: 'service', pid: child.pid ?? 0, urls: { graphql: url, rest: url }, stop: () => end(child) };
}

/** Reads the arguments that `npm start` passes to Node.js: its flags and the program. */
async function readStartArguments(): Promise<string[]> {
  const { scripts } = JSON.parse(await readFile(path.join(ROOT, 'package.json'), 'utf8')) as {
    scripts: { start: string };
  };
  return scripts.start.replace(/^exec node /, '').split(' ');
}

async function isOk(url: string): Promise<boolean> {
  return fetch(url).then(
    (response) => response.ok,
    () => false,
  );
}

/** Starts the process that sends requests at a rate. It runs jobs concurrently. */
export function startLoad(): Load {
  const child = keep(fork(path.join(import.meta.dirname, 'load.ts')));
  const jobs = new Map<number, PromiseWithResolvers<JobResult>>();
  let lastId = 0;
  child.on('message', ({ id, result, error }: { id: number; result?: JobResult; error?: string }) => {
    if (result === undefined) jobs.get(id)?.reject(new Error(error));
    else jobs.get(id)?.resolve(result);
    jobs.delete(id);
  });
  child.on('exit', () => {
    for (const job of jobs.values()) job.reject(new Error('The process that sends the requests has ended.'));
  });
  return {
    run: (job) => {
      const id = (lastId += 1);
      const waiting = Promise.withResolvers<JobResult>();
      jobs.set(id, waiting);
      child.send({ id, job });
      return waiting.promise;
    },
    stop: () => end(child),
  };
}

/** A collector that discards spans. */
export interface Sink {
  readonly url: string;
  readonly stop: () => Promise<void>;
}

/** Starts a collector that discards spans, as a separate process. */
export async function startSink(): Promise<Sink> {
  const child = keep(fork(path.join(import.meta.dirname, 'sink.ts')));
  const [url] = (await once(child, 'message')) as [string];
  return { url, stop: () => end(child) };
}

function keep(child: ChildProcess): ChildProcess {
  running.add(child);
  return child.on('exit', () => running.delete(child));
}

async function end(child: ChildProcess): Promise<void> {
  if (!running.has(child)) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  await exit;
  clearTimeout(timer);
}

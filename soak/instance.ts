import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findFreePort } from '../src/embedded-postgres/postgresProcesses.ts';

const ROOT = path.join(import.meta.dirname, '..');
const START_TIMEOUT_MS = 60_000;
const POLL_MS = 10;

/** A process of the service. */
export interface Instance {
  readonly url: string;
  /** Stops it with a signal and waits for its end. */
  readonly kill: (signal: NodeJS.Signals) => Promise<void>;
  /** Sends a signal that it survives. */
  readonly signal: (signal: NodeJS.Signals) => void;
  /** Starts it, at the same address as before. */
  readonly start: () => Promise<void>;
  /** Returns its resident memory, or null if it cannot be read. */
  readonly residentBytes: () => Promise<number | null>;
}

export async function openInstance(environment: Readonly<Record<string, string>>): Promise<Instance> {
  const port = String(await findFreePort());
  const url = `http://127.0.0.1:${port}`;
  let child: ChildProcess | null = null;
  return {
    url,
    kill: async (signal) => {
      if (child?.exitCode !== null || child.signalCode !== null) return;
      const exit = once(child, 'exit');
      child.kill(signal);
      await exit;
    },
    signal: (signal) => {
      child?.kill(signal);
    },
    start: async () => {
      const started = spawn(
        process.execPath,
        ['--max-semi-space-size=32', '--heap-growing-percent=100', 'src/main.ts'],
        {
          cwd: ROOT,
          env: {
            PATH: process.env['PATH'],
            PORT: port,
            PLAYGROUND: 'false',
            LOG_LEVEL: 'silent',
            RATE_LIMIT_PER_MINUTE: '0',
            // A cache of compiled code makes repeated starts faster.
            NODE_COMPILE_CACHE: path.join(ROOT, 'node_modules/.cache/node'),
            ...environment,
          },
          stdio: ['ignore', 'ignore', 'inherit'],
        },
      );
      child = started;
      const deadline = Date.now() + START_TIMEOUT_MS;
      while (!(await isReady(url))) {
        if (started.exitCode !== null || started.signalCode !== null)
          throw new Error(`The service ended while it started: ${started.exitCode ?? started.signalCode}.`);
        if (Date.now() > deadline) throw new Error('The service did not start in time.');
        await sleep(POLL_MS);
      }
    },
    residentBytes: async () => {
      const status = await readFile(`/proc/${child?.pid ?? 0}/status`, 'utf8').catch(() => '');
      const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
      return kilobytes === undefined ? null : Number(kilobytes) * 1_024;
    },
  };
}

function isReady(url: string): Promise<boolean> {
  return fetch(`${url}/health/ready`).then(
    ({ ok }) => ok,
    () => false,
  );
}

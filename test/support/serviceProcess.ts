import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

const ROOT = path.join(import.meta.dirname, '../..');

export interface ServiceProcess {
  readonly child: ChildProcess;
  /** Where it serves; rejects with its output when it ends first. */
  readonly url: Promise<string>;
  /** What it has printed so far. */
  readonly output: () => string;
  /** Its exit code, or the signal that ended it. */
  readonly exit: Promise<number | NodeJS.Signals | null>;
}

const running = new Set<ServiceProcess>();

/** Starts the service as a process of its own, as `npm start` does. {@link killServiceProcesses} ends what is left. */
export function startServiceProcess(
  environment: Record<string, string>,
  command: readonly [string, ...string[]] = [process.execPath, path.join(ROOT, 'src/main.ts')],
): ServiceProcess {
  const [file, ...args] = command;
  const child = spawn(file, args, {
    cwd: ROOT,
    // A process group of its own, as a terminal would give it.
    detached: true,
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      PORT: '0',
      // They start dozens of times.
      NODE_COMPILE_CACHE: path.join(ROOT, 'node_modules/.cache/node'),
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const url = Promise.withResolvers<string>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
      const served = /"url":"([^"]+)","msg":"serving"/.exec(output)?.[1];
      if (served !== undefined) url.resolve(served);
    });
  }
  const exit = once(child, 'close').then(([code, signal]: (number | NodeJS.Signals | null)[]) => {
    running.delete(service);
    url.reject(new Error(`The service ended before it served:\n${output}`));
    return code ?? signal ?? null;
  });
  url.promise.catch(() => undefined);
  const service: ServiceProcess = { child, url: url.promise, output: () => output, exit };
  running.add(service);
  return service;
}

/** Ends the processes that a test left running because it failed. */
export async function killServiceProcesses(): Promise<void> {
  for (const { child, exit } of [...running]) {
    child.kill('SIGTERM');
    await exit;
  }
}

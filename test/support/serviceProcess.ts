import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { waitFor } from './waitFor.ts';

const ROOT = path.join(import.meta.dirname, '../..');

export interface ServiceProcess {
  readonly child: ChildProcess;
  /** Its address. Rejects with its output if the process ends first. */
  readonly url: Promise<string>;
  /** Returns its output so far. */
  readonly output: () => string;
  /** Waits until the output holds a text. @throws if the process ends without it. */
  readonly untilPrinted: (text: string) => Promise<void>;
  /** Its exit code, or the signal that ended it. */
  readonly exit: Promise<number | NodeJS.Signals | null>;
}

const running = new Set<ServiceProcess>();

/** Starts the service as a process, as `npm start` does. {@link killServiceProcesses} ends remaining processes. */
export function startServiceProcess(
  environment: Record<string, string>,
  command: readonly [string, ...string[]] = [process.execPath, path.join(ROOT, 'src/main.ts')],
): ServiceProcess {
  const [file, ...args] = command;
  const child = spawn(file, args, {
    cwd: ROOT,
    // A separate process group, as in a terminal.
    detached: true,
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      PORT: '0',
      // A cache of compiled code makes repeated starts faster.
      NODE_COMPILE_CACHE: path.join(ROOT, 'node_modules/.cache/node'),
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let hasEnded = false;
  const url = Promise.withResolvers<string>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
      const served = /"url":"([^"]+)","msg":"serving"/.exec(output)?.[1];
      if (served !== undefined) url.resolve(served);
    });
  }
  const exit = once(child, 'close').then(([code, signal]: (number | NodeJS.Signals | null)[]) => {
    hasEnded = true;
    running.delete(service);
    url.reject(new Error(`The service ended before it served:\n${output}`));
    return code ?? signal ?? null;
  });
  url.promise.catch(() => undefined);
  const untilPrinted = (text: string): Promise<void> =>
    waitFor(`${text} in the output of the service`, () => {
      if (output.includes(text)) return true;
      if (hasEnded) throw new Error(`The service ended without ${text}:\n${output}`);
      return false;
    }).then(() => undefined);
  const service: ServiceProcess = { child, url: url.promise, output: () => output, untilPrinted, exit };
  running.add(service);
  return service;
}

/** Kills processes that failed tests left behind. */
export async function killServiceProcesses(): Promise<void> {
  for (const { child, exit } of [...running]) {
    child.kill('SIGTERM');
    await exit;
  }
}

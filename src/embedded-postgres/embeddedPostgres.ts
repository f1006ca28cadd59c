import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import pg from 'pg';
import { type Clock, sleep, systemClock } from '../work/clock.ts';
import {
  findFreePort,
  isAlive,
  isPostmasterOf,
  launchPostmaster,
  type LaunchedPostmaster,
  runInitdb,
} from './postgresProcesses.ts';

/** A PostgreSQL from npm's packages, for development and tests. */
export interface EmbeddedPostgres {
  readonly url: string;
  /** Leaves the server. The last user to leave stops it and waits for its end. A second call does nothing more. */
  readonly stop: () => Promise<void>;
  /** Stops the server without waiting, even if others use it, for a process that is about to exit. */
  readonly stopWithoutWaiting: () => void;
}

export interface EmbeddedPostgresOptions {
  /** The folder of the cluster, its log and its password. Created if missing. */
  readonly dataDir: string;
  /** Additional settings, such as `{ fsync: 'off' }`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** The folder of `initdb` and `postgres`, to use another version than the package's. */
  readonly programs?: string | undefined;
}

interface Postmaster {
  readonly pid: number;
  readonly port: number;
}

/**
 * An advisory lock that all users of the cluster share. The last one stops the server. A lock cannot outlive its holder,
 * unlike a process id in a file.
 */
const USER_LOCK = 4_001_777_701;

const DRAFT_PREFIX = 'postgres.draft-';

const START_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 10_000;
const POLL_INTERVAL_MS = 20;
const MAX_LAUNCHES = 5;

/**
 * Starts the cluster of a data directory, or joins it if it runs: beside other users, or after they were killed.
 *
 * @throws an error with the end of PostgreSQL's log if the server does not start within 20 s.
 */
export async function startEmbeddedPostgres(
  options: EmbeddedPostgresOptions,
  clock: Clock = systemClock,
): Promise<EmbeddedPostgres> {
  await mkdir(options.dataDir, { recursive: true, mode: 0o700 });
  const dataDir = await realpath(options.dataDir);
  const cluster = path.join(dataDir, 'postgres');
  await createCluster(dataDir, cluster, options.programs);
  const password = await readFile(passwordPath(cluster), 'utf8');

  const deadline = clock.now() + START_TIMEOUT_MS;
  let launched: LaunchedPostmaster | null = null;
  let launches = 0;
  while (clock.now() < deadline) {
    const postmaster = await readPostmaster(cluster);
    if (postmaster !== null && isPostmasterOf(cluster, postmaster.pid)) {
      const joined = await join(cluster, postmaster, password, clock);
      if (joined !== null) return joined;
    } else if (launched === null || launched.hasEnded()) {
      // A launch also ends if another process's server was running. That server can have stopped since, so this tries again.
      if (launches === MAX_LAUNCHES) {
        throw new Error(`The embedded PostgreSQL in ${cluster} did not start.${await readLogEnd(dataDir)}`);
      }
      launches += 1;
      await removeForeignLockFile(cluster);
      const settings = {
        port: String(await findFreePort()),
        listen_addresses: '127.0.0.1',
        unix_socket_directories: '',
        log_min_messages: 'warning',
        log_checkpoints: 'off',
        ...options.settings,
      };
      launched = await launchPostmaster(cluster, path.join(dataDir, 'postgres.log'), settings, options.programs);
    }
    await sleep(clock, POLL_INTERVAL_MS);
  }
  launched?.kill();
  throw new Error(`The embedded PostgreSQL in ${cluster} does not answer.${await readLogEnd(dataDir)}`);
}

/**
 * Removes a lock file whose process id now belongs to another program. PostgreSQL removes the lock file of a dead process,
 * but not in this case. The file is read again here, so that this never removes the file of a server that has just started.
 */
async function removeForeignLockFile(cluster: string): Promise<void> {
  const postmaster = await readPostmaster(cluster);
  if (postmaster !== null && isAlive(postmaster.pid) && !isPostmasterOf(cluster, postmaster.pid)) {
    await rm(lockFilePath(cluster), { force: true });
  }
}

/** Creates the cluster in a draft folder and renames it, so that a kill or a second process leaves no partial cluster. */
async function createCluster(dataDir: string, cluster: string, programs?: string): Promise<void> {
  if (existsSync(cluster)) return;
  await removeAbandonedDrafts(dataDir);
  const draft = path.join(dataDir, `${DRAFT_PREFIX}${process.pid}`);
  const passwordFile = `${draft}.password`;
  try {
    await writeFile(passwordFile, randomBytes(24).toString('base64url'), { mode: 0o600 });
    await runInitdb(draft, passwordFile, programs);
    await rename(passwordFile, passwordPath(draft));
    await rename(draft, cluster);
  } catch (error) {
    if (!existsSync(cluster)) throw error;
  } finally {
    await rm(passwordFile, { force: true });
    await rm(draft, { recursive: true, force: true });
  }
}

/** Removes the drafts of processes that were killed during {@link createCluster}. */
async function removeAbandonedDrafts(dataDir: string): Promise<void> {
  for (const name of await readdir(dataDir)) {
    const pid = Number(/^postgres\.draft-(\d+)/.exec(name)?.[1]);
    if (pid > 0 && !isAlive(pid)) await rm(path.join(dataDir, name), { recursive: true, force: true });
  }
}

/** @returns null if the server does not answer, because it is starting or stopping. */
async function join(
  cluster: string,
  { pid, port }: Postmaster,
  password: string,
  clock: Clock,
): Promise<EmbeddedPostgres | null> {
  const url = buildUrl(port, password);
  const session = await connect(url);
  if (session === null) return null;
  if (!(await ask(session, 'pg_try_advisory_lock_shared'))) {
    await session.end().catch(() => undefined);
    return null;
  }
  // SIGINT is PostgreSQL's fast shutdown. It ends sessions and writes a checkpoint, so the next start needs no recovery.
  const stopWithoutWaiting = (): void => {
    if (isPostmasterOf(cluster, pid)) process.kill(pid, 'SIGINT');
  };
  const stop = async (): Promise<void> => {
    await ask(session, 'pg_advisory_unlock_shared');
    // A new session, because the first one can be lost. The user who gets the exclusive lock is the last one.
    const last = await connect(url);
    if (last !== null && (await ask(last, 'pg_try_advisory_lock'))) {
      stopWithoutWaiting();
      const deadline = clock.now() + STOP_TIMEOUT_MS;
      while (isPostmasterOf(cluster, pid)) {
        if (clock.now() > deadline) process.kill(pid, 'SIGKILL');
        await sleep(clock, POLL_INTERVAL_MS);
      }
    }
    await Promise.allSettled([session.end(), last?.end()]);
  };
  let stopped: Promise<void> | undefined;
  return { url, stop: () => (stopped ??= stop()), stopWithoutWaiting };
}

/** Calls a lock function. @returns its answer, or false if the session has ended. */
function ask(session: pg.Client, question: string): Promise<boolean> {
  return session.query<{ answer: boolean }>(`SELECT ${question}($1) AS answer`, [USER_LOCK]).then(
    ({ rows }) => rows[0]?.answer === true,
    () => false,
  );
}

/** Opens a session. @returns null if no server with this password answers. */
async function connect(url: string): Promise<pg.Client | null> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  // This session only holds a lock. Users notice a stopped server through their own connections.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return client;
  } catch {
    await client.end().catch(() => undefined);
    return null;
  }
}

function buildUrl(port: number, password: string): string {
  return `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
}

function passwordPath(cluster: string): string {
  return path.join(cluster, 'order-items.password');
}

function lockFilePath(cluster: string): string {
  return path.join(cluster, 'postmaster.pid');
}

/** @see https://www.postgresql.org/docs/18/storage-file-layout.html: line 1 is the process id, line 4 the port. */
async function readPostmaster(cluster: string): Promise<Postmaster | null> {
  const lines = (await readFile(lockFilePath(cluster), 'utf8').catch(() => '')).split('\n');
  const pid = Number(lines[0]);
  const port = Number(lines[3]);
  return pid > 0 && port > 0 ? { pid, port } : null;
}

async function readLogEnd(dataDir: string): Promise<string> {
  const log = await readFile(path.join(dataDir, 'postgres.log'), 'utf8').catch(() => '');
  const end = log.trim().split('\n').slice(-5).join('\n');
  return end === '' ? '' : ` The end of its log:\n${end}`;
}

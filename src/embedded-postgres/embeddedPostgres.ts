import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import {
  freePort,
  isAlive,
  isPostmasterOf,
  launchPostmaster,
  type LaunchedPostmaster,
  runInitdb,
} from './postgresProcesses.ts';

/** A PostgreSQL that this project brings along, for development and tests. */
export interface EmbeddedPostgres {
  readonly url: string;
  /** Leaves it; the last to leave stops it and waits for its end. Twice is once. */
  readonly stop: () => Promise<void>;
  /** Asks it to stop and does not wait, whoever else uses it: for a process that is about to end. */
  readonly stopWithoutWaiting: () => void;
}

export interface EmbeddedPostgresOptions {
  /** Holds the cluster, its log and its password. Made when missing. */
  readonly dataDir: string;
  /** Further settings, such as `{ fsync: 'off' }`. */
  readonly settings?: Readonly<Record<string, string>>;
}

interface Postmaster {
  readonly pid: number;
  readonly port: number;
}

/** Shared by all who use the cluster: the last to leave stops it. Unlike a process id, a lock cannot outlive its holder. */
const USER_LOCK = 4_001_777_701;

const DRAFT_PREFIX = 'postgres.draft-';

const START_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 10_000;
const POLL_INTERVAL_MS = 20;
const MAX_LAUNCHES = 5;

/**
 * Starts the cluster of a data directory, or joins it where it runs already: beside others who use it, or after they
 * were killed and left it behind.
 *
 * @throws with PostgreSQL's own last words when it does not start.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  await mkdir(options.dataDir, { recursive: true, mode: 0o700 });
  const dataDir = await realpath(options.dataDir);
  const cluster = path.join(dataDir, 'postgres');
  await createCluster(dataDir, cluster);
  const password = await readFile(passwordFileOf(cluster), 'utf8');

  const deadline = Date.now() + START_TIMEOUT_MS;
  let launched: LaunchedPostmaster | null = null;
  let launches = 0;
  while (Date.now() < deadline) {
    const postmaster = await readPostmaster(cluster);
    if (postmaster !== null && isPostmasterOf(cluster, postmaster.pid)) {
      const joined = await join(cluster, postmaster, password);
      if (joined !== null) return joined;
    } else if (launched === null || launched.hasEnded()) {
      // One that has ended may have met another process's postmaster, which has left since.
      if (launches === MAX_LAUNCHES) {
        throw new Error(`The embedded PostgreSQL in ${cluster} did not start.${await lastWords(dataDir)}`);
      }
      launches += 1;
      await removeForeignLockFile(cluster);
      launched = await launchPostmaster(cluster, path.join(dataDir, 'postgres.log'), {
        port: String(await freePort()),
        listen_addresses: '127.0.0.1',
        unix_socket_directories: '',
        log_min_messages: 'warning',
        log_checkpoints: 'off',
        ...options.settings,
      });
    }
    await sleep(POLL_INTERVAL_MS);
  }
  launched?.kill();
  throw new Error(`The embedded PostgreSQL in ${cluster} does not answer.${await lastWords(dataDir)}`);
}

/**
 * PostgreSQL itself clears away the lock file of a dead process. It cannot when another program has got the number
 * since, and then it must not be us who take the file of a postmaster that has just started: hence the second look.
 */
async function removeForeignLockFile(cluster: string): Promise<void> {
  const postmaster = await readPostmaster(cluster);
  if (postmaster !== null && isAlive(postmaster.pid) && !isPostmasterOf(cluster, postmaster.pid)) {
    await rm(lockFileOf(cluster), { force: true });
  }
}

/** Made aside and moved into place whole: a kill in the middle, or a second process, leaves no half of one. */
async function createCluster(dataDir: string, cluster: string): Promise<void> {
  if (existsSync(cluster)) return;
  await removeAbandonedDrafts(dataDir);
  const draft = path.join(dataDir, `${DRAFT_PREFIX}${process.pid}`);
  const passwordFile = `${draft}.password`;
  try {
    await writeFile(passwordFile, randomBytes(24).toString('base64url'), { mode: 0o600 });
    await runInitdb(draft, passwordFile);
    await rename(passwordFile, passwordFileOf(draft));
    await rename(draft, cluster);
  } catch (error) {
    if (!existsSync(cluster)) throw error;
  } finally {
    await rm(passwordFile, { force: true });
    await rm(draft, { recursive: true, force: true });
  }
}

/** What a kill in the middle of {@link createCluster} left behind. */
async function removeAbandonedDrafts(dataDir: string): Promise<void> {
  for (const name of await readdir(dataDir)) {
    const pid = Number(/^postgres\.draft-(\d+)/.exec(name)?.[1]);
    if (pid > 0 && !isAlive(pid)) await rm(path.join(dataDir, name), { recursive: true, force: true });
  }
}

/** @returns null where the postmaster does not answer: it is starting, or about to end. */
async function join(cluster: string, { pid, port }: Postmaster, password: string): Promise<EmbeddedPostgres | null> {
  const url = urlOf(port, password);
  const session = await connect(url);
  if (session === null) return null;
  if (!(await ask(session, 'pg_try_advisory_lock_shared'))) {
    await session.end().catch(() => undefined);
    return null;
  }
  // SIGINT is PostgreSQL's fast shutdown: it ends sessions, writes a checkpoint and leaves nothing to recover.
  const stopWithoutWaiting = (): void => {
    if (isPostmasterOf(cluster, pid)) process.kill(pid, 'SIGINT');
  };
  const stop = async (): Promise<void> => {
    await ask(session, 'pg_advisory_unlock_shared');
    // A session of its own, because the first may have been lost. Whoever gets the lock alone is the last.
    const last = await connect(url);
    if (last !== null && (await ask(last, 'pg_try_advisory_lock'))) {
      stopWithoutWaiting();
      const deadline = Date.now() + STOP_TIMEOUT_MS;
      while (isPostmasterOf(cluster, pid)) {
        if (Date.now() > deadline) process.kill(pid, 'SIGKILL');
        await sleep(POLL_INTERVAL_MS);
      }
    }
    await Promise.allSettled([session.end(), last?.end()]);
  };
  let stopped: Promise<void> | undefined;
  return { url, stop: () => (stopped ??= stop()), stopWithoutWaiting };
}

/** @returns the answer of a function that takes the lock's number; false where the session has ended. */
function ask(session: pg.Client, question: string): Promise<boolean> {
  return session.query<{ answer: boolean }>(`SELECT ${question}($1) AS answer`, [USER_LOCK]).then(
    ({ rows }) => rows[0]?.answer === true,
    () => false,
  );
}

/** A session, or null when nothing that knows the password answers there. */
async function connect(url: string): Promise<pg.Client | null> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  // The session only holds a lock: when the cluster goes, those who use it hear of it through their own connections.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return client;
  } catch {
    await client.end().catch(() => undefined);
    return null;
  }
}

function urlOf(port: number, password: string): string {
  return `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
}

function passwordFileOf(cluster: string): string {
  return path.join(cluster, 'order-items.password');
}

function lockFileOf(cluster: string): string {
  return path.join(cluster, 'postmaster.pid');
}

/** @see https://www.postgresql.org/docs/18/storage-file-layout.html: line 1 is the process id, line 4 the port. */
async function readPostmaster(cluster: string): Promise<Postmaster | null> {
  const lines = (await readFile(lockFileOf(cluster), 'utf8').catch(() => '')).split('\n');
  const pid = Number(lines[0]);
  const port = Number(lines[3]);
  return pid > 0 && port > 0 ? { pid, port } : null;
}

async function lastWords(dataDir: string): Promise<string> {
  const log = await readFile(path.join(dataDir, 'postgres.log'), 'utf8').catch(() => '');
  const words = log.trim().split('\n').slice(-5).join('\n');
  return words === '' ? '' : ` Its last words:\n${words}`;
}

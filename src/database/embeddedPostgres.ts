import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { freePort, isPostmasterOf, launchPostmaster, runInitdb } from './postgresProcesses.ts';

/** A PostgreSQL that this project brings along, for development and tests. */
export interface EmbeddedPostgres {
  readonly url: string;
  /** Stops it and waits for its end, if this process is the one that answers for it; twice is once. */
  readonly stop: () => Promise<void>;
  /** Asks it to stop and does not wait: for a process that is about to end. */
  readonly stopSoon: () => void;
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

/** Whoever holds this advisory lock answers for the cluster: unlike a process id, it cannot outlive its holder. */
const OWNER_LOCK = 4_001_777_701;

const START_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 10_000;
const POLL_INTERVAL_MS = 20;

/**
 * Starts the cluster of a data directory, or joins it where one runs already: as its new owner after the old one was
 * killed, as a guest beside a living one.
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
  let hasEnded: (() => boolean) | null = null;
  while (Date.now() < deadline) {
    const postmaster = await readPostmaster(cluster);
    if (postmaster !== null && isPostmasterOf(cluster, postmaster.pid)) {
      const session = await connect(postmaster.port, password);
      if (session !== null) return join(session, urlOf(postmaster.port, password), cluster, postmaster.pid);
    } else if (hasEnded === null) {
      // A lock file without its postmaster is what a kill left behind; another program may have the number by now.
      await rm(lockFileOf(cluster), { force: true });
      hasEnded = await launchPostmaster(cluster, path.join(dataDir, 'postgres.log'), {
        port: String(await freePort()),
        listen_addresses: '127.0.0.1',
        unix_socket_directories: '',
        log_min_messages: 'warning',
        log_checkpoints: 'off',
        ...options.settings,
      });
    } else if (hasEnded()) {
      throw new Error(`The embedded PostgreSQL in ${cluster} did not start.${await lastWords(dataDir)}`);
    }
    await sleep(POLL_INTERVAL_MS);
  }
  throw new Error(`The embedded PostgreSQL in ${cluster} does not answer.${await lastWords(dataDir)}`);
}

/** Made aside and moved into place whole: a kill in the middle, or a second process, leaves no half of one. */
async function createCluster(dataDir: string, cluster: string): Promise<void> {
  if (existsSync(cluster)) return;
  const draft = path.join(dataDir, `postgres.${randomBytes(4).toString('hex')}`);
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

async function join(session: pg.Client, url: string, cluster: string, pid: number): Promise<EmbeddedPostgres> {
  const { rows } = await session.query<{ owner: boolean }>('SELECT pg_try_advisory_lock($1) AS owner', [OWNER_LOCK]);
  if (rows[0]?.owner !== true) {
    await session.end();
    return { url, stop: () => Promise.resolve(), stopSoon: () => undefined };
  }
  const signal = (name: 'SIGINT' | 'SIGKILL'): void => {
    if (isPostmasterOf(cluster, pid)) process.kill(pid, name);
  };
  // SIGINT is PostgreSQL's fast shutdown: it ends sessions, writes a checkpoint and leaves nothing to recover.
  const stopSoon = (): void => {
    signal('SIGINT');
  };
  const stop = async (): Promise<void> => {
    stopSoon();
    const deadline = Date.now() + STOP_TIMEOUT_MS;
    while (isPostmasterOf(cluster, pid)) {
      if (Date.now() > deadline) signal('SIGKILL');
      await sleep(POLL_INTERVAL_MS);
    }
    await session.end().catch(() => undefined);
  };
  let stopped: Promise<void> | undefined;
  return { url, stop: () => (stopped ??= stop()), stopSoon };
}

/** A session, or null when nothing that knows the password answers there. */
async function connect(port: number, password: string): Promise<pg.Client | null> {
  const client = new pg.Client({ connectionString: urlOf(port, password), connectionTimeoutMillis: 2_000 });
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

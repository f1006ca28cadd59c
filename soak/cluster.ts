import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import {
  findFreePort,
  isAlive,
  launchPostmaster,
  type LaunchedPostmaster,
  runInitdb,
} from '../src/embedded-postgres/postgresProcesses.ts';

const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 30_000;
const POLL_MS = 10;

/** The standby's name at the primary. */
const STANDBY = 'standby';

/** A PostgreSQL with a second server that can become a standby and be promoted. */
export interface Cluster extends AsyncDisposable {
  /** The URLs of both servers, running or not. */
  readonly urls: readonly [string, string];
  /** Stops the primary with SIGKILL, SIGQUIT (immediate) or SIGINT (fast), and waits until all its processes have ended. */
  readonly kill: (signal: NodeJS.Signals) => Promise<void>;
  /** Starts the primary if it does not run, and waits until it accepts writes. */
  readonly start: () => Promise<void>;
  /**
   * Copies the primary to the second server, which then follows it.
   *
   * @param isSynchronous whether the primary acknowledges a commit only after the standby has it.
   */
  readonly addStandby: (isSynchronous: boolean) => Promise<void>;
  /** Promotes the standby. */
  readonly promote: () => Promise<void>;
  /** Starts the former primary as a standby that follows no server and keeps what it had written. */
  readonly startFormer: () => Promise<void>;
  /** Opens a session with the primary. */
  readonly connect: () => Promise<pg.Client>;
  /** Runs a statement in a separate session. */
  readonly query: <Row extends pg.QueryResultRow>(text: string, values?: unknown[]) => Promise<Row[]>;
}

interface Server {
  readonly folder: string;
  readonly log: string;
  readonly url: string;
  readonly port: string;
}

/** Starts a cluster. @param folder holds its files. @param settings are those of PostgreSQL. */
export async function openCluster(folder: string, settings: Readonly<Record<string, string>>): Promise<Cluster> {
  const password = randomBytes(16).toString('hex');
  const servers = [await serverIn(folder, 'a', password), await serverIn(folder, 'b', password)] as const;
  let role: { readonly primary: Server; readonly other: Server } = { primary: servers[0], other: servers[1] };
  const passwordFile = path.join(folder, 'password');
  await writeFile(passwordFile, password, { mode: 0o600 });
  await runInitdb(servers[0].folder, passwordFile);
  await rm(passwordFile);

  const launch = (server: Server): Promise<LaunchedPostmaster> =>
    launchPostmaster(server.folder, server.log, {
      port: server.port,
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      // The standby starts from a copy and needs the log since then.
      wal_keep_size: '256MB',
      ...settings,
    });
  const start = async (server: Server): Promise<void> => {
    const deadline = Date.now() + START_TIMEOUT_MS;
    let launched = null as LaunchedPostmaster | null;
    while (!(await answers(server, 'SELECT 1 WHERE NOT pg_is_in_recovery()'))) {
      if (Date.now() > deadline) throw new Error('PostgreSQL did not start.');
      // After a kill, the child processes take a moment to end. The server does not start before.
      if (launched?.hasEnded() !== false && (await findPostmaster(server)) === null) launched = await launch(server);
      await sleep(POLL_MS);
    }
  };
  const kill = async (server: Server, signal: NodeJS.Signals): Promise<void> => {
    const pid = await findPostmaster(server);
    if (pid === null) return;
    // A backend outlives a killed postmaster for a moment, and can still commit.
    const family = new Set<number>();
    for (const one of await listProcesses()) if (one.pid === pid || one.parent === pid) family.add(one.pid);
    process.kill(pid, signal);
    const deadline = Date.now() + STOP_TIMEOUT_MS;
    while ((await listProcesses()).some((one) => family.has(one.pid))) {
      if (Date.now() > deadline) throw new Error(`PostgreSQL did not end after ${signal}.`);
      await sleep(POLL_MS);
    }
  };
  const connect = (): Promise<pg.Client> => connectTo(role.primary);
  const query = async <Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> => {
    const client = await connect();
    try {
      return (await client.query<Row>(text, values)).rows;
    } finally {
      await client.end().catch(() => undefined);
    }
  };
  const addStandby = async (isSynchronous: boolean): Promise<void> => {
    const { primary: from, other: to } = role;
    await kill(to, 'SIGKILL');
    await copy(from, to);
    const { hostname, port, username } = new URL(from.url);
    const upstream = `host=${hostname} port=${port} user=${username} password=${password} application_name=${STANDBY}`;
    await appendFile(path.join(to.folder, 'postgresql.auto.conf'), `primary_conninfo = '${upstream}'\n`);
    await launch(to);
    await until(to, 'SELECT 1 WHERE pg_is_in_recovery()');
    if (!isSynchronous) return;
    await query(`ALTER SYSTEM SET synchronous_standby_names = '${STANDBY}'`);
    await query('SELECT pg_reload_conf()');
    await until(from, "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'");
  };

  await start(servers[0]);
  return {
    urls: [servers[0].url, servers[1].url],
    kill: (signal) => kill(role.primary, signal),
    start: () => start(role.primary),
    addStandby,
    promote: async () => {
      role = { primary: role.other, other: role.primary };
      await query('SELECT pg_promote()');
    },
    startFormer: async () => {
      const { other } = role;
      await appendFile(path.join(other.folder, 'standby.signal'), '');
      await launch(other);
      await until(other, 'SELECT 1 WHERE pg_is_in_recovery()');
    },
    connect,
    query,
    [Symbol.asyncDispose]: async () => {
      for (const server of servers) await kill(server, 'SIGQUIT');
    },
  };
}

async function serverIn(folder: string, name: string, password: string): Promise<Server> {
  const port = String(await findFreePort());
  return {
    folder: path.join(folder, name),
    log: path.join(folder, `${name}.log`),
    url: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`,
    port,
  };
}

/** @see https://www.postgresql.org/docs/18/continuous-archiving.html#BACKUP-LOWLEVEL-BASE-BACKUP */
async function copy(from: Server, to: Server): Promise<void> {
  const session = await connectTo(from);
  try {
    await session.query("SELECT pg_backup_start('standby', true)");
    await rm(to.folder, { recursive: true, force: true });
    await mkdir(path.dirname(to.folder), { recursive: true });
    await promisify(execFile)('cp', ['-a', from.folder, to.folder]).catch((error: unknown) => {
      // Files that PostgreSQL removes during the copy are not needed.
      if (!/^(cp: cannot .*: No such file or directory\n)+$/.test((error as { stderr: string }).stderr)) throw error;
    });
    const { rows } = await session.query<{ labelfile: string }>('SELECT labelfile FROM pg_backup_stop(false)');
    // Append keeps the owner of the copied file, which can differ from the user of this process.
    await appendFile(path.join(to.folder, 'backup_label'), rows[0]?.labelfile ?? '');
    await appendFile(path.join(to.folder, 'standby.signal'), '');
    await rm(path.join(to.folder, 'postmaster.pid'), { force: true });
  } finally {
    await session.end();
  }
}

async function connectTo({ url }: Server): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** Whether a statement returns a row on a server. */
async function answers(server: Server, statement: string): Promise<boolean> {
  try {
    const client = await connectTo(server);
    try {
      return (await client.query(statement)).rows.length > 0;
    } finally {
      await client.end();
    }
  } catch {
    return false;
  }
}

async function until(server: Server, statement: string): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!(await answers(server, statement))) {
    if (Date.now() > deadline) throw new Error(`PostgreSQL did not come to ${statement}.`);
    await sleep(POLL_MS);
  }
}

/** @returns the process id of the server, or null if it does not run. */
async function findPostmaster({ folder }: Server): Promise<number | null> {
  const file = await readFile(path.join(folder, 'postmaster.pid'), 'utf8').catch(() => '');
  const pid = Number(file.split('\n')[0]);
  return pid > 0 && isAlive(pid) ? pid : null;
}

/** Lists the running processes of the machine. A zombie no longer runs. */
async function listProcesses(): Promise<{ readonly pid: number; readonly parent: number }[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=,stat=']);
  return [...stdout.matchAll(/^ *(\d+) +(\d+) +[^Z]/gm)].map(([, pid, parent]) => ({
    pid: Number(pid),
    parent: Number(parent),
  }));
}

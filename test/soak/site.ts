import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { openDevelopmentIssuer } from '../../src/auth/developmentIssuer.ts';
import { startEmbeddedPostgres } from '../../src/database/embeddedPostgres.ts';
import { migrateDatabase } from '../../src/database/migrateDatabase.ts';
import { freePort, isAlive, launchPostmaster } from '../../src/database/postgresProcesses.ts';
import { type DatabaseProxy, openDatabaseProxy } from '../support/databaseProxy.ts';

const ROOT = path.join(import.meta.dirname, '../..');
const START_TIMEOUT_MS = 30_000;
const POLL_MS = 10;

/** One instance of the service, as a process. */
export interface Instance {
  readonly url: string;
  /** Ends it by a signal, and waits for its end. */
  readonly kill: (signal: NodeJS.Signals) => Promise<void>;
  /** Sends a signal that it survives. */
  readonly signal: (signal: NodeJS.Signals) => void;
  /** Starts it again where it was. */
  readonly start: () => Promise<void>;
}

/** A database, a network to it that can be broken, and instances of the service. */
export interface Site extends AsyncDisposable {
  readonly token: string;
  readonly proxy: DatabaseProxy;
  readonly instances: readonly [Instance, Instance];
  /** Ends the database by a signal: SIGKILL, SIGQUIT (immediate) or SIGINT (fast), and waits for its end. */
  readonly killDatabase: (signal: NodeJS.Signals) => Promise<void>;
  readonly startDatabase: () => Promise<void>;
  /** Asks the database past the network. */
  readonly query: <Row extends pg.QueryResultRow>(text: string, values?: unknown[]) => Promise<Row[]>;
  /** A session past the network. */
  readonly connect: () => Promise<pg.Client>;
}

/** @param settings of PostgreSQL. */
export async function openSite(settings: Readonly<Record<string, string>>): Promise<Site> {
  await using opened = new AsyncDisposableStack();
  const dataDir = await mkdtemp(path.join(tmpdir(), 'order-items-soak-'));
  opened.defer(() => rm(dataDir, { recursive: true, force: true }));
  const given = {
    port: String(await freePort()),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    ...settings,
  };
  const postgres = await startEmbeddedPostgres({ dataDir, settings: given });
  opened.defer(() => postgres.stop().catch(() => undefined));
  const cluster = path.join(dataDir, 'postgres');
  await migrateDatabase(postgres.url);

  const connect = async (): Promise<pg.Client> => {
    const client = new pg.Client(postgres.url);
    client.on('error', () => undefined);
    await client.connect();
    return client;
  };
  const query = async <Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> => {
    const client = await connect();
    try {
      return (await client.query<Row>(text, values)).rows;
    } finally {
      await client.end().catch(() => undefined);
    }
  };
  const postmaster = async (): Promise<number> =>
    Number((await readFile(path.join(cluster, 'postmaster.pid'), 'utf8')).split('\n')[0]);
  const killDatabase = async (signal: NodeJS.Signals): Promise<void> => {
    const pid = await postmaster();
    process.kill(pid, signal);
    while (isAlive(pid)) await sleep(POLL_MS);
  };
  opened.defer(() => killDatabase('SIGINT').catch(() => undefined));
  const startDatabase = async (): Promise<void> => {
    const deadline = Date.now() + START_TIMEOUT_MS;
    // After a kill, its children take a moment to end, and until then it does not start.
    for (let launched = await launchPostmaster(cluster, path.join(dataDir, 'postgres.log'), given); ;) {
      if (
        await query('SELECT').then(
          () => true,
          () => false,
        )
      )
        return;
      if (Date.now() > deadline) throw new Error('PostgreSQL did not start again.');
      if (launched.hasEnded()) launched = await launchPostmaster(cluster, path.join(dataDir, 'postgres.log'), given);
      await sleep(POLL_MS);
    }
  };

  const proxy = await openDatabaseProxy(postgres.url);
  opened.defer(() => proxy.cut().catch(() => undefined));
  const token = await (await openDevelopmentIssuer(dataDir)).issueToken();
  const environment = { DATABASE_URL: proxy.url, DATA_DIR: dataDir };
  const instances = [await openInstance(environment), await openInstance(environment)] as const;
  for (const instance of instances) {
    opened.defer(() => instance.kill('SIGKILL'));
    await instance.start();
  }
  const running = opened.move();
  return {
    token,
    proxy,
    instances,
    killDatabase,
    startDatabase,
    query,
    connect,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

async function openInstance(environment: Readonly<Record<string, string>>): Promise<Instance> {
  const port = String(await freePort());
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
      const started = spawn(process.execPath, [path.join(ROOT, 'src/main.ts')], {
        cwd: ROOT,
        env: {
          PATH: process.env['PATH'],
          PORT: port,
          PLAYGROUND: 'false',
          LOG_LEVEL: 'silent',
          RATE_LIMIT_PER_MINUTE: '0',
          ...environment,
        },
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      child = started;
      const deadline = Date.now() + START_TIMEOUT_MS;
      while (
        !(await fetch(`${url}/health/ready`).then(
          ({ ok }) => ok,
          () => false,
        ))
      ) {
        if (Date.now() > deadline || started.exitCode !== null) throw new Error('The service did not start.');
        await sleep(POLL_MS);
      }
    },
  };
}

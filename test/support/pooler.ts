import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { findFreePort } from '../../src/embedded-postgres/postgresProcesses.ts';
import { createTestDatabase, queryServer } from './testDatabase.ts';
import { waitFor } from './waitFor.ts';

/** The path of Debian's PgBouncer. */
const FILE = '/usr/sbin/pgbouncer';

/** Whether PgBouncer is installed. */
export const hasPooler = existsSync(FILE);

/** The number of sessions that all connections share. */
export const SESSIONS = 3;

/** The settings of docs/scaling.md, which a pooler does not let a session set at its start. */
const LIMITS: readonly (readonly [string, string])[] = [
  ['statement_timeout', '10s'],
  ['lock_timeout', '2s'],
  ['idle_in_transaction_session_timeout', '10s'],
  ['client_connection_check_interval', '500ms'],
];

/** A PgBouncer in transaction mode in front of a new, empty database. */
export interface Pooler {
  /** The URL of the database through the pooler. */
  readonly url: string;
  /** The URL of the database past the pooler. */
  readonly directUrl: string;
  readonly kill: () => Promise<void>;
  readonly start: () => Promise<void>;
}

/** Starts a pooler. The end of the test file stops it after everything that was started later. */
export async function startPooler(): Promise<Pooler> {
  const database = await createTestDatabase({ migrated: false });
  const { hostname, port: serverPort, pathname } = new URL(database.url);
  const [name, role, password] = [pathname.slice(1), `pooled_${randomBytes(4).toString('hex')}`, 'planted'];
  await queryServer(`CREATE ROLE ${role} LOGIN PASSWORD '${password}'`);
  await queryServer(`ALTER DATABASE ${name} OWNER TO ${role}`);
  for (const [setting, value] of LIMITS) await queryServer(`ALTER ROLE ${role} SET ${setting} = '${value}'`);

  const folder = await mkdtemp(path.join(tmpdir(), 'order-items-pooler-'));
  const port = await findFreePort();
  const configuration = path.join(folder, 'pgbouncer.ini');
  await writeFile(
    configuration,
    `[databases]
items = host=${hostname} port=${serverPort} dbname=${name} user=${role} password=${password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = ${SESSIONS}
`,
  );
  // PgBouncer drops root's rights and must still read this folder.
  await chmod(folder, 0o755);
  const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : [];
  let child: ChildProcess | null = null;
  const kill = async (): Promise<void> => {
    if (child === null) return;
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
    child = null;
  };
  const start = async (): Promise<void> => {
    child = spawn(FILE, ['-q', ...user, configuration], { stdio: 'ignore' });
    await waitFor('PgBouncer to listen', () => listens(port));
  };
  await start();
  afterAll(async () => {
    await kill();
    await database.drop();
    await queryServer(`DROP ROLE ${role}`);
    await rm(folder, { recursive: true });
  });
  const directUrl = new URL(database.url);
  directUrl.username = role;
  directUrl.password = password;
  return { url: `postgres://anybody@127.0.0.1:${port}/items`, directUrl: directUrl.href, kill, start };
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

import type { DataSource } from 'typeorm';
import { OperatorError } from '../work/operatorError.ts';

/** docs/configuration.md names this version. */
const OLDEST_VERSION = 15;

/**
 * Requires a server and a database that can hold every text of a caller. In another encoding than UTF-8, a reason with an
 * emoji cannot be stored. A worker of Citus does not see the advisory locks that others take on the coordinator.
 *
 * @throws OperatorError, or a database error.
 */
export async function requireSupportedServer(dataSource: DataSource): Promise<void> {
  const [server] = await dataSource.query<{ version: number; database: string; encoding: string; citus: boolean }[]>(
    `SELECT current_setting('server_version_num')::int / 10000 AS version, current_database() AS database,
       current_setting('server_encoding') AS encoding, to_regclass('pg_catalog.pg_dist_local_group') IS NOT NULL AS citus`,
  );
  if (server === undefined) return;
  const { version, database, encoding, citus } = server;
  if (version < OLDEST_VERSION) {
    throw new OperatorError(
      `The server has PostgreSQL ${version}. Use version ${OLDEST_VERSION} or later, or correct DATABASE_URL.`,
    );
  }
  if (citus && (await isWorker(dataSource))) {
    throw new OperatorError('DATABASE_URL names a worker of Citus. Set the URL of the coordinator.');
  }
  if (encoding === 'UTF8') return;
  throw new OperatorError(
    `The database "${database}" has the encoding ${encoding}, which cannot store every text. Create one with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0, and set it in DATABASE_URL.`,
  );
}

async function isWorker(dataSource: DataSource): Promise<boolean> {
  const [local] = await dataSource.query<{ group: number }[]>('SELECT groupid AS "group" FROM pg_dist_local_group');
  return local !== undefined && local.group !== 0;
}

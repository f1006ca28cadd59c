import type { DataSource } from 'typeorm';
import { OperatorError } from '../work/operatorError.ts';

/** docs/configuration.md names this version. */
const OLDEST_VERSION = 15;

/**
 * Requires a server and a database that can hold every text of a caller. In another encoding than UTF-8, a reason with an
 * emoji cannot be stored.
 *
 * @throws OperatorError, or a database error.
 */
export async function requireSupportedServer(dataSource: DataSource): Promise<void> {
  const [server] = await dataSource.query<{ version: number; database: string; encoding: string }[]>(
    `SELECT current_setting('server_version_num')::int / 10000 AS version, current_database() AS database,
       current_setting('server_encoding') AS encoding`,
  );
  if (server === undefined) return;
  const { version, database, encoding } = server;
  if (version < OLDEST_VERSION) {
    throw new OperatorError(
      `The server has PostgreSQL ${version}. Use version ${OLDEST_VERSION} or later, or correct DATABASE_URL.`,
    );
  }
  if (encoding === 'UTF8') return;
  throw new OperatorError(
    `The database "${database}" has the encoding ${encoding}, which cannot store every text. Create one with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0, and set it in DATABASE_URL.`,
  );
}

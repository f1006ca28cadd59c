import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startEmbeddedPostgres } from '../../src/embedded-postgres/embeddedPostgres.ts';
import { migrateDatabase } from '../../src/database/migrateDatabase.ts';
import { CITUS_URL, connectNodes, distributeTables, findNodes } from './citus.ts';
import {
  databaseUrl,
  databaseUrls,
  dropDatabase,
  queryNodes,
  queryServer,
  TEMPLATE_DATABASE,
  TEST_POSTGRES_URLS,
} from './testDatabase.ts';

/**
 * Starts one PostgreSQL for the whole run, or uses the nodes of Citus. The migrated template database is cloned by each test
 * file.
 */
export default async function startPostgres(): Promise<void> {
  if (CITUS_URL !== undefined) {
    process.env[TEST_POSTGRES_URLS] = (await findNodes(CITUS_URL)).join(' ');
    // A run that was interrupted leaves its template.
    await queryNodes(`DROP DATABASE IF EXISTS ${TEMPLATE_DATABASE} WITH (FORCE)`);
    await queryNodes(`CREATE DATABASE ${TEMPLATE_DATABASE}`);
    await connectNodes(databaseUrls(TEMPLATE_DATABASE));
    await distributeTables(databaseUrl(TEMPLATE_DATABASE));
    // The maintenance daemons of Citus stay connected, and a database in use cannot be cloned.
    await queryNodes(`ALTER DATABASE ${TEMPLATE_DATABASE} ALLOW_CONNECTIONS false`);
    await queryNodes(
      `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '${TEMPLATE_DATABASE}'`,
    );
    Object.assign(globalThis, { stopTestPostgres: () => dropDatabase(TEMPLATE_DATABASE) });
    return;
  }
  const dataDir = await mkdtemp(path.join(tmpdir(), 'order-items-test-'));
  // Test data need not survive a power loss.
  const settings = {
    fsync: 'off',
    full_page_writes: 'off',
    synchronous_commit: 'off',
    max_connections: '200',
    // Counts how often statements are planned.
    shared_preload_libraries: 'pg_stat_statements',
  };
  // `npm run test:postgres` sets this to run the tests on another version.
  const programs = process.env['TEST_POSTGRES_PROGRAMS'];
  const postgres = await startEmbeddedPostgres({ dataDir, settings, programs });
  process.env[TEST_POSTGRES_URLS] = postgres.url;
  const stop = async (): Promise<void> => {
    await postgres.stop();
    await rm(dataDir, { recursive: true });
  };
  Object.assign(globalThis, { stopTestPostgres: stop });

  await queryServer(`CREATE DATABASE ${TEMPLATE_DATABASE}`);
  await migrateDatabase(databaseUrl(TEMPLATE_DATABASE));
}

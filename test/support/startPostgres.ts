import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startEmbeddedPostgres } from '../../src/embedded-postgres/embeddedPostgres.ts';
import { migrateDatabase } from '../../src/database/migrateDatabase.ts';
import { databaseUrl, queryServer, TEMPLATE_DATABASE } from './testDatabase.ts';

/** Starts one PostgreSQL for the whole run. Its migrated template database is cloned by each test file. */
export default async function startPostgres(): Promise<void> {
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
  process.env['TEST_POSTGRES_URL'] = postgres.url;
  Object.assign(globalThis, { testPostgres: { postgres, dataDir } });

  await queryServer(`CREATE DATABASE ${TEMPLATE_DATABASE}`);
  await migrateDatabase(databaseUrl(TEMPLATE_DATABASE));
}

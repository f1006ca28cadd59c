import { randomBytes } from 'node:crypto';
import pg from 'pg';

export const TEMPLATE_DATABASE = 'template_migrated';

export interface TestDatabase {
  readonly url: string;
  /** Drops the database. Fails if a connection is still open, which reveals leaks. */
  readonly drop: () => Promise<void>;
}

/** Creates a database: migrated and without rows, or completely empty. */
export async function createTestDatabase({ migrated = true } = {}): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await queryServer(`CREATE DATABASE ${name} ${migrated ? `TEMPLATE ${TEMPLATE_DATABASE}` : ''}`);
  return { url: databaseUrl(name), drop: () => queryServer(`DROP DATABASE ${name}`) };
}

export function databaseUrl(name: string): string {
  const url = new URL(serverUrl());
  url.pathname = `/${name}`;
  return url.href;
}

/** Runs a statement on the server, outside of the tests' databases. */
export async function queryServer(statement: string): Promise<void> {
  const client = new pg.Client(serverUrl());
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

function serverUrl(): string {
  const url = process.env['TEST_POSTGRES_URL'];
  if (url === undefined) throw new Error('The tests run through `npm test`, which starts PostgreSQL.');
  return url;
}

import { randomBytes } from 'node:crypto';
import { query } from './citus.ts';

export const TEMPLATE_DATABASE = 'template_migrated';

/** The variable with the URL of each node. */
export const TEST_POSTGRES_URLS = 'TEST_POSTGRES_URLS';

export interface TestDatabase {
  readonly url: string;
  /** Drops the database. Fails if a connection is still open, which reveals leaks. */
  readonly drop: () => Promise<void>;
}

/** Creates a database: migrated and without rows, or completely empty. */
export async function createTestDatabase({ migrated = true } = {}): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await queryNodes(`CREATE DATABASE ${name} ${migrated ? `TEMPLATE ${TEMPLATE_DATABASE}` : ''}`);
  // Tests disturb cancels by triggers, which Citus takes on distributed tables only with this setting.
  if (nodes().length > 1) await queryServer(`ALTER DATABASE ${name} SET citus.enable_unsafe_triggers = on`);
  return { url: databaseUrl(name), drop: () => dropDatabase(name) };
}

export function databaseUrl(name: string): string {
  return urlOnNode(nodes()[0], name);
}

/** Returns the name of the database that the URL names. */
export function nameDatabase(url: string): string {
  return new URL(url).pathname.slice(1);
}

/** Returns the URL of a database on each node: on the server, or on the coordinator and the workers of Citus. */
export function databaseUrls(name: string): string[] {
  return nodes().map((node) => urlOnNode(node, name));
}

/** Drops a database. The connections between the nodes of Citus reveal no leaks. */
export async function dropDatabase(name: string): Promise<void> {
  await queryNodes(`DROP DATABASE ${name} ${nodes().length > 1 ? 'WITH (FORCE)' : ''}`);
}

/** Runs a statement on the server, outside of the tests' databases. */
export async function queryServer(statement: string): Promise<void> {
  await query(nodes()[0], statement);
}

/** Runs a statement on each node, outside of the tests' databases. */
export async function queryNodes(statement: string): Promise<void> {
  for (const node of nodes()) await query(node, statement);
}

function urlOnNode(node: string, name: string): string {
  const url = new URL(node);
  url.pathname = `/${name}`;
  return url.href;
}

function nodes(): [string, ...string[]] {
  const [first, ...others] = (process.env[TEST_POSTGRES_URLS] ?? '').split(' ');
  if (first === undefined || first === '')
    throw new Error('The tests run through `npm test`, which starts PostgreSQL.');
  return [first, ...others];
}

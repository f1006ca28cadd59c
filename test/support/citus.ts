import pg from 'pg';
import { migrateDatabase } from '../../src/database/migrateDatabase.ts';

/** docs/scaling.md has the same statements. Fewer shards than by default, because each test file has its own. */
const DISTRIBUTE = `
  SET citus.shard_count = 8;
  SET citus.enable_unsafe_triggers = on;
  SELECT create_distributed_table('order_item', 'id');
  SELECT create_distributed_table('order_item_cancellation', 'order_item_id', colocate_with => 'order_item');
  SELECT create_distributed_table('order_item_event', 'order_item_id', colocate_with => 'order_item')`;

/** A coordinator of Citus, which `npm run test:citus` names. Undefined in the other tiers. */
export const CITUS_URL = process.env['CITUS_URL'];

/** The error of a violated constraint. Citus leaves the name out of the errors of workers. */
export function violates(code: string, constraint: string): object {
  return { code, ...(CITUS_URL === undefined ? { constraint } : {}) };
}

/** Returns the URL of each node, the coordinator's first. */
export async function findNodes(coordinatorUrl: string): Promise<string[]> {
  const workers = await query<{ node_name: string; node_port: string }>(
    coordinatorUrl,
    'SELECT node_name, node_port FROM citus_get_active_worker_nodes() ORDER BY 1, 2',
  );
  const urls = workers.map(({ node_name, node_port }) => {
    const url = new URL(coordinatorUrl);
    url.hostname = node_name;
    url.port = node_port;
    return url.href;
  });
  return [coordinatorUrl, ...urls];
}

/** Makes the databases of these URLs the nodes of a cluster. The first is the coordinator. */
export async function connectNodes(urls: readonly string[]): Promise<void> {
  const [coordinator = '', ...workers] = urls;
  for (const url of urls) await query(url, 'CREATE EXTENSION citus');
  await query(coordinator, nodeStatement('citus_set_coordinator_host', coordinator));
  for (const worker of workers) await query(coordinator, nodeStatement('citus_add_node', worker));
}

/** Migrates a database of a coordinator and distributes its tables. */
export async function distributeTables(coordinator: string): Promise<void> {
  await migrateDatabase(coordinator);
  await query(coordinator, DISTRIBUTE);
}

function nodeStatement(call: string, url: string): string {
  const { hostname, port } = new URL(url);
  return `SELECT ${call}('${hostname}', ${port})`;
}

export async function query<Row extends object>(url: string, statement: string): Promise<Row[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query<Row>(statement)).rows;
  } finally {
    await client.end();
  }
}

import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { migrateDatabase } from '../src/database/migrateDatabase.ts';
import { ITEMS_PER_ORDER } from './workloads.ts';

/** A database with generated items for reads, and further items to cancel. */
export interface Dataset {
  readonly url: string;
  readonly items: number;
  readonly cancelable: number;
  /** Reopens the cancelled items, vacuums the table, and flushes it to the disk. */
  readonly reset: () => Promise<void>;
  /**
   * Waits until all statements have ended, and checks the acknowledged cancels.
   *
   * @throws Error if an acknowledged cancel is missing, or any cancel is incomplete.
   */
  readonly check: (acknowledged: readonly string[]) => Promise<void>;
  readonly client: pg.Client;
  readonly drop: () => Promise<void>;
}

/** The cancels of all contenders. */
const RECORDED =
  'SELECT order_item_id FROM order_item_cancellation UNION ALL SELECT order_item_id FROM bench_cancellation';

/** The application name of a session that locks an item on purpose. */
export const LOCK_HOLDER = 'bench-lock-holder';

const COLUMNS =
  'id, order_id, product_id, external_id, status, is_pre_order, release_date, quantity, price_amount, price_currency, created_at, updated_at';

/** Creates a database with the tables of the migrations and fills it. It builds the indexes last, which is faster. */
export async function createDataset(
  serverUrl: string,
  { items, cancelable }: { readonly items: number; readonly cancelable: number },
): Promise<Dataset> {
  const name = `bench_${items}`;
  await onServer(serverUrl, `CREATE DATABASE ${name}`);
  const url = Object.assign(new URL(serverUrl), { pathname: name }).href;
  await migrateDatabase(url);
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  await client.query('SET timezone = UTC');
  // Where the other contenders record their cancels.
  await client.query(`CREATE TABLE bench_cancellation (id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    order_item_id uuid NOT NULL UNIQUE, reason text, cancelled_by text NOT NULL, request_id text NOT NULL,
    cancelled_at timestamptz NOT NULL DEFAULT now())`);
  const createIndexes = await dropIndexes(client);
  await client.query(
    `INSERT INTO order_item (${COLUMNS})
     SELECT md5('item-' || n)::uuid, 'order-' || n / $2::int, 'product-' || n % 4000, n::text,
       (ARRAY['pending', 'on_hold', 'in_fulfillment', 'complete', 'cancelled', 'returned'])[1 + n % 6],
       n % 5 = 0, CASE WHEN n % 5 = 0 THEN date '2026-12-01' END, 1 + n % 3, n % 10000 / 100.0, 'GBP', at, at
     FROM generate_series(0, $1::int - 1) AS n, LATERAL (SELECT timestamptz '2025-01-01' + n * interval '1 second') AS t(at)`,
    [items, ITEMS_PER_ORDER],
  );
  await client.query(
    `INSERT INTO order_item (${COLUMNS})
     SELECT md5('cancel-' || n)::uuid, 'cancel-order-' || n / $2::int, 'product-' || n % 4000, n::text,
       (ARRAY['pending', 'on_hold', 'in_fulfillment'])[1 + n % 3],
       true, date '2026-12-01', 1, n % 10000 / 100.0, 'GBP', at, at
     FROM generate_series(0, $1::int - 1) AS n, LATERAL (SELECT timestamptz '2025-01-01' + n * interval '1 second') AS t(at)`,
    [cancelable, ITEMS_PER_ORDER],
  );
  for (const statement of createIndexes) await client.query(statement);
  await client.query('VACUUM ANALYZE');
  await client.query('CHECKPOINT');
  return {
    url,
    items,
    cancelable,
    reset: () => reset(client),
    check: (acknowledged) => check(client, acknowledged),
    client,
    drop: async () => {
      await client.end();
      await onServer(serverUrl, `DROP DATABASE ${name} WITH (FORCE)`);
    },
  };
}

/**
 * Drops the indexes and constraints of `order_item`.
 *
 * @returns the statements that create them again.
 */
async function dropIndexes(client: pg.Client): Promise<string[]> {
  const { rows: constraints } = await client.query<{ table: string; name: string; definition: string }>(
    `SELECT conrelid::regclass AS table, conname AS name, pg_get_constraintdef(oid) AS definition
     FROM pg_constraint
     WHERE conrelid = 'order_item'::regclass AND contype = 'p' OR confrelid = 'order_item'::regclass
     ORDER BY contype = 'f'`,
  );
  for (const { table, name } of constraints.toReversed()) {
    await client.query(`ALTER TABLE ${table} DROP CONSTRAINT ${name}`);
  }
  const { rows: indexes } = await client.query<{ name: string; definition: string }>(
    `SELECT indexname AS name, indexdef AS definition FROM pg_indexes WHERE tablename = 'order_item'`,
  );
  for (const { name } of indexes) await client.query(`DROP INDEX ${name}`);
  return [
    ...constraints.map(({ table, name, definition }) => `ALTER TABLE ${table} ADD CONSTRAINT ${name} ${definition}`),
    ...indexes.map(({ definition }) => definition),
  ];
}

async function onServer(serverUrl: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: serverUrl });
  client.on('error', () => undefined);
  await client.connect();
  await client.query(statement).finally(() => client.end());
}

async function reset(client: pg.Client): Promise<void> {
  await waitUntilIdle(client);
  // Triggers forbid this. The role `replica` disables them.
  await client.query('SET session_replication_role = replica');
  await client.query(
    // The statuses of the items to cancel, as they were made.
    `UPDATE order_item SET status = (ARRAY['pending', 'on_hold', 'in_fulfillment'])[1 + external_id::int % 3],
       cancelled_quantity = 0, version = 1
     FROM (${RECORDED}) AS recorded WHERE order_item.id = order_item_id`,
  );
  await client.query('TRUNCATE order_item_cancellation, order_item_event, bench_cancellation');
  await client.query('SET session_replication_role = DEFAULT');
  await client.query('VACUUM (TRUNCATE false) order_item');
  await client.query('CHECKPOINT');
}

/** Waits for statements that still run after the load has ended. */
async function waitUntilIdle(client: pg.Client): Promise<void> {
  for (let quiet = 0; quiet < 3;) {
    const { rows } = await client.query(
      `SELECT 1 FROM pg_stat_activity
       WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
         AND state <> 'idle' AND application_name <> $1`,
      [LOCK_HOLDER],
    );
    quiet = rows.length === 0 ? quiet + 1 : 0;
    await sleep(20);
  }
}

async function check(client: pg.Client, acknowledged: readonly string[]): Promise<void> {
  await waitUntilIdle(client);
  const distinct = new Set(acknowledged).size;
  if (distinct !== acknowledged.length) throw new Error('An item was acknowledged as cancelled twice.');
  const { rows } = await client.query<Record<'acknowledged' | 'items' | 'rows' | 'cancelled' | 'unannounced', number>>(
    `SELECT count(*) FILTER (WHERE order_item_id = ANY($1::uuid[]))::int AS acknowledged,
       count(DISTINCT order_item_id)::int AS items, count(*)::int AS rows,
       count(*) FILTER (WHERE EXISTS (
         SELECT FROM order_item WHERE order_item.id = order_item_id AND status = 'cancelled'))::int AS cancelled,
       (SELECT count(*)::int FROM order_item_cancellation LEFT JOIN order_item_event USING (order_item_id)
        WHERE order_item_event.id IS NULL) AS unannounced
     FROM (${RECORDED}) AS recorded`,
    [acknowledged],
  );
  const [found] = rows;
  const isWhole =
    found?.acknowledged === distinct &&
    found.unannounced === 0 &&
    [found.items, found.cancelled].every((count) => count === found.rows);
  if (!isWhole) throw new Error(`The tables do not match ${distinct} acknowledged cancels: ${JSON.stringify(found)}`);
}

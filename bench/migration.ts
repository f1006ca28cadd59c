import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { migrateDatabase } from '../src/database/migrateDatabase.ts';
import { startEmbeddedPostgres } from '../src/embedded-postgres/embeddedPostgres.ts';
import { insertCancelledItems } from './cancelledItems.ts';
import { cancelMeanwhile } from './cancelMeanwhile.ts';
import { formatNumber } from './table.ts';

/*
 * Runs the newest migration on tables with 1,000,000 cancelled items, or the number given, while an item is cancelled every
 * 10 ms. It prints the sizes of the tables and the slowest cancel. The exit code is 1 if a cancel took longer than a second.
 */

const MAX_CANCEL_MS = 1_000;
const TABLES = ['order_item', 'order_item_cancellation', 'order_item_event'];

async function bench(items: number): Promise<void> {
  await using opened = new AsyncDisposableStack();
  const dataDir = await mkdtemp(path.join(tmpdir(), 'order-items-bench-'));
  opened.defer(() => rm(dataDir, { recursive: true }));
  const { url, stop } = await startEmbeddedPostgres({ dataDir, settings: { max_wal_size: '4GB' } });
  opened.defer(stop);
  const client = new pg.Client(url);
  await client.connect();
  opened.defer(() => client.end());

  await migrateDatabase(url);
  const [newest] = await migrateDatabase(url, { direction: 'down' });
  const filling = await timed(() => insertCancelledItems(client, items));
  await client.query('VACUUM ANALYZE');
  process.stdout.write(`${formatNumber(items)} cancelled items, inserted in ${filling.seconds.toFixed(0)} s. `);
  process.stdout.write('Sizes before and after the migration in MB:\n');
  const before = await readSizes(client);

  const migrating = timed(() => migrateDatabase(url));
  const cancels = await cancelMeanwhile(url, migrating, async (query) => {
    const [item] = await query<{ id: string }>(
      `INSERT INTO order_item (id, order_id, product_id, is_pre_order, price_amount, price_currency)
       VALUES (gen_random_uuid(), 'order', 'product', true, 1, 'EUR') RETURNING id`,
    );
    return item?.id ?? '';
  });
  const { seconds } = await migrating;
  const after = await readSizes(client);
  for (const name of new Set([...before.keys(), ...after.keys()])) {
    process.stdout.write(`  ${name.padEnd(45)} ${format(before.get(name))} ${format(after.get(name))}\n`);
  }
  const { count, slowestMs } = cancels;
  process.stdout.write(
    `${newest ?? ''}: ${seconds.toFixed(1)} s, meanwhile ${count} cancels, the slowest ${slowestMs.toFixed(0)} ms\n`,
  );
  if (slowestMs > MAX_CANCEL_MS) process.exitCode = 1;
}

function format(megabytes = 0): string {
  return megabytes.toFixed(0).padStart(6);
}

/** Reads the sizes of the tables without indexes, and of their indexes, in megabytes. */
async function readSizes(client: pg.Client): Promise<Map<string, number>> {
  const { rows } = await client.query<{ name: string; bytes: number }>(
    `SELECT oid::regclass::text AS name, pg_table_size(oid)::float8 AS bytes FROM pg_class WHERE oid = ANY($1::regclass[])
     UNION ALL
     SELECT indexrelid::regclass::text, pg_relation_size(indexrelid)::float8 FROM pg_index WHERE indrelid = ANY($1::regclass[])
     ORDER BY 1`,
    [TABLES],
  );
  return new Map(rows.map(({ name, bytes }) => [name, bytes / 1_048_576]));
}

async function timed<T>(act: () => Promise<T>): Promise<{ seconds: number; value: T }> {
  const startedAt = performance.now();
  const value = await act();
  return { seconds: (performance.now() - startedAt) / 1_000, value };
}

await bench(Number(process.argv[2] ?? 1_000_000));

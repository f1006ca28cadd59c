import type pg from 'pg';

const TABLES = ['order_item', 'order_item_cancellation', 'order_item_event'];

/** How the tables get back what was dropped from them. */
interface Dropped {
  readonly drop: string;
  readonly create: string;
}

/**
 * Inserts cancelled items with their cancellations and events, as cancels by REST with a reason leave them. The tables must be
 * empty. Keys and indexes are built after the rows, which takes a fraction of the time that inserting into them takes.
 */
export async function insertCancelledItems(client: pg.Client, items: number): Promise<void> {
  await client.query("SET synchronous_commit = off; SET maintenance_work_mem = '1GB'");
  const dropped = [...(await listKeys(client)), ...(await listIndexes(client))];
  for (const { drop } of dropped) await client.query(drop);
  await client.query(
    `INSERT INTO order_item (id, order_id, product_id, external_id, status, is_pre_order, release_date, price_amount,
       price_currency, version, created_at)
     SELECT md5(n::text)::uuid, (1000000 + n / 4)::text, 'SKU-' || n % 4000, (1000000 + n / 4) || ':' || n % 4, 'cancelled',
       true, '2026-12-01', n % 10000 / 100.0, 'EUR', 2, timestamptz '2025-01-01' + n * interval '1 second'
     FROM generate_series(1, $1::int) AS n`,
    [items],
  );
  await client.query(
    `INSERT INTO order_item_cancellation (id, order_item_id, previous_status, reason, cancelled_at, cancelled_by, channel,
       request_id)
     SELECT uuidv7(), id, 'pending', 'Delivered too late', created_at + interval '1 hour', 'customer-' || order_id, 'rest',
       replace(id::text, '-', '')
     FROM order_item`,
  );
  await client.query(
    `INSERT INTO order_item_event (id, order_item_id, type, occurred_at, payload)
     SELECT uuidv7(), order_item_id, 'order_item.cancelled', cancelled_at, jsonb_build_object('cancellationId',
       cancellation.id, 'orderId', order_id, 'previousStatus', previous_status, 'cancelledBy', cancelled_by, 'channel',
       channel, 'requestId', request_id)
     FROM order_item_cancellation AS cancellation JOIN order_item ON order_item.id = order_item_id`,
  );
  for (const { create } of dropped.toReversed()) await client.query(create);
}

/** Lists the keys of the tables. Foreign keys come first, because they need the keys that they refer to. */
async function listKeys(client: pg.Client): Promise<Dropped[]> {
  const { rows } = await client.query<Dropped>(
    `SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) AS drop,
       format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) AS create
     FROM pg_constraint WHERE conrelid = ANY($1::regclass[]) AND contype IN ('p', 'u', 'f')
     ORDER BY contype <> 'f', conname`,
    [TABLES],
  );
  return rows;
}

/** Lists the indexes that are no keys. */
async function listIndexes(client: pg.Client): Promise<Dropped[]> {
  const { rows } = await client.query<Dropped>(
    `SELECT format('DROP INDEX %s', indexrelid::regclass) AS drop, pg_get_indexdef(indexrelid) AS create
     FROM pg_index WHERE indrelid = ANY($1::regclass[])
       AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)`,
    [TABLES],
  );
  return rows;
}

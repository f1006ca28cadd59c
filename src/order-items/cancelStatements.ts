import type { EntityManager } from 'typeorm';
import type { Cancellation, OrderItem } from './orderItem.ts';
import { CANCELLATION_COLUMNS, ORDER_ITEM_COLUMNS } from './orderItemColumns.ts';

export interface LockedItems {
  /** By id. They stay locked until the transaction ends. */
  readonly locked: ReadonlyMap<string, OrderItem>;
  /** Those that another transaction has locked, as they were last committed. */
  readonly busy: ReadonlyMap<string, OrderItem>;
}

/** An idempotency key and the caller whose it is. */
export interface CallersKey {
  readonly cancelledBy: string;
  readonly idempotencyKey: string;
}

/** A cancellation and the idempotency key that it was made with. */
export interface KeyedCancellation {
  readonly cancellation: Cancellation;
  readonly keyName: string;
  readonly requestFingerprint: string;
}

/** A cancellation to be written; the database gives the time. */
export interface PlannedCancellation extends Omit<Cancellation, 'cancelledAt'> {
  readonly eventId: string;
  readonly idempotencyKey: string | null;
  readonly requestFingerprint: string | null;
}

/** What was written for one item. */
export interface WrittenCancellation {
  readonly orderItem: OrderItem;
  readonly cancellation: Cancellation;
}

/** A name for an idempotency key that no other caller's key has. */
export function nameOfKey({ cancelledBy, idempotencyKey }: CallersKey): string {
  return JSON.stringify([cancelledBy, idempotencyKey]);
}

/** Locks the items that are free, in id order, and waits for none. */
export async function lockOrderItems(manager: EntityManager, ids: readonly string[]): Promise<LockedItems> {
  // NO KEY: others may still insert rows that refer to the item.
  const locked = await selectOrderItems(manager, 'lock_order_items', ids, 'ORDER BY id FOR NO KEY UPDATE SKIP LOCKED');
  const skipped = ids.filter((id) => !locked.has(id));
  return {
    locked,
    busy: skipped.length === 0 ? new Map() : await selectOrderItems(manager, 'busy_order_items', skipped, ''),
  };
}

async function selectOrderItems(
  manager: EntityManager,
  name: string,
  ids: readonly string[],
  clause: string,
): Promise<Map<string, OrderItem>> {
  const items = await manager.query<OrderItem[]>(
    `/* ${name} */ SELECT ${ORDER_ITEM_COLUMNS} FROM order_item WHERE id = ANY($1::uuid[]) ${clause}`,
    [ids],
  );
  return new Map(items.map((item) => [item.id, item]));
}

/**
 * Takes the right to use idempotency keys, until the transaction ends.
 *
 * @returns the names of the keys that another transaction has.
 */
export async function lockIdempotencyKeys(
  manager: EntityManager,
  keys: readonly CallersKey[],
): Promise<ReadonlySet<string>> {
  const rows = await manager.query<{ name: string; taken: boolean }[]>(
    'SELECT name, pg_try_advisory_xact_lock(hashtextextended(name, 0)) AS taken FROM unnest($1::text[]) AS name',
    [keys.map(nameOfKey)],
  );
  return new Set(rows.filter(({ taken }) => !taken).map(({ name }) => name));
}

/** The cancellations that were made with these idempotency keys. */
export async function findCancellationsByKey(
  manager: EntityManager,
  keys: readonly CallersKey[],
): Promise<KeyedCancellation[]> {
  const rows = await manager.query<(Cancellation & CallersKey & { readonly requestFingerprint: string })[]>(
    `SELECT ${CANCELLATION_COLUMNS}, idempotency_key AS "idempotencyKey", request_fingerprint AS "requestFingerprint"
     FROM order_item_cancellation
     WHERE (cancelled_by, idempotency_key) IN (SELECT * FROM unnest($1::text[], $2::text[]))`,
    [keys.map((key) => key.cancelledBy), keys.map((key) => key.idempotencyKey)],
  );
  return rows.map(({ idempotencyKey, requestFingerprint, ...cancellation }) => ({
    cancellation,
    keyName: nameOfKey({ cancelledBy: cancellation.cancelledBy, idempotencyKey }),
    requestFingerprint,
  }));
}

/**
 * Writes status, cancellation and event of items that this transaction has locked.
 *
 * @param locked the items, by id, as they were locked.
 * @returns what stands in the tables now, by the item's id.
 */
export async function writeCancellations(
  manager: EntityManager,
  planned: readonly PlannedCancellation[],
  locked: ReadonlyMap<string, OrderItem>,
): Promise<ReadonlyMap<string, WrittenCancellation>> {
  if (planned.length === 0) return new Map();
  const rows = await manager.query<(Cancellation & { readonly version: number; readonly updatedAt: Date })[]>(
    `/* cancel_order_items */ WITH planned AS (
       SELECT * FROM jsonb_to_recordset($1::jsonb) AS planned(
         id uuid, "orderItemId" uuid, "previousStatus" text, reason text, note text, "cancelledBy" text, channel text,
         "requestId" text, "idempotencyKey" text, "requestFingerprint" text, "eventId" uuid)
     ), item AS (
       UPDATE order_item SET status = 'cancelled', version = order_item.version + 1, updated_at = now()
       FROM planned WHERE order_item.id = "orderItemId"
       RETURNING order_item.id AS item_id, order_item.order_id, order_item.version, order_item.updated_at
     ), announced AS (
       INSERT INTO order_item_event (id, order_item_id, type, occurred_at, payload)
       SELECT "eventId", "orderItemId", 'order_item.cancelled', now(), jsonb_build_object(
         'cancellationId', id, 'orderId', order_id, 'previousStatus', "previousStatus", 'cancelledBy', "cancelledBy",
         'channel', channel, 'requestId', "requestId")
       FROM planned JOIN item ON item_id = "orderItemId"
     ), cancellation AS (
       INSERT INTO order_item_cancellation (id, order_item_id, previous_status, reason, note, cancelled_at,
         cancelled_by, channel, request_id, idempotency_key, request_fingerprint)
       SELECT id, "orderItemId", "previousStatus", reason, note, now(),
         "cancelledBy", channel, "requestId", "idempotencyKey", "requestFingerprint"
       FROM planned
       RETURNING ${CANCELLATION_COLUMNS}
     )
     SELECT cancellation.*, item.version, item.updated_at AS "updatedAt"
     FROM cancellation JOIN item ON item_id = "orderItemId"`,
    [JSON.stringify(planned)],
  );
  const written = new Map<string, WrittenCancellation>();
  for (const { version, updatedAt, ...cancellation } of rows) {
    const item = locked.get(cancellation.orderItemId);
    if (item === undefined) throw new Error(`Order item ${cancellation.orderItemId} was updated but not locked.`);
    written.set(item.id, { orderItem: { ...item, status: 'cancelled', version, updatedAt }, cancellation });
  }
  // A rule or a policy on a table brought along can hide rows from the update. Half a cancel must not be committed.
  if (written.size < planned.length) throw new Error('An order item was locked but not updated.');
  return written;
}

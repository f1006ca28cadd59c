import type { DataSource, EntityManager } from 'typeorm';
import { notCancelableSql } from './eligibility.ts';
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

/** A cancellation to be written, if the item can be cancelled; what it was before, and the time, is for the database to say. */
export interface PlannedCancellation extends Omit<Cancellation, 'previousStatus' | 'cancelledAt'> {
  readonly eventId: string;
  readonly idempotencyKey: string | null;
  readonly requestFingerprint: string | null;
}

/** The items that were free, as they were before the statement, and what it has written for those that it has cancelled. */
export interface CancelledItems extends Pick<LockedItems, 'locked'> {
  readonly written: ReadonlyMap<string, WrittenCancellation>;
}

/** A transaction, or the pool, where each statement is a transaction of its own. */
export type Statements = Pick<EntityManager | DataSource, 'query'>;

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
  return { locked, busy: await selectBusyItems(manager, ids, locked) };
}

/** Those of the items that were not locked, because another transaction has them; where they exist at all. */
export async function selectBusyItems(
  database: Statements,
  ids: readonly string[],
  locked: ReadonlyMap<string, OrderItem>,
): Promise<ReadonlyMap<string, OrderItem>> {
  const skipped = ids.filter((id) => !locked.has(id));
  return skipped.length === 0 ? new Map() : selectOrderItems(database, 'busy_order_items', skipped, '');
}

async function selectOrderItems(
  database: Statements,
  name: string,
  ids: readonly string[],
  clause: string,
): Promise<Map<string, OrderItem>> {
  const items = await database.query<OrderItem[]>(
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
 * Cancels, in one statement, those of the items that are free and can be cancelled: status, cancellation and event. Outside
 * a transaction it is one.
 *
 * @param planned one for each item.
 */
export async function cancelFreeItems(
  database: Statements,
  planned: readonly PlannedCancellation[],
): Promise<CancelledItems> {
  const ids = planned.map((cancellation) => cancellation.orderItemId);
  const rows = await database.query<(OrderItem & { readonly newVersion: number | null; readonly cancelledAt: Date })[]>(
    `/* cancel_order_items */ WITH asked AS (
       SELECT * FROM jsonb_to_recordset($2::jsonb) AS asked(
         id uuid, "orderItemId" uuid, reason text, note text, "cancelledBy" text, channel text,
         "requestId" text, "idempotencyKey" text, "requestFingerprint" text, "eventId" uuid)
     ), locked AS MATERIALIZED (
       SELECT order_item.* FROM order_item WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
     ), planned AS (
       SELECT asked.*, order_id AS ordered, status AS previous_status
       FROM asked JOIN locked ON locked.id = "orderItemId" WHERE NOT ${notCancelableSql}
     ), cancelled AS (
       UPDATE order_item SET status = 'cancelled', version = order_item.version + 1, updated_at = now()
       FROM planned WHERE order_item.id = "orderItemId"
       RETURNING planned.*, order_item.version AS new_version, order_item.updated_at AS cancelled_at
     ), announced AS (
       INSERT INTO order_item_event (id, order_item_id, type, occurred_at, payload)
       SELECT "eventId", "orderItemId", 'order_item.cancelled', cancelled_at, jsonb_build_object(
         'cancellationId', id, 'orderId', ordered, 'previousStatus', previous_status, 'cancelledBy', "cancelledBy",
         'channel', channel, 'requestId', "requestId")
       FROM cancelled
     ), recorded AS (
       INSERT INTO order_item_cancellation (id, order_item_id, previous_status, reason, note, cancelled_at,
         cancelled_by, channel, request_id, idempotency_key, request_fingerprint)
       SELECT id, "orderItemId", previous_status, reason, note, cancelled_at,
         "cancelledBy", channel, "requestId", "idempotencyKey", "requestFingerprint"
       FROM cancelled
     )
     SELECT ${ORDER_ITEM_COLUMNS}, new_version AS "newVersion", cancelled_at AS "cancelledAt"
     FROM locked AS order_item
       LEFT JOIN (SELECT "orderItemId", new_version, cancelled_at FROM cancelled) AS cancelled ON "orderItemId" = order_item.id`,
    [ids, JSON.stringify(planned)],
  );
  const locked = new Map<string, OrderItem>();
  const written = new Map<string, WrittenCancellation>();
  const plannedFor = new Map(planned.map((cancellation) => [cancellation.orderItemId, cancellation]));
  for (const { newVersion, cancelledAt, ...item } of rows) {
    locked.set(item.id, item);
    const plan = plannedFor.get(item.id);
    if (newVersion === null || plan === undefined) continue;
    const { idempotencyKey: _key, requestFingerprint: _fingerprint, eventId: _event, ...cancellation } = plan;
    written.set(item.id, {
      orderItem: { ...item, status: 'cancelled', version: newVersion, updatedAt: cancelledAt },
      cancellation: { ...cancellation, previousStatus: item.status, cancelledAt },
    });
  }
  return { locked, written };
}

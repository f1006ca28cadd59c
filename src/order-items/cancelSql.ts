import type { DataSource, EntityManager } from 'typeorm';
import { notCancelableSql } from './eligibility.ts';
import type { Instant } from './instant.ts';
import { type CallerKey, type CancelFacts, nameKey } from './judgeCancels.ts';
import type { Cancellation, OrderItem } from './orderItem.ts';
import { CANCELLATION_COLUMNS, ORDER_ITEM_COLUMNS } from './orderItemColumns.ts';

/** The version after a change. Others write the column, too, so after the greatest integer comes 1. */
const nextVersionSql = 'order_item.version % 2147483647 + 1';

type LockedItems = Pick<CancelFacts, 'locked' | 'busy'>;

/** A cancellation and the idempotency key that made it. */
export interface KeyedCancellation {
  readonly cancellation: Cancellation;
  readonly key: CallerKey;
  readonly requestFingerprint: string;
}

/** A cancellation to write. The database adds the previous status and the time. */
export interface NewCancellation extends Omit<Cancellation, 'previousStatus' | 'cancelledAt'> {
  readonly eventId: string;
  readonly idempotencyKey: string | null;
  readonly requestFingerprint: string | null;
}

/** The items that were not locked by others, in their state before the statement, and the rows that it wrote. */
export interface CancelledItems extends Pick<LockedItems, 'locked'> {
  readonly written: ReadonlyMap<string, WrittenCancellation>;
}

/** A transaction, or the pool, where each statement is its own transaction. */
export type Statements = Pick<EntityManager | DataSource, 'query'>;

/** The rows that a cancel wrote for one item. */
export interface WrittenCancellation {
  readonly orderItem: OrderItem;
  readonly cancellation: Cancellation;
}

/** Locks the items in id order, which prevents deadlocks. It skips the items that other transactions have locked. */
export async function lockOrderItems(manager: EntityManager, ids: readonly string[]): Promise<LockedItems> {
  // FOR NO KEY UPDATE lets others insert rows that reference the item.
  const locked = await selectOrderItems(manager, 'lock_order_items', ids, 'ORDER BY id FOR NO KEY UPDATE SKIP LOCKED');
  return { locked, busy: await selectBusyItems(manager, ids, locked) };
}

/** Reads the items that other transactions have locked, in their last committed state. Unknown ids have no entry. */
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
 * Locks idempotency keys until the transaction ends.
 *
 * @returns the names of the keys that other transactions hold.
 */
export async function lockIdempotencyKeys(
  manager: EntityManager,
  keys: readonly CallerKey[],
): Promise<ReadonlySet<string>> {
  const rows = await manager.query<{ name: string; taken: boolean }[]>(
    `/* lock_idempotency_keys */ SELECT name, pg_try_advisory_xact_lock(hashtextextended(name, 0)) AS taken
     FROM unnest($1::text[]) AS name`,
    [keys.map(nameKey)],
  );
  return new Set(rows.filter(({ taken }) => !taken).map(({ name }) => name));
}

/** Finds the cancellations that were made with these idempotency keys. */
export async function findCancellationsByKey(
  manager: EntityManager,
  keys: readonly CallerKey[],
): Promise<KeyedCancellation[]> {
  const rows = await manager.query<(Cancellation & CallerKey & { readonly requestFingerprint: string })[]>(
    `/* find_cancellations_by_key */ SELECT ${CANCELLATION_COLUMNS}, idempotency_key AS "idempotencyKey", request_fingerprint AS "requestFingerprint"
     FROM order_item_cancellation
     WHERE (cancelled_by, idempotency_key) IN (SELECT * FROM unnest($1::text[], $2::text[]))`,
    [keys.map((key) => key.cancelledBy), keys.map((key) => key.idempotencyKey)],
  );
  return rows.map(({ idempotencyKey, requestFingerprint, ...cancellation }) => ({
    cancellation,
    key: { cancelledBy: cancellation.cancelledBy, idempotencyKey },
    requestFingerprint,
  }));
}

/**
 * Cancels the items that are cancelable and not locked by others, in one statement: status, cancellation and event.
 * Without a surrounding transaction, the statement is its own transaction. It fails if a trigger of another service keeps an
 * item from being cancelled. SQL can raise an error only by a failing cast, so the statement casts the error's text.
 *
 * @param planned one entry for each item.
 */
export async function cancelFreeItems(
  database: Statements,
  planned: readonly NewCancellation[],
): Promise<CancelledItems> {
  const ids = planned.map((cancellation) => cancellation.orderItemId);
  const rows = await database.query<
    (OrderItem & { readonly newVersion: number | null; readonly cancelledAt: Instant })[]
  >(
    `/* cancel_order_items */ WITH asked AS (
       SELECT * FROM jsonb_to_recordset($2::jsonb) AS asked(
         id uuid, "orderItemId" uuid, reason text, note text, "cancelledBy" text, channel text,
         "requestId" text, "idempotencyKey" text, "requestFingerprint" text, "eventId" uuid)
     ), locked AS MATERIALIZED (
       SELECT order_item.* FROM order_item WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
     ), planned AS (
       SELECT asked.*, order_id AS ordered, status AS previous_status
       FROM asked JOIN locked ON locked.id = asked."orderItemId" WHERE NOT ${notCancelableSql}
     ), cancelled AS (
       UPDATE order_item SET status = 'cancelled', version = ${nextVersionSql}, updated_at = now()
       FROM planned WHERE order_item.id = planned."orderItemId"
       RETURNING planned.*, order_item.version AS new_version, order_item.updated_at AS cancelled_at,
         order_item.status AS new_status
     ), announced AS (
       INSERT INTO order_item_event (id, order_item_id, type, occurred_at, payload)
       SELECT "eventId", "orderItemId", 'order_item.cancelled', cancelled_at, jsonb_build_object(
         'cancellationId', id, 'orderId', ordered, 'previousStatus', previous_status, 'cancelledBy', "cancelledBy",
         'channel', channel, 'requestId', "requestId")
       FROM cancelled
     ), recorded AS (
       INSERT INTO order_item_cancellation (id, order_item_id, previous_status, reason, note, cancelled_at,
         cancelled_by, channel, request_id, idempotency_key, request_fingerprint)
       SELECT CASE new_status WHEN 'cancelled' THEN id ELSE ('a trigger keeps order_item at ' || new_status)::uuid END,
         "orderItemId", previous_status, reason, note, cancelled_at,
         "cancelledBy", channel, "requestId", "idempotencyKey", "requestFingerprint"
       FROM cancelled
     )
     SELECT ${ORDER_ITEM_COLUMNS}, written."newVersion", written."cancelledAt"
     FROM locked AS order_item LEFT JOIN (
       SELECT "orderItemId", new_version AS "newVersion", cancelled_at::text AS "cancelledAt" FROM cancelled
     ) AS written ON written."orderItemId" = order_item.id`,
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

import type { EntityManager } from 'typeorm';
import type { Cancellation, OrderItem } from './orderItem.ts';
import { CANCELLATION_COLUMNS, ORDER_ITEM_COLUMNS } from './orderItemColumns.ts';

/** What to do about rows that another transaction has locked: leave them, or wait until the lock timeout. */
export type LockMode = 'skip' | 'wait';

export interface LockedItems {
  /** By id. They stay locked until the transaction ends. */
  readonly items: ReadonlyMap<string, OrderItem>;
  /** Ids of items that exist and that another transaction has locked. Empty in mode `wait`. */
  readonly busyIds: ReadonlySet<string>;
}

/** An idempotency key and the caller whose it is. */
export interface CallersKey {
  readonly cancelledBy: string;
  readonly idempotencyKey: string;
}

/** A cancellation and the idempotency key that it was made with. */
export interface KeyedCancellation {
  readonly cancellation: Cancellation;
  readonly key: CallersKey;
  readonly requestFingerprint: string;
}

/** A cancellation to be written; the database gives the time. */
export interface PlannedCancellation extends Omit<Cancellation, 'cancelledAt'> {
  readonly eventId: string;
  readonly idempotencyKey: string | null;
  readonly requestFingerprint: string | null;
}

/** Locks items in id order, so that two transactions never wait for each other. */
export async function lockOrderItems(
  manager: EntityManager,
  ids: readonly string[],
  mode: LockMode,
): Promise<LockedItems> {
  // NO KEY: others may still insert rows that refer to the item.
  const rows = await manager.query<OrderItem[]>(
    `SELECT ${ORDER_ITEM_COLUMNS} FROM order_item WHERE id = ANY($1::uuid[]) ORDER BY id
     FOR NO KEY UPDATE ${mode === 'skip' ? 'SKIP LOCKED' : ''}`,
    [ids],
  );
  const items = new Map(rows.map((item) => [item.id, item]));
  const missing = ids.filter((id) => !items.has(id));
  if (mode === 'wait' || missing.length === 0) return { items, busyIds: new Set() };
  const busy = await manager.query<{ id: string }[]>('SELECT id FROM order_item WHERE id = ANY($1::uuid[])', [missing]);
  return { items, busyIds: new Set(busy.map(({ id }) => id)) };
}

/**
 * Takes the right to use idempotency keys, until the transaction ends.
 *
 * @returns for each key whether this transaction has it; in mode `wait`, always.
 */
export async function lockIdempotencyKeys(
  manager: EntityManager,
  keys: readonly CallersKey[],
  mode: LockMode,
): Promise<boolean[]> {
  const names = keys.map((key) => JSON.stringify([key.cancelledBy, key.idempotencyKey]));
  const lock = mode === 'skip' ? 'pg_try_advisory_xact_lock' : 'pg_advisory_xact_lock';
  const rows = await manager.query<{ taken: boolean | '' }[]>(
    `SELECT ${lock}(hashtextextended(name, 0)) AS taken FROM unnest($1::text[]) WITH ORDINALITY AS key(name, position)
     ORDER BY position`,
    [names],
  );
  return rows.map(({ taken }) => taken !== false);
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
    key: { cancelledBy: cancellation.cancelledBy, idempotencyKey },
    requestFingerprint,
  }));
}

/**
 * Writes status, cancellation and event of items that this transaction has locked, in one statement.
 *
 * @returns the items as they are now, by id; their `updatedAt` is the time of the cancellation.
 */
export async function writeCancellations(
  manager: EntityManager,
  planned: readonly PlannedCancellation[],
): Promise<ReadonlyMap<string, OrderItem>> {
  const rows = await manager.query<OrderItem[]>(
    `WITH planned AS (
       SELECT * FROM jsonb_to_recordset($1::jsonb) AS planned(
         id uuid, "orderItemId" uuid, "previousStatus" text, reason text, note text, "cancelledBy" text, channel text,
         "requestId" text, "idempotencyKey" text, "requestFingerprint" text, "eventId" uuid)
     ), recorded AS (
       INSERT INTO order_item_cancellation (id, order_item_id, previous_status, reason, note, cancelled_at,
         cancelled_by, channel, request_id, idempotency_key, request_fingerprint)
       SELECT id, "orderItemId", "previousStatus", reason, note, statement_timestamp(),
         "cancelledBy", channel, "requestId", "idempotencyKey", "requestFingerprint"
       FROM planned
     ), announced AS (
       INSERT INTO order_item_event (id, order_item_id, type, occurred_at, payload)
       SELECT "eventId", "orderItemId", 'order_item.cancelled', statement_timestamp(), jsonb_build_object(
         'cancellationId', id, 'previousStatus', "previousStatus", 'cancelledBy', "cancelledBy", 'channel', channel,
         'requestId', "requestId")
       FROM planned
     )
     UPDATE order_item SET status = 'cancelled', version = version + 1, updated_at = statement_timestamp()
     FROM planned WHERE order_item.id = planned."orderItemId"
     RETURNING ${ORDER_ITEM_COLUMNS}`,
    [JSON.stringify(planned)],
  );
  const items = new Map(updatedRows(rows).map((item) => [item.id, item]));
  // Half a cancel must not be committed: a rule or a policy on a table brought along may hide rows from the update.
  if (items.size !== planned.length) {
    throw new Error(`Cancelled ${items.size} of ${planned.length} locked order items.`);
  }
  return items;
}

/** TypeORM answers an UPDATE with `[rows, count]`. */
function updatedRows(result: unknown): OrderItem[] {
  return (result as [OrderItem[], number])[0];
}

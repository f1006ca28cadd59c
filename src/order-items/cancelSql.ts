import type { DataSource, EntityManager } from 'typeorm';
import { type AskedItems, isLimited } from './askedItems.ts';
import { notCancelableSql, writeNotCancelableSql } from './eligibility.ts';
import { type CallerKey, type CancelFacts, nameKey } from './judgeCancels.ts';
import type { Cancellation, OrderItem, OrderItemStatus } from './orderItem.ts';
import {
  CANCELLATION_COLUMNS,
  ORDER_ITEM_COLUMNS,
  OWNED_ORDER_ITEM_COLUMNS,
  writeIsOwnSql,
} from './orderItemColumns.ts';
import { describeWritten, type ItemChanges, type NewCancellation, type WrittenCancels } from './writtenCancels.ts';

/**
 * Writes the version after cancels. Others write the column, too, so after the greatest integer comes 1.
 *
 * @param cancels their number, as SQL.
 */
export function writeNextVersionSql(cancels: string): string {
  return `((order_item.version::bigint - 1 + ${cancels}) % 2147483647 + 1)::int`;
}

/** The part of the cancel's statement that depends on whether cancellation windows are on. A process does not change it. */
const WINDOWS_OFF = { name: 'cancel_order_items', columns: '', notCancelable: notCancelableSql };
const WINDOWS_ON = {
  name: 'cancel_order_items_windows',
  columns: ', "createdBefore" timestamptz, "releasedBefore" date',
  notCancelable: writeNotCancelableSql(
    {
      createdBefore: `coalesce(asked."createdBefore", '-infinity')`,
      releasedBefore: `coalesce(asked."releasedBefore", '-infinity')`,
    },
    'checked by the table',
  ),
};

/** The part that depends on whether a caller of the batch is limited to the items of one customer. */
const ALL_ITEMS = { suffix: '', itemColumns: ORDER_ITEM_COLUMNS, lockable: '' };
const OWN_ITEMS = {
  suffix: '_own',
  itemColumns: OWNED_ORDER_ITEM_COLUMNS,
  lockable: ` AND EXISTS (
         SELECT FROM asked WHERE "orderItemId" = order_item.id AND (customer IS NULL OR ${writeIsOwnSql('customer')}))`,
};

/**
 * The source of the rows to insert, and what the update returns for it. Where no item repeats, the update's rows say all. With
 * repeats, the rows must be joined, and PostgreSQL compares each cancellation with each item.
 */
const NO_REPEATS = { suffix: '', source: 'cancelled', returned: ', planned.*' };
const REPEATS = {
  suffix: '_repeated',
  source: 'planned JOIN cancelled ON item_id = planned."orderItemId"',
  returned: '',
};

type LockedItems = Pick<CancelFacts, 'locked' | 'busy'>;

/** A cancellation and the idempotency key that made it. */
export interface KeyedCancellation {
  readonly cancellation: Cancellation;
  readonly key: CallerKey;
  readonly requestFingerprint: string;
}

/** The items that were not locked by others, in their state before the statement, and the rows that it wrote. */
export interface CancelledItems extends Pick<LockedItems, 'locked'> {
  readonly written: ReadonlyMap<string, WrittenCancels>;
}

/** A transaction, or the pool, where each statement is its own transaction. */
export type Statements = Pick<EntityManager | DataSource, 'query'>;

/** The statements of a cancel. Tables that Citus has distributed need other ones. */
export interface CancelSql {
  readonly lockOrderItems: (manager: EntityManager, asked: AskedItems) => Promise<LockedItems>;
  /** Cancels units of items that the transaction has locked. An item that the database does not update has no entry. */
  readonly cancelLockedItems: (
    manager: EntityManager,
    planned: readonly NewCancellation[],
    locked: LockedItems['locked'],
  ) => Promise<CancelledItems['written']>;
  /** Cancels no item, which needs what a cancel needs of the tables. */
  readonly tryCancel: (dataSource: DataSource) => Promise<void>;
}

/** The statements for tables of one server. */
export const cancelSql: CancelSql = {
  lockOrderItems,
  cancelLockedItems: async (manager, planned) => (await cancelFreeItems(manager, planned)).written,
  tryCancel: async (dataSource) => {
    await cancelFreeItems(dataSource, []);
  },
};

/** Locks the items in id order, which prevents deadlocks. It skips the items that other transactions have locked. */
async function lockOrderItems(manager: EntityManager, asked: AskedItems): Promise<LockedItems> {
  // FOR NO KEY UPDATE lets others insert rows that reference the item.
  const clause = 'ORDER BY id FOR NO KEY UPDATE OF order_item SKIP LOCKED';
  const locked = await selectOrderItems(manager, asked, { name: 'lock_order_items', clause });
  return { locked, busy: await selectBusyItems(manager, asked, locked) };
}

/** Reads the items that other transactions have locked, in their last committed state. Unknown ids have no entry. */
export async function selectBusyItems(
  database: Statements,
  asked: AskedItems,
  locked: ReadonlyMap<string, OrderItem>,
): Promise<ReadonlyMap<string, OrderItem>> {
  const skipped = asked.filter(({ id }) => !locked.has(id));
  return skipped.length === 0
    ? new Map()
    : selectOrderItems(database, skipped, { name: 'busy_order_items', clause: '' });
}

async function selectOrderItems(
  database: Statements,
  asked: AskedItems,
  { name, clause }: { readonly name: string; readonly clause: string },
): Promise<Map<string, OrderItem>> {
  const ids = asked.map(({ id }) => id);
  const items = asked.some(isLimited)
    ? await database.query<OrderItem[]>(
        `/* ${name}_own */ SELECT ${OWNED_ORDER_ITEM_COLUMNS} FROM order_item WHERE id = ANY($1::uuid[]) AND EXISTS (
           SELECT FROM unnest($1::uuid[], $2::text[]) AS asked(item_id, customer)
           WHERE item_id = order_item.id AND (customer IS NULL OR ${writeIsOwnSql('customer')})
         ) ${clause}`,
        [ids, asked.map(({ customer }) => customer)],
      )
    : await database.query<OrderItem[]>(
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
    `/* find_cancellations_by_key */ SELECT ${CANCELLATION_COLUMNS}, customer_id AS customer,
       idempotency_key AS "idempotencyKey", request_fingerprint AS "requestFingerprint"
     FROM order_item_cancellation
     WHERE (cancelled_by, idempotency_key, coalesce(customer_id, '')) IN (
       SELECT * FROM unnest($1::text[], $2::text[], $3::text[]))`,
    [keys.map((key) => key.cancelledBy), keys.map((key) => key.idempotencyKey), keys.map((key) => key.customer ?? '')],
  );
  return rows.map(({ customer, idempotencyKey, requestFingerprint, ...cancellation }) => ({
    cancellation,
    key: { cancelledBy: cancellation.cancelledBy, customer, idempotencyKey },
    requestFingerprint,
  }));
}

/** A locked item before the statement, and its changes. The status is null if there are none. */
type CancelledRow = OrderItem & Omit<ItemChanges, 'newStatus'> & { readonly newStatus: OrderItemStatus | null };

/**
 * Cancels units of the items that are cancelable and not locked by others, in one statement: item, cancellation and event.
 * Without a surrounding transaction, the statement is its own transaction. It fails if a trigger of another service keeps an
 * item from being cancelled. SQL can raise an error only by a failing cast, so the statement casts the error's text.
 *
 * @param planned has the cancellations of one item in their order. If there are several, all of their units must be left.
 */
export async function cancelFreeItems(
  database: Statements,
  planned: readonly NewCancellation[],
): Promise<CancelledItems> {
  const ids = [...new Set(planned.map((cancellation) => cancellation.orderItemId))];
  const hasWindows = planned.some((one) => one.createdBefore !== undefined || one.releasedBefore !== undefined);
  const { name, columns, notCancelable } = hasWindows ? WINDOWS_ON : WINDOWS_OFF;
  const own = planned.some(isLimited) ? OWN_ITEMS : ALL_ITEMS;
  const inserts = planned.every(({ cancels }) => cancels === 1) ? NO_REPEATS : REPEATS;
  const rows = await database.query<CancelledRow[]>(
    `/* ${name}${inserts.suffix}${own.suffix} */ WITH asked AS (
       SELECT * FROM jsonb_to_recordset($2::jsonb) AS asked(
         id uuid, "orderItemId" uuid, units int, ahead int, cancels int, "reasonCode" text, reason text, note text,
         "cancelledBy" text, channel text, "requestId" text, "idempotencyKey" text, "requestFingerprint" text,
         "eventId" uuid, customer text${columns})
     ), locked AS MATERIALIZED (
       SELECT order_item.* FROM order_item WHERE id = ANY($1::uuid[])${own.lockable}
       ORDER BY id FOR NO KEY UPDATE OF order_item SKIP LOCKED
     ), planned AS (
       SELECT asked.*, order_id AS ordered, status AS previous_status, locked.cancelled_quantity + asked.ahead AS taken_before,
         locked.quantity - locked.cancelled_quantity - asked.ahead AS available,
         COALESCE(asked.units, locked.quantity - locked.cancelled_quantity - asked.ahead) AS taken
       FROM asked JOIN locked ON locked.id = asked."orderItemId"
       WHERE NOT ${notCancelable}
         AND COALESCE(asked.units, 1) <= locked.quantity - locked.cancelled_quantity - asked.ahead
     ), cancelled AS (
       UPDATE order_item SET cancelled_quantity = planned.taken_before + planned.taken,
         status = CASE planned.available WHEN planned.taken THEN 'cancelled' ELSE order_item.status END,
         version = ${writeNextVersionSql('planned.cancels')}, updated_at = now()
       FROM planned WHERE order_item.id = planned."orderItemId" AND planned.cancels > 0
       RETURNING order_item.id AS item_id, order_item.version AS new_version, order_item.updated_at AS cancelled_at,
         order_item.status AS new_status, order_item.cancelled_quantity = planned.taken_before + planned.taken
           AND (order_item.status = 'cancelled') = (planned.available = planned.taken) AS is_as_planned${inserts.returned}
     ), announced AS (
       INSERT INTO order_item_event (id, order_item_id, type, occurred_at, payload)
       SELECT "eventId", item_id,
         CASE available WHEN taken THEN 'order_item.cancelled' ELSE 'order_item.partially_cancelled' END,
         cancelled_at, jsonb_build_object('orderId', ordered, 'orderItemId', item_id, 'cancellationId', id,
           'quantity', taken, 'cancelledQuantity', taken_before + taken, 'remaining', available - taken,
           'previousStatus', previous_status,
           'status', CASE available WHEN taken THEN 'cancelled' ELSE previous_status END,
           'reasonCode', "reasonCode", 'cancelledBy', "cancelledBy", 'channel', channel, 'requestId', "requestId")
       FROM ${inserts.source}
     ), recorded AS (
       INSERT INTO order_item_cancellation (id, order_item_id, cancelled_before, quantity, remaining, previous_status,
         reason_code, reason, note, cancelled_at, cancelled_by, channel, request_id, customer_id, idempotency_key,
         request_fingerprint)
       SELECT CASE WHEN is_as_planned THEN id ELSE ('a trigger keeps order_item at ' || new_status)::uuid END,
         item_id, taken_before, taken, available - taken, previous_status,
         "reasonCode", reason, note, cancelled_at, "cancelledBy", channel, "requestId", customer, "idempotencyKey", "requestFingerprint"
       FROM ${inserts.source}
     )
     SELECT ${own.itemColumns}, written."newVersion", written."newStatus", written."cancelledAt"
     FROM locked AS order_item LEFT JOIN (
       SELECT item_id, new_version AS "newVersion", new_status AS "newStatus", cancelled_at::text AS "cancelledAt" FROM cancelled
     ) AS written ON written.item_id = order_item.id`,
    [ids, JSON.stringify(planned)],
  );
  const plansOfItem = Map.groupBy(planned, ({ orderItemId }) => orderItemId);
  const locked = new Map<string, OrderItem>();
  const written = new Map<string, WrittenCancels>();
  for (const { newStatus, newVersion, cancelledAt, ...item } of rows) {
    locked.set(item.id, item);
    if (newStatus === null) continue;
    const changes = { newStatus, newVersion, cancelledAt };
    written.set(item.id, describeWritten(item, plansOfItem.get(item.id) ?? [], changes));
  }
  return { locked, written };
}

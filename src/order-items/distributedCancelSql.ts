import type { EntityManager } from 'typeorm';
import { isLimited } from './askedItems.ts';
import { type CancelSql, selectBusyItems, writeNextVersionSql } from './cancelSql.ts';
import type { Instant } from './instant.ts';
import type { Cancellation, OrderItem } from './orderItem.ts';
import { ORDER_ITEM_COLUMNS, OWNED_ORDER_ITEM_COLUMNS } from './orderItemColumns.ts';
import {
  countUnits,
  describeRecord,
  describeWritten,
  type ItemChanges,
  type NewCancellation,
  type WrittenCancels,
} from './writtenCancels.ts';

/** What the update of an item wrote. */
interface Changes extends Omit<ItemChanges, 'cancelledAt'> {
  readonly cancelledQuantity: number;
}

/** No item has this id. */
const NO_ITEM = '00000000-0000-0000-0000-000000000000';

/** Whether a request can have the item. The second parameter is the customers of the requests, null if one has all items. */
const IS_ASKED = `($2::text[] IS NULL OR customer_id::text COLLATE "C" = ANY($2::text[]))`;

/*
 * Each statement has the item's id as its first parameter, so it is one statement on one shard, which Citus plans once. Other
 * inserts run on the coordinator, take three times as long, and lose the SQLSTATE of a worker's error.
 */
const LOCK = `/* lock_order_items_of_shard */ ${writeLock(ORDER_ITEM_COLUMNS)}`;
const LOCK_OWN = `/* lock_own_order_items_of_shard */ ${writeLock(OWNED_ORDER_ITEM_COLUMNS, `AND ${IS_ASKED}`)}`;

function writeLock(columns: string, condition = ''): string {
  return `SELECT ${columns} FROM order_item WHERE id = $1 ${condition} FOR NO KEY UPDATE SKIP LOCKED`;
}

const CANCEL = `/* cancel_order_items_of_shard */ UPDATE order_item SET cancelled_quantity = $2, status = $3,
    version = ${writeNextVersionSql('$4::int')}, updated_at = $5
  WHERE id = $1 RETURNING version AS "newVersion", status AS "newStatus", cancelled_quantity AS "cancelledQuantity"`;

const INSERT_EVENT = `/* insert_event */ INSERT INTO order_item_event (order_item_id, id, type, occurred_at, payload)
  VALUES ($1, $2, $3, $4, $5)`;

const INSERT_CANCELLATION = `/* insert_cancellation */ INSERT INTO order_item_cancellation (order_item_id, id, cancelled_before,
    quantity, remaining, previous_status, reason_code, reason, note, cancelled_at, cancelled_by, channel, request_id,
    customer_id, idempotency_key, request_fingerprint)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`;

/**
 * The statements for tables that Citus distributes by the item's id. Citus locks rows only in statements for one shard, so
 * each item has its own statements, all in one transaction. An update of several shards would also hold up every other one.
 */
export const distributedCancelSql: CancelSql = {
  lockOrderItems: async (manager, asked) => {
    const hasLimited = asked.some(isLimited);
    const customersOfItem = Map.groupBy(asked, ({ id }) => id);
    const locked = new Map<string, OrderItem>();
    // The order of the ids prevents deadlocks.
    for (const id of [...customersOfItem.keys()].sort()) {
      const customers = customersOfItem.get(id)?.map(({ customer }) => customer) ?? [];
      const parameters = hasLimited ? [id, customers.includes(null) ? null : customers] : [id];
      const [item] = await manager.query<OrderItem[]>(hasLimited ? LOCK_OWN : LOCK, parameters);
      if (item !== undefined) locked.set(id, item);
    }
    return { locked, busy: await selectBusyItems(manager, asked, locked) };
  },
  cancelLockedItems: async (manager, planned, locked) => {
    const written = new Map<string, WrittenCancels>();
    // The clocks of the workers differ, and Citus returns no text of a time from an update.
    const [{ now } = { now: '' }] = await manager.query<{ now: Instant }[]>('SELECT now()::text AS now');
    for (const [id, plans] of Map.groupBy(planned, ({ orderItemId }) => orderItemId)) {
      const item = locked.get(id);
      const cancels = item && (await cancelItem(manager, item, plans, now));
      if (cancels !== undefined) written.set(id, cancels);
    }
    return written;
  },
  tryCancel: (dataSource) =>
    dataSource.transaction(async (manager) => {
      await manager.query(LOCK, [NO_ITEM]);
      await manager.query(CANCEL, [NO_ITEM, 1, 'cancelled', 1, 'infinity']);
    }),
};

/** @returns undefined if the database did not update the item. */
async function cancelItem(
  manager: EntityManager,
  item: OrderItem,
  plans: readonly NewCancellation[],
  cancelledAt: Instant,
): Promise<WrittenCancels | undefined> {
  const remaining = Math.min(...plans.map((plan) => countUnits(plan, item).remaining));
  const cancelledQuantity = item.quantity - remaining;
  const status = remaining === 0 ? 'cancelled' : item.status;
  const [[changes]] = await manager.query<[Changes[], number]>(CANCEL, [
    item.id,
    cancelledQuantity,
    status,
    plans.length,
    cancelledAt,
  ]);
  if (changes === undefined) return undefined;
  const isAsPlanned =
    changes.cancelledQuantity === cancelledQuantity && (changes.newStatus === 'cancelled') === (remaining === 0);
  if (!isAsPlanned) throw new Error(`A trigger keeps order_item at ${changes.newStatus}.`);
  for (const plan of plans) {
    const record = describeRecord(plan, item, cancelledAt);
    await manager.query(INSERT_EVENT, listEventValues(plan, item, record));
    await manager.query(INSERT_CANCELLATION, listCancellationValues(plan, record));
  }
  return describeWritten(item, plans, { ...changes, cancelledAt });
}

function listEventValues({ eventId }: NewCancellation, item: OrderItem, record: Cancellation): unknown[] {
  const isLast = record.remaining === 0;
  const payload = {
    orderId: item.orderId,
    orderItemId: item.id,
    cancellationId: record.id,
    quantity: record.quantity,
    cancelledQuantity: record.cancelledBefore + record.quantity,
    remaining: record.remaining,
    previousStatus: record.previousStatus,
    status: isLast ? 'cancelled' : record.previousStatus,
    reasonCode: record.reasonCode,
    cancelledBy: record.cancelledBy,
    channel: record.channel,
    requestId: record.requestId,
  };
  const type = isLast ? 'order_item.cancelled' : 'order_item.partially_cancelled';
  return [item.id, eventId, type, record.cancelledAt, JSON.stringify(payload)];
}

function listCancellationValues(plan: NewCancellation, record: Cancellation): unknown[] {
  return [
    record.orderItemId,
    record.id,
    record.cancelledBefore,
    record.quantity,
    record.remaining,
    record.previousStatus,
    record.reasonCode,
    record.reason,
    record.note,
    record.cancelledAt,
    record.cancelledBy,
    record.channel,
    record.requestId,
    plan.customer,
    plan.idempotencyKey,
    plan.requestFingerprint,
  ];
}

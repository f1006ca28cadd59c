import type { DataSource } from 'typeorm';
import { type OrderItemDatabase, rehearseCancel } from './cancelTransaction.ts';
import { bindClosedWindows } from './cancellationWindows.ts';
import { type ClosedWindows, writeNotCancelableSql } from './eligibility.ts';
import { ORDER_ITEM_STATUSES } from './orderItem.ts';

/** What a check of the rows found. */
export interface ItemsCheck {
  /** Sentences about what stands in the way of cancels. */
  readonly defects: readonly string[];
  /** Sentences about the rest. */
  readonly remarks: readonly string[];
}

/** Values that the service does not guard against, each with what it should be. docs/data.md has the rules. */
const RULES = {
  'a status that the service does not know': `status NOT IN (${ORDER_ITEM_STATUSES.map((status) => `'${status}'`).join(', ')})`,
  'no value where one is required': `num_nulls(id, order_id, product_id, status, is_pre_order, quantity, cancelled_quantity,
    price_amount, price_currency, version, created_at, updated_at) > 0`,
  'a quantity below 1': 'quantity < 1',
  'more or fewer cancelled units than there can be': 'cancelled_quantity NOT BETWEEN 0 AND quantity',
  'a negative price': 'price_amount < 0',
  'a currency that is not three capital letters': `price_currency !~ '^[A-Z]{3}$'`,
} as const;

/** The list's order. Without an index for it, each list sorts all items. */
const NEWEST = 'SELECT id FROM order_item ORDER BY created_at DESC, id DESC LIMIT 21';

/**
 * Checks the rows of `order_item`, and cancels one in a transaction that it rolls back. It reads the whole table.
 *
 * @param closedWindows what the cancellation windows have closed now.
 * @throws a database error of the check itself.
 */
export async function checkItems(database: OrderItemDatabase, closedWindows: ClosedWindows): Promise<ItemsCheck> {
  const { dataSource } = database;
  const defects = await findInvalidValues(dataSource);
  const parameters: string[] = [];
  const closed = bindClosedWindows(closedWindows, (value) => `$${parameters.push(value)}`);
  const [{ id } = {}] = await dataSource.query<{ id?: string }[]>(
    `SELECT id FROM order_item WHERE NOT ${writeNotCancelableSql(closed, 'compared')} LIMIT 1`,
    parameters,
  );
  const rehearsed = id === undefined ? [] : await rehearse(database, id, closedWindows);
  const hasIndex = await listsNewestFromIndex(dataSource);
  return {
    defects: [...defects, ...rehearsed],
    remarks: [
      id === undefined
        ? 'No item is cancelable, so no cancel was tried. A cancelable item has is_pre_order = true and the status pending, on_hold or in_fulfillment, and is inside CANCELLATION_WINDOW and before CANCELLATION_CUTOFF if they are set.'
        : rehearsed.length === 0
          ? `The item ${id} was cancelled in a transaction and rolled back.`
          : 'Nothing was written.',
      ...(hasIndex ? [] : ['No index has the order of the lists. Create one on (created_at, id) of the table.']),
    ],
  };
}

async function findInvalidValues(dataSource: DataSource): Promise<string[]> {
  const counts = Object.values(RULES).map((rule, number) => `count(*) FILTER (WHERE ${rule})::float8 AS "${number}"`);
  const [found = {}] = await dataSource.query<Record<string, number>[]>(`SELECT ${counts.join(', ')} FROM order_item`);
  const invalid = Object.keys(RULES).flatMap((description, number) => {
    const count = found[number] ?? 0;
    return count === 0 ? [] : [`Items that have ${description}: ${count}.`];
  });
  const unknown = await dataSource.query<{ status: string }[]>(
    `SELECT DISTINCT status FROM order_item WHERE status <> ALL($1::text[]) LIMIT 10`,
    [ORDER_ITEM_STATUSES],
  );
  if (unknown.length === 0) return invalid;
  const names = unknown.map(({ status }) => JSON.stringify(status)).join(', ');
  return [...invalid, `Unknown statuses: ${names}. Map each to one of ${ORDER_ITEM_STATUSES.join(', ')}.`];
}

/** @returns what stands in the way of a cancel of the item. */
async function rehearse(database: OrderItemDatabase, id: string, closedWindows: ClosedWindows): Promise<string[]> {
  try {
    const item = await rehearseCancel(database, id, closedWindows);
    if (item === null) {
      return [
        `The item ${id} cannot be locked. Either another transaction has locked it, and the check works later, or row-level security on order_item lets the role read it and not update it.`,
      ];
    }
    const { status, quantity, cancelledQuantity } = item;
    if (status !== 'cancelled') {
      return [
        `The item ${id} has the status ${JSON.stringify(status)} after a cancel. A trigger or a rule on order_item does not write the status.`,
      ];
    }
    if (cancelledQuantity === quantity) return [];
    return [
      `The item ${id} has ${cancelledQuantity} of its ${quantity} units in cancelled_quantity after a cancel. A trigger or a rule on order_item does not write the column.`,
    ];
  } catch (error) {
    const reason = Error.isError(error) ? error.message : String(error);
    return [`A cancel of the item ${id} fails: ${reason}.`];
  }
}

/** Whether an index gives the newest items without a sort. Small tables are sorted anyway, so sorts are made expensive. */
async function listsNewestFromIndex(dataSource: DataSource): Promise<boolean> {
  return dataSource.transaction(async (manager) => {
    await manager.query('SET LOCAL enable_sort = off');
    await manager.query('SET LOCAL enable_seqscan = off');
    const plan = await manager.query<Record<string, string>[]>(`EXPLAIN ${NEWEST}`);
    const lines = plan.map((line) => line['QUERY PLAN'] ?? '');
    // Citus merges the lists of all shards by a sort. The settings do not reach the workers, so their plans say nothing.
    return lines.some((line) => line.includes('Citus')) || !lines.some((line) => /\bSort\b/.test(line));
  });
}

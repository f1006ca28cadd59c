import type { Reader } from '../database/reader.ts';
import { bindClosedWindows } from './cancellationWindows.ts';
import { type ClosedWindows, writeBlockersSql, writeNotCancelableSql } from './eligibility.ts';
import { writeIsOwnSql } from './orderItemColumns.ts';
import type { CancellationBlocker } from './refusals.ts';

/** What a cancel of an order would find. */
export interface OrderCancelability {
  /** Whether at least one item is cancelable. */
  readonly cancelable: boolean;
  readonly cancelableItems: number;
  readonly blockedItems: number;
  /** The different blockers of the blocked items, in the order of the rules. */
  readonly blockers: readonly CancellationBlocker[];
}

export const NOTHING_TO_CANCEL: OrderCancelability = {
  cancelable: false,
  cancelableItems: 0,
  blockedItems: 0,
  blockers: [],
};

/** Asks for the cancelability of orders. */
export interface OrdersAsked {
  readonly orderIds: readonly string[];
  readonly closedWindows: ClosedWindows;
  /** Whose items alone count. Null: all items do. */
  readonly customer: string | null;
}

/** The counts of an order, and for each blocker, by its position, whether an item has it. */
type Row = Readonly<Record<string, boolean>> & {
  readonly orderId: string;
  readonly cancelableItems: number;
  readonly blockedItems: number;
};

/**
 * Reads the cancelability of any number of orders, in one statement.
 *
 * @returns an entry for each order that has items.
 */
export async function readOrderCancelability(
  reader: Reader,
  { orderIds, closedWindows, customer }: OrdersAsked,
): Promise<Map<string, OrderCancelability>> {
  const parameters: unknown[] = [orderIds];
  const closed = bindClosedWindows(closedWindows, (value) => `$${parameters.push(value)}`);
  const blockers = writeBlockersSql(closed);
  const isBlocked = writeNotCancelableSql(closed, 'compared');
  const own = customer === null ? '' : `AND ${writeIsOwnSql(`$${parameters.push(customer)}`)}`;
  const name = ['read', ...(customer === null ? [] : ['own']), 'order_cancelability', ...Object.keys(closed)].join('_');
  const rows = await reader.query<Row[]>(
    `/* ${name} */ SELECT order_id AS "orderId", count(*) FILTER (WHERE NOT ${isBlocked})::int AS "cancelableItems",
       count(*) FILTER (WHERE ${isBlocked})::int AS "blockedItems",
       ${blockers.map(({ sql }, position) => `bool_or(${sql}) AS "${position}"`).join(', ')}
     FROM order_item WHERE order_id = ANY($1::text[]) ${own} GROUP BY order_id`,
    parameters,
  );
  return new Map(
    rows.map((row) => [
      row.orderId,
      {
        cancelable: row.cancelableItems > 0,
        cancelableItems: row.cancelableItems,
        blockedItems: row.blockedItems,
        blockers: blockers.filter((_, position) => row[position]).map(({ code, message }) => ({ code, message })),
      },
    ]),
  );
}

import type { Reader } from '../database/reader.ts';
import type { Cancellation } from './orderItem.ts';
import { CANCELLATION_COLUMNS } from './orderItemColumns.ts';

/**
 * A request reads at most this many records of items. An item can have one for each of its units, so the number of items does not
 * bound them. The cost of an operation assumes five an item.
 */
export const MAX_CANCELLATIONS = 5_000;

/** The items of a request have more records than it can read. */
export class TooManyCancellations extends Error {
  constructor() {
    super(
      `The items of this request have more than ${MAX_CANCELLATIONS} cancellations. Ask for fewer items, or page through 'Query.cancellations'.`,
    );
    this.name = 'TooManyCancellations';
  }
}

/**
 * Reads the cancellations of items, oldest first.
 *
 * @returns by item, or null if there are more than {@link MAX_CANCELLATIONS}.
 */
export async function readCancellations(
  reader: Reader,
  orderItemIds: readonly string[],
): Promise<Map<string, Cancellation[]> | null> {
  const cancellations = await reader.query<Cancellation[]>(
    `/* read_cancellations */ SELECT ${CANCELLATION_COLUMNS} FROM order_item_cancellation
     WHERE order_item_id = ANY($1::uuid[]) ORDER BY order_item_id, cancelled_before LIMIT ${MAX_CANCELLATIONS + 1}`,
    [orderItemIds],
  );
  return cancellations.length > MAX_CANCELLATIONS ? null : Map.groupBy(cancellations, ({ orderItemId }) => orderItemId);
}

/** Reads the cancellation that took the last unit of each item. */
export async function readLastCancellations(
  reader: Reader,
  orderItemIds: readonly string[],
): Promise<(readonly [string, Cancellation])[]> {
  const cancellations = await reader.query<Cancellation[]>(
    `/* read_last_cancellations */ SELECT ${CANCELLATION_COLUMNS} FROM order_item_cancellation
     WHERE order_item_id = ANY($1::uuid[]) AND remaining = 0 ORDER BY order_item_id, cancelled_before`,
    [orderItemIds],
  );
  return cancellations.map((cancellation) => [cancellation.orderItemId, cancellation]);
}

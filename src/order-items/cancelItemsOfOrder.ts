import type { DataSource } from 'typeorm';
import type { CancelOrderItems } from './cancelOrderItems.ts';
import type { CancelOutcomes } from './cancelTransaction.ts';
import type { CancelRequest, OrderToCancel } from './judgeCancels.ts';
import { writeIsOwnSql } from './orderItemColumns.ts';
import { invalidCancelRequest } from './refusals.ts';

/** A larger order would hold the locks of its items for too long. */
const MAX_ITEMS = 1_000;

/** One caller's request to cancel the items of an order. It states no quantity. */
export type CancelOrderRequest = Omit<CancelRequest, 'ids' | 'order'> & { readonly order: OrderToCancel };

/**
 * Cancels the items that an order has now.
 *
 * @returns one outcome for each item, oldest first, or one refusal of the whole request. An unknown order has no outcomes.
 * @throws as {@link CancelOrderItems} does.
 */
export type CancelItemsOfOrder = (request: CancelOrderRequest) => Promise<CancelOutcomes>;

/** Creates the way to cancel orders, on top of the one way to cancel items. */
export function createCancelItemsOfOrder(dataSource: DataSource, cancel: CancelOrderItems): CancelItemsOfOrder {
  return async (request) => {
    const { order, customer } = request;
    const [name, own] =
      customer === null ? ['items_of_order', ''] : ['own_items_of_order', `AND ${writeIsOwnSql('$2')}`];
    const items = await dataSource.query<{ id: string }[]>(
      `/* ${name} */ SELECT id FROM order_item WHERE order_id = $1 ${own} ORDER BY created_at, id LIMIT ${MAX_ITEMS + 1}`,
      [order.id, ...(customer === null ? [] : [customer])],
    );
    if (items.length > MAX_ITEMS) {
      return [invalidCancelRequest('orderId', `the order has more than ${MAX_ITEMS} items`)];
    }
    // A key can have been used for an order that has lost its items since.
    if (items.length === 0 && request.idempotencyKey === null) return [];
    return cancel({ ...request, ids: items.map(({ id }) => id) });
  };
}

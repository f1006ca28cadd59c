import { randomUUID } from 'node:crypto';
import type { QueryResultRow } from 'pg';
import type { Cluster } from './cluster.ts';

/** An order item, as it is before the load. */
export interface StockItem extends QueryResultRow {
  readonly id: string;
  readonly orderId: string;
  readonly quantity: number;
  /** Whether it can be cancelled. */
  readonly isPreOrder: boolean;
}

/** An order that is cancelled as a whole, while others cancel units of its items. */
export interface StockOrder {
  readonly id: string;
  readonly items: readonly StockItem[];
}

/** Order items for a load. */
export interface Stock {
  /** Cancelable items. Each is cancelled once, with all its units. */
  readonly items: readonly StockItem[];
  readonly orders: readonly StockOrder[];
}

const ITEMS_PER_ORDER = 5;

/**
 * Inserts order items with 1 to 5 units. Every other order of the stock has an item that cannot be cancelled.
 *
 * @param count half of them are items, and half are in orders.
 */
export async function addStock(database: Pick<Cluster, 'query'>, count: number): Promise<Stock> {
  // The stocks of several loads in one database share no order.
  const prefix = randomUUID();
  const insert = (name: string, isPreOrder: string): Promise<StockItem[]> =>
    database.query<StockItem>(
      `INSERT INTO order_item (id, order_id, product_id, status, is_pre_order, quantity, price_amount, price_currency)
       SELECT gen_random_uuid(), $1 || number / ${ITEMS_PER_ORDER}, 'product-1', 'pending', ${isPreOrder}, 1 + number % 5, 9.99, 'GBP'
       FROM generate_series(0, $2 - 1) AS number
       RETURNING id, order_id AS "orderId", quantity, is_pre_order AS "isPreOrder"`,
      [`${prefix}-${name}-`, Math.ceil(count / 2)],
    );
  const items = await insert('items', 'true');
  const ofOrders = await insert('order', `number % ${2 * ITEMS_PER_ORDER} > 0`);
  const orders = [...Map.groupBy(ofOrders, ({ orderId }) => orderId)].map(([id, its]) => ({ id, items: its }));
  return { items, orders };
}

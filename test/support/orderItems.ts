import { randomUUID } from 'node:crypto';
import type { DataSource } from 'typeorm';
import type { OrderItem } from '../../src/order-items/orderItem.ts';
import { ORDER_ITEM_COLUMNS } from '../../src/order-items/orderItemColumns.ts';

/** Changes of a cancelable item. */
export interface GivenItem extends Partial<Omit<OrderItem, 'createdAt' | 'updatedAt'>> {
  readonly createdAt?: Date;
  readonly updatedAt?: Date;
}

/** Inserts items and returns their ids, in order. */
export async function insertOrderItems(dataSource: DataSource, given: readonly GivenItem[]): Promise<string[]> {
  const items = given.map((item) => ({
    id: randomUUID(),
    orderId: 'order-1',
    productId: 'product-1',
    externalId: null,
    status: 'pending',
    isPreOrder: true,
    releaseDate: null,
    quantity: 1,
    cancelledQuantity: 0,
    priceAmount: '9.99',
    priceCurrency: 'GBP',
    version: 1,
    createdAt: new Date(),
    updatedAt: new Date(),
    ...item,
  }));
  // Before the migration of quantities, the column is not there.
  const hasCancelled = given.some(({ cancelledQuantity }) => cancelledQuantity !== undefined);
  // A table brought along can lack this one.
  const hasCustomer = given.some(({ customerId }) => customerId !== undefined);
  await dataSource.query(
    `INSERT INTO order_item (id, order_id, product_id, external_id, status, is_pre_order, release_date, quantity,
       price_amount, price_currency, version, created_at, updated_at${hasCancelled ? ', cancelled_quantity' : ''}${hasCustomer ? ', customer_id' : ''})
     SELECT id, "orderId", "productId", "externalId", status, "isPreOrder", "releaseDate", quantity, "priceAmount",
       "priceCurrency", version, "createdAt", "updatedAt"${hasCancelled ? ', "cancelledQuantity"' : ''}${hasCustomer ? ', "customerId"' : ''}
     FROM jsonb_to_recordset($1::jsonb) AS item(
       id uuid, "orderId" text, "productId" text, "externalId" text, status text, "isPreOrder" boolean,
       "releaseDate" date, quantity int, "cancelledQuantity" int, "priceAmount" numeric, "priceCurrency" text, version int,
       "createdAt" timestamptz, "updatedAt" timestamptz, "customerId" text)`,
    [JSON.stringify(items)],
  );
  return items.map(({ id }) => id);
}

/** Inserts a cancelable item with the given changes and returns its id. */
export async function anOrderItem(dataSource: DataSource, given: GivenItem = {}): Promise<string> {
  const [id = ''] = await insertOrderItems(dataSource, [given]);
  return id;
}

export async function findOrderItem(dataSource: DataSource, id: string): Promise<OrderItem | undefined> {
  const [item] = await dataSource.query<OrderItem[]>(`SELECT ${ORDER_ITEM_COLUMNS} FROM order_item WHERE id = $1`, [
    id,
  ]);
  return item;
}

/** Returns the rows of `order_item_cancellation` for these items. */
export async function findCancellations(
  dataSource: DataSource,
  ids: readonly string[],
): Promise<Record<string, unknown>[]> {
  return dataSource.query('SELECT * FROM order_item_cancellation WHERE order_item_id = ANY($1::uuid[]) ORDER BY id', [
    ids,
  ]);
}

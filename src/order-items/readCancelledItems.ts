import type { DataSource } from 'typeorm';
import type { OrderItem } from './orderItem.ts';
import { ORDER_ITEM_COLUMNS, OWNED_ORDER_ITEM_COLUMNS } from './orderItemColumns.ts';

/**
 * Reads items that events name, with their customers.
 *
 * @param primary is not a standby, which could still have an item as it was before its event.
 * @param hasOwners whether items have customers. A table brought along can lack the column.
 * @returns the items that exist, by id.
 */
export async function readCancelledItems(
  primary: Pick<DataSource, 'query'>,
  ids: readonly string[],
  hasOwners: boolean,
): Promise<ReadonlyMap<string, OrderItem>> {
  const items = await primary.query<OrderItem[]>(
    `/* read_cancelled_order_items */ SELECT ${hasOwners ? OWNED_ORDER_ITEM_COLUMNS : ORDER_ITEM_COLUMNS}
     FROM order_item WHERE id = ANY($1::uuid[])`,
    [[...new Set(ids)]],
  );
  return new Map(items.map((item) => [item.id, item]));
}

import DataLoader from 'dataloader';
import pLimit, { type LimitFunction } from 'p-limit';
import type { DataSource } from 'typeorm';
import { listItemsOfOrders, listOrderItems, type OrderItemPage, type PageRequest } from './listOrderItems.ts';
import type { Cancellation, OrderItem } from './orderItem.ts';
import { CANCELLATION_COLUMNS, ORDER_ITEM_COLUMNS } from './orderItemColumns.ts';

/** Of one request, which must not take the whole pool: a list can take long where many items do not match its filter. */
const MAX_LISTS_AT_A_TIME = 2;

interface ItemsOfOrder {
  readonly orderId: string;
  readonly request: PageRequest;
}

/** What one request reads, each kind in one statement however often it is asked for. */
export interface Loaders {
  /** By id, a UUID in lower case. */
  readonly orderItem: DataLoader<string, OrderItem | null>;
  /** By the id of the item that was cancelled. */
  readonly cancellation: DataLoader<string, Cancellation | null>;
  readonly itemsOfOrder: DataLoader<ItemsOfOrder, OrderItemPage, string>;
  /** A page of all items. */
  readonly page: (request: PageRequest) => Promise<OrderItemPage>;
}

/** Loaders for one request: what they have read, they remember, so they must not outlive it. */
export function createLoaders(dataSource: DataSource): Loaders {
  const limit = pLimit(MAX_LISTS_AT_A_TIME);
  return {
    orderItem: new DataLoader(async (ids: readonly string[]) => {
      const rows = await dataSource.query<OrderItem[]>(
        `SELECT ${ORDER_ITEM_COLUMNS} FROM order_item WHERE id = ANY($1::uuid[])`,
        [ids],
      );
      return inOrderOf(ids, rows, (item) => item.id);
    }),
    cancellation: new DataLoader(async (orderItemIds: readonly string[]) => {
      const rows = await dataSource.query<Cancellation[]>(
        `SELECT ${CANCELLATION_COLUMNS} FROM order_item_cancellation WHERE order_item_id = ANY($1::uuid[])`,
        [orderItemIds],
      );
      return inOrderOf(orderItemIds, rows, (cancellation) => cancellation.orderItemId);
    }),
    itemsOfOrder: new DataLoader((keys) => loadItemsOfOrders(dataSource, keys, limit), {
      cacheKeyFn: (key) => JSON.stringify([key.orderId, key.request]),
    }),
    page: (request) => limit(() => listOrderItems(dataSource, request)),
  };
}

/** One statement for each selection: orders that are asked for the same page share one. */
async function loadItemsOfOrders(
  dataSource: DataSource,
  keys: readonly ItemsOfOrder[],
  limit: LimitFunction,
): Promise<(OrderItemPage | Error)[]> {
  const pages = new Map<ItemsOfOrder, OrderItemPage>();
  const loadGroup = async (group: readonly ItemsOfOrder[], request: PageRequest): Promise<void> => {
    const orderIds = group.map((key) => key.orderId);
    const read = await limit(() => listItemsOfOrders(dataSource, orderIds, request));
    read.forEach((page, position) => {
      const key = group[position];
      if (key !== undefined) pages.set(key, page);
    });
  };
  const groups = [...Map.groupBy(keys, (key) => JSON.stringify(key.request)).values()];
  await Promise.all(groups.map(async (group) => group[0] && loadGroup(group, group[0].request)));
  return keys.map((key) => pages.get(key) ?? new Error('An order was left out of its page.'));
}

function inOrderOf<T>(keys: readonly string[], rows: readonly T[], keyOf: (row: T) => string): (T | null)[] {
  const byKey = new Map(rows.map((row) => [keyOf(row), row]));
  return keys.map((key) => byKey.get(key) ?? null);
}

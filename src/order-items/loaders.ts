import DataLoader from 'dataloader';
import pLimit, { type LimitFunction } from 'p-limit';
import type { DataSource } from 'typeorm';
import { coalesce, type CoalesceOptions } from '../database/coalesce.ts';
import { listItemsOfOrders, listOrderItems, type OrderItemPage, type PageRequest } from './listOrderItems.ts';
import type { Cancellation, OrderItem } from './orderItem.ts';
import { CANCELLATION_COLUMNS, ORDER_ITEM_COLUMNS } from './orderItemColumns.ts';

/** Of one request, which must not take the whole pool: a list can take long where many items do not match its filter. */
const MAX_LISTS_AT_A_TIME = 2;

/** Two batches, so that the database works on one while the answers of the other go out. */
const READS: CoalesceOptions = { slots: 2, maxBatchSize: 2_000, maxWaiting: 100_000, changes: false };

interface ItemsOfOrder {
  readonly orderId: string;
  readonly request: PageRequest;
}

/** What all requests read together. It remembers nothing. */
export interface Reads {
  /** By id, a UUID in lower case. */
  readonly orderItem: (id: string) => Promise<OrderItem | null>;
  /** By the id of the item that was cancelled. */
  readonly cancellation: (orderItemId: string) => Promise<Cancellation | null>;
}

/** What one request reads; what it has read, it remembers. */
export interface Loaders {
  readonly orderItem: Memory<OrderItem | null>;
  readonly cancellation: Memory<Cancellation | null>;
  readonly itemsOfOrder: DataLoader<ItemsOfOrder, OrderItemPage, string>;
  /** A page of all items. */
  readonly page: (request: PageRequest) => Promise<OrderItemPage>;
}

/** The reads of one service: however many requests there are, one statement serves those that come together. */
export function createReads(dataSource: DataSource): Reads {
  return {
    orderItem: coalesce(async (ids: readonly string[]) => {
      const rows = await dataSource.query<OrderItem[]>(
        `/* read_order_items */ SELECT ${ORDER_ITEM_COLUMNS} FROM order_item WHERE id = ANY($1::uuid[])`,
        [ids],
      );
      return inOrderOf(ids, rows, (item) => item.id);
    }, READS),
    cancellation: coalesce(async (orderItemIds: readonly string[]) => {
      const rows = await dataSource.query<Cancellation[]>(
        `/* read_cancellations */ SELECT ${CANCELLATION_COLUMNS} FROM order_item_cancellation WHERE order_item_id = ANY($1::uuid[])`,
        [orderItemIds],
      );
      return inOrderOf(orderItemIds, rows, (cancellation) => cancellation.orderItemId);
    }, READS),
  };
}

/** Loaders for one request: what they have read, they remember, so they must not outlive it. */
export function createLoaders(dataSource: DataSource, reads: Reads): Loaders {
  let limit: LimitFunction | null = null;
  const limited = <T>(act: () => Promise<T>): Promise<T> => (limit ??= pLimit(MAX_LISTS_AT_A_TIME))(act);
  let itemsOfOrder: DataLoader<ItemsOfOrder, OrderItemPage, string> | null = null;
  return {
    orderItem: new Memory(reads.orderItem),
    cancellation: new Memory(reads.cancellation),
    get itemsOfOrder() {
      return (itemsOfOrder ??= new DataLoader((keys) => loadItemsOfOrders(dataSource, keys, limited), {
        cacheKeyFn: (key) => JSON.stringify([key.orderId, key.request]),
      }));
    },
    page: (request) => limited(() => listOrderItems(dataSource, request)),
  };
}

/** Reads each thing once. */
export class Memory<Value> {
  private readonly values = new Map<string, Promise<Value>>();
  private readonly read: (key: string) => Promise<Value>;

  constructor(read: (key: string) => Promise<Value>) {
    this.read = read;
  }

  load(key: string): Promise<Value> {
    let value = this.values.get(key);
    if (value === undefined) {
      value = this.read(key);
      this.values.set(key, value);
    }
    return value;
  }

  /** Remembers a newer value. */
  set(key: string, value: Value): void {
    this.values.set(key, Promise.resolve(value));
  }
}

/** One statement for each selection: orders that are asked for the same page share one. */
async function loadItemsOfOrders(
  dataSource: DataSource,
  keys: readonly ItemsOfOrder[],
  limited: <T>(act: () => Promise<T>) => Promise<T>,
): Promise<(OrderItemPage | Error)[]> {
  const pages = new Map<ItemsOfOrder, OrderItemPage>();
  const loadGroup = async (group: readonly ItemsOfOrder[], request: PageRequest): Promise<void> => {
    const orderIds = group.map((key) => key.orderId);
    const read = await limited(() => listItemsOfOrders(dataSource, orderIds, request));
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

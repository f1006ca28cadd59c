import DataLoader from 'dataloader';
import { coalesce, type CoalesceOptions, type QueueState } from '../work/coalesce.ts';
import type { Reader } from '../database/reader.ts';
import { listItemsOfOrders, listOrderItems, type OrderItemPage, type PageRequest } from './listOrderItems.ts';
import { type Cancellation, type OrderItem, parseOrderItemId } from './orderItem.ts';
import { CANCELLATION_COLUMNS, ORDER_ITEM_COLUMNS } from './orderItemColumns.ts';

/**
 * At most this many list queries per request, so one request cannot drain the pool. A list with a selective filter is slow.
 */
const MAX_LISTS_AT_A_TIME = 2;

/** Two batches overlap: the database works on one while the service sends the answers of the other. */
const READS: CoalesceOptions = { slots: 2, maxBatchSize: 100, maxWaiting: 10_000, deadline: 'latest' };

/** At most this many ids per statement. */
const MAX_IDS = 2_000;

/** The values that exist, by id. */
type Found<Value> = ReadonlyMap<string, Value>;

interface ItemsOfOrder {
  readonly orderId: string;
  readonly request: PageRequest;
}

/** The reads that all requests share. They cache nothing. */
export interface Reads {
  /** Reads items by id, UUIDs in lower case. The result may hold further items. */
  readonly orderItems: (ids: readonly string[]) => Promise<Found<OrderItem>>;
  /** Reads cancellations by the ids of the cancelled items. */
  readonly cancellations: (orderItemIds: readonly string[]) => Promise<Found<Cancellation>>;
}

/**
 * Creates the reads of one service. One statement serves all requests that arrive together.
 *
 * @param queue creates the state of the queue with this name.
 */
export function createReads(reader: Reader, queue: (name: string) => QueueState): Reads {
  return {
    orderItems: batchById(
      (ids) =>
        reader.query<OrderItem[]>(
          `/* read_order_items */ SELECT ${ORDER_ITEM_COLUMNS} FROM order_item WHERE id = ANY($1::uuid[])`,
          [ids],
        ),
      (item) => item.id,
      queue('read_order_items'),
    ),
    cancellations: batchById(
      (orderItemIds) =>
        reader.query<Cancellation[]>(
          `/* read_cancellations */ SELECT ${CANCELLATION_COLUMNS} FROM order_item_cancellation WHERE order_item_id = ANY($1::uuid[])`,
          [orderItemIds],
        ),
      (cancellation) => cancellation.orderItemId,
      queue('read_cancellations'),
    ),
  };
}

/** Reads for all requests of a batch. Each request gets everything that was found. */
function batchById<Row>(
  read: (ids: readonly string[]) => Promise<readonly Row[]>,
  readId: (row: Row) => string,
  state: QueueState,
): (ids: readonly string[]) => Promise<Found<Row>> {
  const load = async (asked: readonly (readonly string[])[]): Promise<Found<Row>[]> => {
    const ids = [...new Set(asked.flat())];
    const found = new Map<string, Row>();
    for (let from = 0; from < ids.length; from += MAX_IDS) {
      for (const row of await read(ids.slice(from, from + MAX_IDS))) found.set(readId(row), row);
    }
    return asked.map(() => found);
  };
  return coalesce<readonly string[], Found<Row>>(load, READS, state);
}

/** The reads of one request. They cache what they read, so they must not outlive the request. */
export class Loaders {
  readonly orderItem: RequestCache<OrderItem>;
  readonly cancellation: RequestCache<Cancellation>;
  private readonly reader: Reader;
  private readonly listChains: Promise<unknown>[] = [];
  private lists = 0;
  private orderLoader: DataLoader<ItemsOfOrder, OrderItemPage, string> | null = null;

  constructor(reader: Reader, reads: Reads) {
    this.reader = reader;
    this.orderItem = new RequestCache(reads.orderItems);
    this.cancellation = new RequestCache(reads.cancellations);
  }

  /** @param id as a client writes it. @returns null for an unknown or malformed id. */
  async loadOrderItem(id: string): Promise<OrderItem | null> {
    const uuid = parseOrderItemId(id);
    return uuid === null ? null : this.orderItem.load(uuid);
  }

  get itemsOfOrder(): DataLoader<ItemsOfOrder, OrderItemPage, string> {
    return (this.orderLoader ??= new DataLoader(
      (keys) => loadItemsOfOrders(this.reader, keys, (act) => this.limitLists(act)),
      { cacheKeyFn: (key) => JSON.stringify([key.orderId, key.request]) },
    ));
  }

  /** Reads a page of all items. */
  page(request: PageRequest): Promise<OrderItemPage> {
    return this.limitLists(() => listOrderItems(this.reader, request));
  }

  /** Runs at most {@link MAX_LISTS_AT_A_TIME} reads at a time. */
  private limitLists<T>(act: () => Promise<T>): Promise<T> {
    const chain = this.lists++ % MAX_LISTS_AT_A_TIME;
    const result = this.listChains[chain]?.then(act, act) ?? act();
    this.listChains[chain] = result;
    return result;
  }
}

/** Reads each key once per request. */
export class RequestCache<Value> {
  private readonly values = new Map<string, Value | null | Promise<Value | null>>();
  private readonly read: (keys: readonly string[]) => Promise<Found<Value>>;

  constructor(read: (keys: readonly string[]) => Promise<Found<Value>>) {
    this.read = read;
  }

  /** @returns a cached value without a promise. */
  load(key: string): Value | null | Promise<Value | null> {
    const known = this.values.get(key);
    if (known !== undefined) return known;
    const value = this.read([key]).then((found) => found.get(key) ?? null);
    this.values.set(key, value);
    return value;
  }

  /** @returns the value or the error of each key, in order. */
  async loadAll(keys: readonly string[]): Promise<readonly (Value | null | Error)[]> {
    const missing = keys.filter((key) => !this.values.has(key));
    if (missing.length > 0) {
      try {
        const found = await this.read(missing);
        for (const key of missing) this.values.set(key, found.get(key) ?? null);
      } catch (error) {
        const failed = Promise.reject<null>(toError(error));
        failed.catch(() => undefined);
        for (const key of missing) this.values.set(key, failed);
      }
    }
    const values = keys.map((key) => this.values.get(key) ?? null);
    if (!values.some((value) => value instanceof Promise)) return values as readonly (Value | null)[];
    return Promise.all(values.map((value) => Promise.resolve(value).catch(toError)));
  }

  /** Replaces a cached value by a newer one. */
  set(key: string, value: Value): void {
    this.values.set(key, value);
  }
}

/** Reads pages of several orders. Orders with the same page request share a statement. */
async function loadItemsOfOrders(
  reader: Reader,
  keys: readonly ItemsOfOrder[],
  limitLists: <T>(act: () => Promise<T>) => Promise<T>,
): Promise<(OrderItemPage | Error)[]> {
  const pages = new Map<ItemsOfOrder, OrderItemPage>();
  const loadGroup = async (group: readonly ItemsOfOrder[], request: PageRequest): Promise<void> => {
    const orderIds = group.map((key) => key.orderId);
    const read = await limitLists(() => listItemsOfOrders(reader, orderIds, request));
    read.forEach((page, position) => {
      const key = group[position];
      if (key !== undefined) pages.set(key, page);
    });
  };
  const groups = [...Map.groupBy(keys, (key) => JSON.stringify(key.request)).values()];
  await Promise.all(groups.map(async (group) => group[0] && loadGroup(group, group[0].request)));
  return keys.map((key) => pages.get(key) ?? new Error('The page of an order is missing.'));
}

function toError(error: unknown): Error {
  return Error.isError(error) ? error : new Error('A thrown value is not an Error.', { cause: error });
}

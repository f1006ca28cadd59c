import DataLoader from 'dataloader';
import { MAX_CANCELLATIONS, TooManyCancellations } from './cancellationsOfItems.ts';
import type { ClosedWindows } from './eligibility.ts';
import type { CancellationPage, CancellationPageRequest } from './listCancellations.ts';
import type { OrderItemPage, PageRequest } from './listOrderItems.ts';
import type { OrderCancelability } from './orderCancelability.ts';
import { type Cancellation, type OrderItem, parseOrderItemId } from './orderItem.ts';
import type { Viewer } from './ownItems.ts';
import type { Found, Reads } from './reads.ts';

/**
 * At most this many list queries per request, so one request cannot drain the pool. A list with a selective filter is slow.
 */
const MAX_LISTS_AT_A_TIME = 2;

interface ItemsOfOrder {
  readonly orderId: string;
  readonly request: PageRequest;
}

/** The reads of one request. They cache what they read, so they must not outlive the request. */
export class Loaders {
  readonly orderItem: RequestCache<OrderItem>;
  readonly cancellations: RequestCache<readonly Cancellation[]>;
  /** The cancellation that took the last unit of an item. Most items have none. */
  readonly lastCancellation: RequestCache<Cancellation>;
  /** By order id. Orders without items have none. */
  readonly orderCancelability: RequestCache<OrderCancelability>;
  private readonly reads: Reads;
  private readonly listChains: Promise<unknown>[] = [];
  private lists = 0;
  private cancellationsRead = 0;
  private cancellationLoader: DataLoader<string, readonly Cancellation[]> | null = null;
  private orderLoader: DataLoader<ItemsOfOrder, OrderItemPage, string> | null = null;

  /**
   * @param closedWindows what the cancellation windows had closed when the request arrived.
   * @param viewer whose items alone exist for the caller. Null: all items do.
   */
  constructor(reads: Reads, closedWindows: ClosedWindows, viewer: Viewer | null) {
    this.reads = reads;
    const customer = viewer?.customer ?? null;
    this.orderItem = new RequestCache((ids) => reads.orderItems(ids, customer));
    this.cancellations = new RequestCache((ids) => this.gatherCancellations(ids));
    this.lastCancellation = new RequestCache(reads.lastCancellation);
    this.orderCancelability = new RequestCache((ids) => reads.orderCancelability(ids, { closedWindows, customer }));
  }

  /** @param id as a client writes it. @returns null for an unknown or malformed id. */
  async loadOrderItem(id: string): Promise<OrderItem | null> {
    const uuid = parseOrderItemId(id);
    return uuid === null ? null : this.orderItem.load(uuid);
  }

  get itemsOfOrder(): DataLoader<ItemsOfOrder, OrderItemPage, string> {
    return (this.orderLoader ??= new DataLoader(
      (keys) => loadItemsOfOrders(this.reads, keys, (act) => this.limitLists(act)),
      { cacheKeyFn: (key) => JSON.stringify([key.orderId, key.request]) },
    ));
  }

  /** Reads a page of an order's items, or of all items if the order is null. */
  loadPage(orderId: string | null, request: PageRequest): Promise<OrderItemPage> {
    return this.limitLists(async () => {
      if (orderId === null) return this.reads.page(request);
      const pages = await this.reads.itemsOfOrders({ orderIds: [orderId], request });
      return findPage(pages, orderId);
    });
  }

  /** Reads a page of cancellations. */
  loadCancellations(request: CancellationPageRequest): Promise<CancellationPage> {
    return this.limitLists(() => this.reads.listCancellations(request));
  }

  /** Reads the cancellations of items together with those that other fields of the request ask for. */
  private async gatherCancellations(ids: readonly string[]): Promise<Found<readonly Cancellation[]>> {
    const loader = (this.cancellationLoader ??= new DataLoader((all) => this.readCancellations(all), { cache: false }));
    return new Map(await Promise.all(ids.map(async (id) => [id, await loader.load(id)] as const)));
  }

  /** Reads the cancellations of items of the request, which share a bound. @throws TooManyCancellations */
  private async readCancellations(ids: readonly string[]): Promise<(readonly Cancellation[])[]> {
    const found = await this.reads.cancellations(ids);
    const cancellations = ids.map((id) => found.get(id) ?? []);
    this.cancellationsRead += cancellations.flat().length;
    if (this.cancellationsRead > MAX_CANCELLATIONS) throw new TooManyCancellations();
    return cancellations;
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

  /** Forgets a cached value, which a change made stale. */
  clear(key: string): void {
    this.values.delete(key);
  }

  /** Replaces a cached value by a newer one. */
  set(key: string, value: Value): void {
    this.values.set(key, value);
  }
}

/** Reads pages of several orders. Orders with the same page request share a read. */
async function loadItemsOfOrders(
  reads: Reads,
  keys: readonly ItemsOfOrder[],
  limitLists: <T>(act: () => Promise<T>) => Promise<T>,
): Promise<OrderItemPage[]> {
  const pages = new Map<ItemsOfOrder, OrderItemPage>();
  const loadGroup = async (group: readonly ItemsOfOrder[], request: PageRequest): Promise<void> => {
    const orderIds = group.map(({ orderId }) => orderId);
    const found = await limitLists(() => reads.itemsOfOrders({ orderIds, request }));
    for (const key of group) pages.set(key, findPage(found, key.orderId));
  };
  const groups = [...Map.groupBy(keys, (key) => JSON.stringify(key.request)).values()];
  await Promise.all(groups.map(async (group) => group[0] && loadGroup(group, group[0].request)));
  return keys.map((key) => findPage(pages, key));
}

function findPage<Key>(pages: ReadonlyMap<Key, OrderItemPage>, key: Key): OrderItemPage {
  const page = pages.get(key);
  if (page === undefined) throw new Error('A read of pages misses one.');
  return page;
}

function toError(error: unknown): Error {
  return Error.isError(error) ? error : new Error('A thrown value is not an Error.', { cause: error });
}

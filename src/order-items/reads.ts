import { systemClock } from '../work/clock.ts';
import type { Share } from '../work/fairQueue.ts';
import { coalesce, type CoalesceOptions, type QueueState } from '../work/coalesce.ts';
import type { Reader } from '../database/reader.ts';
import { readCancellations, readLastCancellations, TooManyCancellations } from './cancellationsOfItems.ts';
import type { UnitsRule } from './eligibility.ts';
import { type CancellationPage, type CancellationPageRequest, listCancellations } from './listCancellations.ts';
import { listItemsOfOrders, listOrderItems, type OrderItemPage, type PageRequest } from './listOrderItems.ts';
import { type OrderCancelability, type OrdersAsked, readOrderCancelability } from './orderCancelability.ts';
import type { Cancellation, OrderItem } from './orderItem.ts';
import { ORDER_ITEM_COLUMNS, OWNED_ORDER_ITEM_COLUMNS } from './orderItemColumns.ts';
import { isOwn } from './ownItems.ts';

/** Two batches overlap: the database works on one while the service sends the answers of the other. */
const READS: CoalesceOptions = { slots: 2, maxBatchSize: 100, maxWaiting: 10_000, deadline: 'latest' };

/** At most this many ids per statement. */
const MAX_IDS = 2_000;

/** At most this many rows per statement that serves several requests. */
const MAX_ROWS = 2_000;

/** Requests for more orders get separate statements, so that small ones do not wait for them (no head-of-line blocking). */
const MAX_SHARED_ORDERS = 10;

/** The values that exist, by id. */
export type Found<Value> = ReadonlyMap<string, Value>;

/** Asks for a page of the items of each order. */
export interface ItemsOfOrders {
  readonly orderIds: readonly string[];
  readonly request: PageRequest;
}

/** The reads that all requests share. They cache nothing. */
export interface Reads {
  /**
   * Reads items by id, UUIDs in lower case. The result may hold further items, but only those of the customer.
   *
   * @param customer whose items alone exist for the caller. Null: all items do.
   */
  readonly orderItems: (ids: readonly string[], customer: string | null) => Promise<Found<OrderItem>>;
  /** Reads the cancellations of items, oldest first. @throws TooManyCancellations */
  readonly cancellations: (orderItemIds: readonly string[]) => Promise<Found<readonly Cancellation[]>>;
  /** Reads the cancellation that took the last unit of each item. */
  readonly lastCancellation: (orderItemIds: readonly string[]) => Promise<Found<Cancellation>>;
  /** Reads a page of cancellations. */
  readonly listCancellations: (request: CancellationPageRequest) => Promise<CancellationPage>;
  /** Reads a page of all items. */
  readonly page: (request: PageRequest) => Promise<OrderItemPage>;
  /** Reads a page of each order. The result may hold further orders. */
  readonly itemsOfOrders: (asked: ItemsOfOrders) => Promise<Found<OrderItemPage>>;
  /** Reads the cancelability of orders that have items. The result may hold further orders. */
  readonly orderCancelability: (
    orderIds: readonly string[],
    asked: Pick<OrdersAsked, 'closedWindows' | 'customer'>,
  ) => Promise<Found<OrderCancelability>>;
}

/**
 * Creates the reads of one service. One statement serves all requests that arrive together.
 *
 * @param queue creates the state of the queue with this name.
 * @param units is by default that of a table that the migrations made.
 * @param listOfOrders reads the items of orders as the tables allow it.
 */
export function createReads(
  reader: Reader,
  queue: (name: string) => QueueState,
  units?: UnitsRule,
  listOfOrders = listItemsOfOrders,
): Reads {
  return {
    orderItems: batchOrderItems(reader, queue),
    cancellations: batchCancellations(reader, queue('read_cancellations')),
    lastCancellation: batchById((ids) => readLastCancellations(reader, ids), queue('read_last_cancellations')),
    listCancellations: sharePages((request) => listCancellations(reader, request), queue('list_cancellations')),
    page: sharePages((request) => listOrderItems(reader, request, units), queue('list_order_items')),
    itemsOfOrders: batchOrders(
      (orderIds, request) => listOfOrders(reader, orderIds, request, units),
      queue('list_items_of_orders'),
    ),
    orderCancelability: batchOrderCancelability(reader, queue('read_order_cancelability')),
  };
}

/** Callers who are limited to own items share other statements, because a table brought along can lack their column. */
function batchOrderItems(reader: Reader, queue: (name: string) => QueueState): Reads['orderItems'] {
  const batch = (name: string, columns: string): ((ids: readonly string[]) => Promise<Found<OrderItem>>) =>
    batchById(async (ids) => {
      const items = await reader.query<OrderItem[]>(
        `/* ${name} */ SELECT ${columns} FROM order_item WHERE id = ANY($1::uuid[])`,
        [ids],
      );
      return items.map((item) => [item.id, item] as const);
    }, queue(name));
  const readAll = batch('read_order_items', ORDER_ITEM_COLUMNS);
  const readOwned = batch('read_own_order_items', OWNED_ORDER_ITEM_COLUMNS);
  return (ids, customer) =>
    customer === null ? readAll(ids) : readOwned(ids).then((found) => keepOwn(ids, found, customer));
}

function keepOwn(ids: readonly string[], found: Found<OrderItem>, customer: string): Found<OrderItem> {
  const items = ids.map((id) => found.get(id)).filter((item) => item !== undefined);
  return new Map(items.filter((item) => isOwn(item, customer)).map((item) => [item.id, item]));
}

/** Requests for the same page share a statement. */
function sharePages<Request, Page>(
  read: (request: Request) => Promise<Page>,
  state: QueueState,
): (request: Request) => Promise<Page> {
  const load = async (asked: readonly Request[]): Promise<Page[]> => {
    const [request] = asked;
    if (request === undefined) return [];
    const page = await read(request);
    return asked.map(() => page);
  };
  return coalesce(load, READS, state, systemClock, { nameGroup: JSON.stringify });
}

/** Orders with the same page request share a statement. */
function batchOrders(
  list: (orderIds: readonly string[], request: PageRequest) => Promise<readonly OrderItemPage[]>,
  state: QueueState,
): Reads['itemsOfOrders'] {
  const read = async ({ orderIds, request }: ItemsOfOrders): Promise<Found<OrderItemPage>> => {
    const pages = await list(orderIds, request);
    return new Map(pages.map((page, position) => [orderIds[position] ?? '', page]));
  };
  const load = async (asked: readonly ItemsOfOrders[]): Promise<Found<OrderItemPage>[]> => {
    const [first] = asked;
    if (first === undefined) return [];
    const orderIds = [...new Set(asked.flatMap((one) => one.orderIds))];
    const pages = await read({ orderIds, request: first.request });
    return asked.map(() => pages);
  };
  const options = { ...READS, maxBatchWeight: MAX_ROWS };
  const batch = coalesce(load, options, state, systemClock, {
    measureShare: ({ orderIds, request }) => ({ flow: '', weight: orderIds.length * request.first }),
    nameGroup: ({ request }) => JSON.stringify(request),
  });
  return (asked) => (asked.orderIds.length > MAX_SHARED_ORDERS ? read(asked) : batch(asked));
}

/** Reads for all requests of a batch. Each request gets everything that was found. */
function batchById<Value>(
  read: (ids: readonly string[]) => Promise<Iterable<readonly [string, Value]>>,
  state: QueueState,
): (ids: readonly string[]) => Promise<Found<Value>> {
  const load = async (asked: readonly (readonly string[])[]): Promise<Found<Value>[]> => {
    const ids = [...new Set(asked.flat())];
    const found = new Map<string, Value>();
    for (let from = 0; from < ids.length; from += MAX_IDS) {
      for (const [id, value] of await read(ids.slice(from, from + MAX_IDS))) found.set(id, value);
    }
    return asked.map(() => found);
  };
  return coalesce<readonly string[], Found<Value>>(load, READS, state);
}

/** Requests share a statement unless their items have too many cancellations together. */
function batchCancellations(reader: Reader, state: QueueState): Reads['cancellations'] {
  type Asked = readonly string[];
  const load = async (asked: readonly Asked[]): Promise<(Found<readonly Cancellation[]> | null)[]> => {
    const found = await readCancellations(reader, [...new Set(asked.flat())]);
    if (found !== null || asked.length <= 1) return asked.map(() => found);
    // One request must not fail its neighbors.
    const middle = Math.ceil(asked.length / 2);
    return [...(await load(asked.slice(0, middle))), ...(await load(asked.slice(middle)))];
  };
  const measureShare = ({ length }: Asked): Share => ({ flow: '', weight: length });
  const batch = coalesce(load, { ...READS, maxBatchWeight: MAX_IDS }, state, systemClock, { measureShare });
  return async (orderItemIds) => {
    const found = await batch(orderItemIds);
    if (found === null) throw new TooManyCancellations();
    return found;
  };
}

/** Orders that are judged by the same windows, for the same customer or for all, share a statement. */
function batchOrderCancelability(reader: Reader, state: QueueState): Reads['orderCancelability'] {
  const load = async (asked: readonly OrdersAsked[]): Promise<Found<OrderCancelability>[]> => {
    const [first] = asked;
    if (first === undefined) return [];
    const orderIds = [...new Set(asked.flatMap((one) => one.orderIds))];
    const found = await readOrderCancelability(reader, { ...first, orderIds });
    return asked.map(() => found);
  };
  const nameGroup = ({ closedWindows, customer }: OrdersAsked): string => JSON.stringify([closedWindows, customer]);
  const batch = coalesce(load, READS, state, systemClock, { nameGroup });
  return (orderIds, asked) => batch({ orderIds, ...asked });
}

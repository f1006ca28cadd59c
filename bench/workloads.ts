import { createHash } from 'node:crypto';

/** A request of the benchmark, without its headers. */
export interface BenchRequest {
  readonly door: 'graphql' | 'rest';
  readonly path: string;
  readonly body: string;
}

export interface Workload {
  readonly title: string;
  /** Whether a request cancels the items that it names, so each can be used once. */
  readonly cancels: boolean;
  /** How many items a request names. 0 if it names an order, or nothing. */
  readonly size: number;
  /** The numbers of connections at which it is compared, unless the command line states others. */
  readonly connections: readonly number[];
  /** @param ids are the ids of the items, or the id of an order if `size` is 0. */
  readonly request: (ids: readonly string[]) => BenchRequest;
}

const ITEM =
  'id status isPreOrder quantity price { amount currency } cancelability { cancelable blockers { code message } }';

const ENTITIES = `query Entities($representations: [_Any!]!) { _entities(representations: $representations) { ... on OrderItem { ${ITEM} } } }`;

const CONNECTION = `edges { node { ${ITEM} } } pageInfo { hasNextPage endCursor }`;

const ORDER = `query Page($orderId: ID!) { orderItems(first: 20, filter: { orderId: $orderId }) { ${CONNECTION} } }`;

const PAGE = `query Page { orderItems(first: 20) { ${CONNECTION} } }`;

const RESULT = `__typename
  ... on CancelOrderItemSuccess { orderItem { id status } cancellation { cancelledAt requestId } }
  ... on CancelOrderItemRefusal { message }`;

const CANCEL = `mutation Cancel($input: CancelOrderItemInput!) { cancelOrderItem(input: $input) { ${RESULT} } }`;

const BULK = `mutation Bulk($input: CancelOrderItemsInput!) { cancelOrderItems(input: $input) { ${RESULT} } }`;

const REASON = 'Delivered too late';

/** Every order has this many items, which is more than one page. */
export const ITEMS_PER_ORDER = 24;

function entities(size: number, title: string): Workload {
  return {
    title,
    cancels: false,
    size,
    connections: size === 1 ? [32, 1] : [32],
    request: (ids) =>
      graphql('Entities', ENTITIES, { representations: ids.map((id) => ({ __typename: 'OrderItem', id })) }),
  };
}

function bulk(size: number): Workload {
  return {
    title: `cancel of ${size} ids through GraphQL`,
    cancels: true,
    size,
    connections: [8],
    request: (ids) => graphql('Bulk', BULK, { input: { ids, reason: REASON } }),
  };
}

/** The workloads of the comparison. */
export const COMPARED = {
  entity: entities(1, '1 entity'),
  entities: entities(50, '50 entities'),
  page: {
    title: 'page of 20 items',
    cancels: false,
    size: 0,
    connections: [32],
    request: () => graphql('Page', PAGE, {}),
  },
  order: {
    title: "a random order's items",
    cancels: false,
    size: 0,
    connections: [32],
    request: ([orderId]) => graphql('Page', ORDER, { orderId }),
  },
  cancel: {
    title: 'cancel, GraphQL',
    cancels: true,
    size: 1,
    connections: [128],
    request: ([id]) => graphql('Cancel', CANCEL, { input: { id, reason: REASON } }),
  },
  rest: {
    title: 'cancel, REST',
    cancels: true,
    size: 1,
    connections: [128, 1],
    request: ([id = '']) => ({
      door: 'rest',
      path: `/v0/line_item/${id}/cancel`,
      body: JSON.stringify({ reason: REASON }),
    }),
  },
} as const satisfies Record<string, Workload>;

export type ComparedName = keyof typeof COMPARED;

export const WORKLOADS = { ...COMPARED, bulk1: bulk(1), bulk10: bulk(10), bulk100: bulk(100) } as const;

export type WorkloadName = keyof typeof WORKLOADS;

/** Returns the id of the nth item for reads. It equals `md5('item-' || n)::uuid` in PostgreSQL. */
export function itemId(n: number): string {
  return hashToUuid(`item-${n}`);
}

/** Returns the id of the nth item to cancel. */
export function cancelableId(n: number): string {
  return hashToUuid(`cancel-${n}`);
}

export function orderId(n: number): string {
  return `order-${n}`;
}

/** Creates a request for random items, or for a random order. */
export function randomRequest({ size, request }: Workload, items: number): BenchRequest {
  const below = (count: number): number => Math.floor(Math.random() * count);
  if (size === 0) return request([orderId(below(Math.ceil(items / ITEMS_PER_ORDER)))]);
  return request(Array.from({ length: size }, () => itemId(below(items))));
}

function graphql(operationName: string, query: string, variables: object): BenchRequest {
  return {
    door: 'graphql',
    path: '/graphql',
    body: JSON.stringify({ operationName, query: query.replaceAll(/\s+/g, ' '), variables }),
  };
}

function hashToUuid(name: string): string {
  return createHash('md5')
    .update(name)
    .digest('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

import { createHash } from 'node:crypto';

/** What one request asks for. */
export interface BenchRequest {
  readonly door: 'graphql' | 'rest';
  readonly path: string;
  readonly body: string;
}

export interface Workload {
  readonly title: string;
  /** Whether a request uses up the items that it names. */
  readonly cancels: boolean;
  /** How many items a request names. */
  readonly size: number;
  /** @param ids of items; where the workload asks for an order, the name of one. */
  readonly request: (ids: readonly string[]) => BenchRequest;
}

const ITEM =
  'id status isPreOrder quantity price { amount currency } cancelability { cancelable blockers { code message } }';

const ENTITIES = `query Entities($representations: [_Any!]!) { _entities(representations: $representations) { ... on OrderItem { ${ITEM} } } }`;

const PAGE = `query Page($orderId: ID!) { orderItems(first: 20, filter: { orderId: $orderId }) { edges { node { ${ITEM} } } pageInfo { hasNextPage endCursor } } }`;

const RESULT = `__typename
  ... on CancelOrderItemSuccess { orderItem { id status } cancellation { cancelledAt requestId } }
  ... on CancelOrderItemRefusal { message }`;

const CANCEL = `mutation Cancel($input: CancelOrderItemInput!) { cancelOrderItem(input: $input) { ${RESULT} } }`;

const BULK = `mutation Bulk($input: CancelOrderItemsInput!) { cancelOrderItems(input: $input) { ${RESULT} } }`;

const REASON = 'Delivered too late';

/** Every order of the data has this many items: a page and a bit. */
export const ITEMS_PER_ORDER = 24;

function entities(size: number, title: string): Workload {
  return {
    title,
    cancels: false,
    size,
    request: (ids) =>
      graphql('Entities', ENTITIES, { representations: ids.map((id) => ({ __typename: 'OrderItem', id })) }),
  };
}

function bulk(size: number): Workload {
  return {
    title: `cancel of ${size} ids through GraphQL`,
    cancels: true,
    size,
    request: (ids) => graphql('Bulk', BULK, { input: { ids, reason: REASON } }),
  };
}

/** What the contenders are compared in. */
export const COMPARED = {
  entity: entities(1, '1 entity'),
  entities: entities(50, '50 entities'),
  page: {
    title: 'page of 20 items',
    cancels: false,
    size: 0,
    request: ([orderId]) => graphql('Page', PAGE, { orderId }),
  },
  cancel: {
    title: 'cancel, GraphQL',
    cancels: true,
    size: 1,
    request: ([id]) => graphql('Cancel', CANCEL, { input: { id, reason: REASON } }),
  },
  rest: {
    title: 'cancel, REST',
    cancels: true,
    size: 1,
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

/** The id of the nth item that only reads ask for. PostgreSQL makes the same of `md5('item-' || n)::uuid`. */
export function itemId(n: number): string {
  return uuidOf(`item-${n}`);
}

/** The id of the nth item that is there to be cancelled. */
export function cancelableId(n: number): string {
  return uuidOf(`cancel-${n}`);
}

export function orderId(n: number): string {
  return `order-${n}`;
}

/** A request about items, or an order, that are chosen at random. */
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

function uuidOf(name: string): string {
  return createHash('md5')
    .update(name)
    .digest('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

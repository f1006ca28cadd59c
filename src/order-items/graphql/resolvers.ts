import { hasScope, requireScope } from '../../auth/caller.ts';
import { badInput, serviceUnavailable } from '../../http/failures.ts';
import type { Cancelled, CancelOutcome } from '../judgeCancels.ts';
import { TooManyCancellations } from '../cancellationsOfItems.ts';
import { type CancelReason, parseCancelReason } from '../cancelRequest.ts';
import { encodeCursor, type Place, placeCancellation, placeItem } from '../cursors.ts';
import { countCancelableUnits, findBlockers } from '../eligibility.ts';
import type { GraphQLContext } from './context.ts';
import type { CancellationPage } from '../listCancellations.ts';
import type { OrderItemPage } from '../listOrderItems.ts';
import type { Loaders } from '../loaders.ts';
import { type Cancellation, countCancelledUnits, type OrderItem, parseOrderItemId } from '../orderItem.ts';
import { isOrderId, parseCancellationArguments, parsePageArguments } from './pageArguments.ts';
import { NOTHING_TO_CANCEL, type OrderCancelability } from '../orderCancelability.ts';
import type { ReasonCode } from '../reasonCodes.ts';
import { isConcealed, OTHER_CANCELLER } from '../ownItems.ts';
import type * as refusals from '../refusals.ts';
import { malformedOrderItemId } from '../refusals.ts';
import type * as schema from './resolverTypes.generated.ts';
import { scalars } from './scalars.ts';
import { followSchema } from './schemaFields.ts';

/** The GraphQL type of each outcome. */
const RESULT_TYPES = {
  CANCELLED: 'CancelOrderItemSuccess',
  ORDER_ITEM_NOT_FOUND: 'OrderItemNotFound',
  ORDER_ITEM_NOT_CANCELABLE: 'OrderItemNotCancelable',
  QUANTITY_NOT_CANCELABLE: 'QuantityNotCancelable',
  ORDER_NOT_CANCELABLE_AS_WHOLE: 'OrderNotCancelableAsWhole',
  INVALID_CANCEL_REQUEST: 'InvalidCancelRequest',
  IDEMPOTENCY_KEY_REUSED: 'IdempotencyKeyReused',
} as const satisfies Record<CancelOutcome['code'], string>;

/** The resolvers of the GraphQL door. They translate and decide nothing. */
export const resolvers = {
  ...scalars,

  Query: {
    cancellationReasons: (_, __, { caller, reasonCodes }) => {
      if (!hasScope(caller, 'order-items:cancel')) requireScope(caller, 'order-items:read');
      return reasonCodes === 'any' ? [] : reasonCodes;
    },
    orderItem: async (_, { id }, context) => {
      requireScope(context.caller, 'order-items:read');
      const item = await context.loaders.loadOrderItem(id);
      if (item !== null) context.cacheTags?.addItem(item.id);
      return item;
    },
    cancellations: async (_, args, context) => {
      requireScope(context.caller, 'order-items:read');
      const request = parseCancellationArguments(args, context);
      const page = await context.loaders.loadCancellations(request);
      context.cacheTags?.addList(
        page.nodes.map(({ orderItemId }) => orderItemId),
        request.filter.orderId,
      );
      return page;
    },
    orderItems: async (_, args, context) => {
      requireScope(context.caller, 'order-items:read');
      const { orderId, request } = parsePageArguments(args, context);
      const page = await context.loaders.loadPage(orderId, request);
      context.cacheTags?.addList(
        page.nodes.map(({ id }) => id),
        orderId,
      );
      return page;
    },
  },

  Mutation: {
    cancelOrderItem: async (_, { input }, context) => {
      requireScope(context.caller, 'order-items:cancel');
      const [outcome] = await cancel([input.id], input, context);
      if (outcome === undefined) throw new Error('A cancel of one item has one outcome.');
      return outcome;
    },
    cancelOrderItems: (_, { input }, context) => {
      requireScope(context.caller, 'order-items:cancel');
      const { bulkIds } = context.limits;
      if (input.ids.length < 1 || input.ids.length > bulkIds) throw badInput(`'ids' must hold 1 to ${bulkIds} ids.`);
      return cancel(input.ids, input, context);
    },
    cancelItemsOfOrder: (_, { input }, context) => {
      requireScope(context.caller, 'order-items:cancel');
      return cancelOrder(input, context);
    },
  },

  Subscription: {
    orderItemCancelled: {
      subscribe: (_, { orderId }, { caller, followCancels, dropSlowReader }) => {
        const customer = requireScope(caller, 'order-items:read');
        return followCancels({ orderId: orderId ?? null, customer, onTooSlow: dropSlowReader });
      },
    },
  },

  OrderItem: followSchema<OrderItem, schema.OrderItem>()({
    order: ({ orderId }) => ({ __typename: 'Order', id: orderId }),
    product: ({ productId }) => ({ __typename: 'Product', id: productId }),
    price: ({ priceAmount, priceCurrency }) => ({ amount: priceAmount, currency: priceCurrency }),
    cancelability: (item, _, { closedWindows }) => {
      const blockers = findBlockers(item, closedWindows);
      return { cancelable: blockers.length === 0, blockers };
    },
    cancelledQuantity: countCancelledUnits,
    cancelableQuantity: (item, _, { closedWindows }) => countCancelableUnits(item, closedWindows),
    cancellation: ({ id }, _, { loaders }) => loaders.lastCancellation.load(id),
    cancellations: async ({ id }, _, { loaders }) => {
      try {
        return (await loaders.cancellations.load(id)) ?? [];
      } catch (error) {
        throw error instanceof TooManyCancellations ? badInput(error.message) : error;
      }
    },
  } satisfies schema.OrderItemResolvers),

  Order: {
    cancelability: async ({ id }, _, { caller, loaders, cacheTags }) => {
      requireScope(caller, 'order-items:read');
      cacheTags?.addItemsOfOrder(id, []);
      return (isOrderId(id) ? await loaders.orderCancelability.load(id) : null) ?? NOTHING_TO_CANCEL;
    },
    items: async ({ id }, args, context) => {
      const { caller, loaders, cacheTags } = context;
      requireScope(caller, 'order-items:read');
      const { request } = parsePageArguments(args, context);
      if (!isOrderId(id)) return { nodes: [], hasNextPage: false, hasPreviousPage: false };
      const page = await loaders.itemsOfOrder.load({ orderId: id, request });
      cacheTags?.addItemsOfOrder(
        id,
        page.nodes.map((node) => node.id),
      );
      return page;
    },
  },

  OrderItemConnection: followSchema<OrderItemPage, schema.OrderItemConnection>()({
    edges: ({ nodes }) => nodes,
    pageInfo: (page) => describePage(page, placeItem),
  } satisfies schema.OrderItemConnectionResolvers),

  OrderItemEdge: followSchema<OrderItem, schema.OrderItemEdge>()({
    cursor: (item) => encodeCursor(placeItem(item)),
    node: (item) => item,
  } satisfies schema.OrderItemEdgeResolvers),

  Cancellation: followSchema<Cancellation, schema.Cancellation>()({
    note: (cancellation, _, { viewer }) => (isConcealed(cancellation, viewer) ? null : cancellation.note),
    cancelledBy: (cancellation, _, { viewer }) =>
      isConcealed(cancellation, viewer) ? OTHER_CANCELLER : cancellation.cancelledBy,
    orderItem: async ({ orderItemId }, _, { loaders, viewer }) => {
      const item = await loaders.orderItem.load(orderItemId);
      if (item !== null) return item;
      if (viewer !== null) throw serviceUnavailable('The item of a cancellation has changed its customer. Try again.');
      throw new Error('The item of a cancellation is missing.');
    },
  } satisfies schema.CancellationResolvers),

  CancellationConnection: followSchema<CancellationPage, schema.CancellationConnection>()({
    edges: ({ nodes }) => nodes,
    pageInfo: (page) => describePage(page, placeCancellation),
  } satisfies schema.CancellationConnectionResolvers),

  CancellationEdge: followSchema<Cancellation, schema.CancellationEdge>()({
    cursor: (cancellation) => encodeCursor(placeCancellation(cancellation)),
    node: (cancellation) => cancellation,
  } satisfies schema.CancellationEdgeResolvers),

  CancellationReason: followSchema<ReasonCode, schema.CancellationReason>()({}),
  CancelOrderItemSuccess: followSchema<Cancelled, schema.CancelOrderItemSuccess>()({}),
  OrderItemNotFound: followSchema<refusals.OrderItemNotFound, schema.OrderItemNotFound>()({}),
  OrderItemNotCancelable: followSchema<refusals.OrderItemNotCancelable, schema.OrderItemNotCancelable>()({}),
  QuantityNotCancelable: followSchema<refusals.QuantityNotCancelable, schema.QuantityNotCancelable>()({}),
  OrderNotCancelableAsWhole: followSchema<refusals.OrderNotCancelableAsWhole, schema.OrderNotCancelableAsWhole>()({}),
  OrderCancelability: followSchema<OrderCancelability, schema.OrderCancelability>()({}),
  InvalidCancelRequest: followSchema<refusals.InvalidCancelRequest, schema.InvalidCancelRequest>()({}),
  IdempotencyKeyReused: followSchema<refusals.IdempotencyKeyReused, schema.IdempotencyKeyReused>()({}),

  CancelOrderItemResult: { __resolveType: ({ code }) => RESULT_TYPES[code] },
  CancelOrderItemRefusal: { __resolveType: ({ code }) => RESULT_TYPES[code] },

  OrderItemStatus: {
    PENDING: 'pending',
    ON_HOLD: 'on_hold',
    IN_FULFILLMENT: 'in_fulfillment',
    COMPLETE: 'complete',
    CANCELLED: 'cancelled',
    RETURNED: 'returned',
  },
  CancellationChannel: { GRAPHQL: 'graphql', REST: 'rest' },
} satisfies schema.Resolvers;

/** Describes where a page stands in its list. */
function describePage<Node>(
  {
    nodes,
    hasNextPage,
    hasPreviousPage,
  }: Pick<schema.PageInfo, 'hasNextPage' | 'hasPreviousPage'> & {
    readonly nodes: readonly Node[];
  },
  place: (node: Node) => Place,
): schema.PageInfo {
  const writeCursor = (node: Node | undefined): string | null =>
    node === undefined ? null : encodeCursor(place(node));
  return { hasNextPage, hasPreviousPage, startCursor: writeCursor(nodes[0]), endCursor: writeCursor(nodes.at(-1)) };
}

async function cancel(
  ids: readonly string[],
  input: StatedReason & { readonly quantity?: number | null | undefined },
  context: GraphQLContext,
): Promise<readonly CancelOutcome[]> {
  const statement = parseReason(input, context);
  return report(
    'code' in statement
      ? ids.map((id) => (parseOrderItemId(id) === null ? malformedOrderItemId() : statement))
      : await context.cancel({ ...statement, ...describeCaller(context), ids, order: null }),
    context,
  );
}

async function cancelOrder(
  { orderId, mode, ...stated }: schema.CancelItemsOfOrderInput,
  context: GraphQLContext,
): Promise<readonly CancelOutcome[]> {
  const statement = parseReason(stated, context);
  if ('code' in statement) return report([statement], context);
  if (!isOrderId(orderId)) return [];
  const order = { id: orderId, mode: mode ?? 'ALL_CANCELABLE' };
  return report(await context.cancelItemsOfOrder({ ...statement, ...describeCaller(context), order }), context);
}

/** What the inputs of all cancels have in common. */
type StatedReason = Pick<schema.CancelOrderItemInput, 'reason' | 'reasonCode' | 'note' | 'idempotencyKey'>;

function parseReason(
  input: StatedReason & { readonly quantity?: number | null | undefined },
  { reasonCodes }: GraphQLContext,
): CancelReason | refusals.InvalidCancelRequest {
  const given = {
    reason: input.reason,
    reasonCode: input.reasonCode ?? undefined,
    note: input.note ?? undefined,
    quantity: input.quantity ?? undefined,
  };
  return parseCancelReason(given, input.idempotencyKey ?? undefined, reasonCodes);
}

function describeCaller({ caller, requestId, closedWindows }: GraphQLContext) {
  const customer = requireScope(caller, 'order-items:cancel');
  return { cancelledBy: caller.subject, customer, channel: 'graphql', requestId, closedWindows } as const;
}

/** Reports the outcomes, and replaces what the request has read before. */
function report(outcomes: readonly CancelOutcome[], context: GraphQLContext): readonly CancelOutcome[] {
  for (const outcome of outcomes) {
    context.reportOutcome(outcome.code);
    if ('orderItem' in outcome) context.loaders.orderItem.set(outcome.orderItem.id, outcome.orderItem);
    if (outcome.code === 'CANCELLED') updateLoaders(outcome, context.loaders);
  }
  return outcomes;
}

/** Replaces what the request has read of an item before its cancel. */
function updateLoaders({ orderItem, cancellation }: Cancelled, loaders: Loaders): void {
  const isOnly = cancellation.cancelledBefore === 0 && cancellation.remaining === 0;
  if (isOnly) loaders.cancellations.set(orderItem.id, [cancellation]);
  else loaders.cancellations.clear(orderItem.id);
  if (cancellation.remaining === 0) loaders.lastCancellation.set(orderItem.id, cancellation);
  else loaders.lastCancellation.clear(orderItem.id);
  loaders.itemsOfOrder.clearAll();
  loaders.orderCancelability.clear(orderItem.orderId);
}

import DataLoader from 'dataloader';
import type { GraphQLFieldResolver } from 'graphql';
import type pg from 'pg';
import {
  cancelItem,
  findLastingBlockers,
  type Item,
  toPage,
  readItems,
  readPage,
  formatOutcome,
} from './orderItems.ts';

/** The part of the service's schema that the workloads use, without descriptions and directives. */
export const SDL = `
type OrderItem @key(fields: "id") {
  id: ID!
  status: OrderItemStatus!
  isPreOrder: Boolean!
  quantity: Int!
  price: Money!
  cancelability: Cancelability!
}
enum OrderItemStatus { PENDING ON_HOLD IN_FULFILLMENT COMPLETE CANCELLED RETURNED }
type Money { amount: String! currency: String! }
type Cancelability { cancelable: Boolean! blockers: [CancellationBlocker!]! }
type CancellationBlocker { code: CancellationBlockerCode! message: String! }
enum CancellationBlockerCode { NOT_PRE_ORDERED TERMINAL_STATUS WINDOW_CLOSED PAST_CUTOFF }
type OrderItemConnection { edges: [OrderItemEdge!]! pageInfo: PageInfo! }
type OrderItemEdge { node: OrderItem! }
type PageInfo { hasNextPage: Boolean! endCursor: String }
input OrderItemFilter { orderId: ID! }
type Query { orderItems(filter: OrderItemFilter, first: Int = 20): OrderItemConnection }

type Mutation { cancelOrderItem(input: CancelOrderItemInput!): CancelOrderItemResult! }
input CancelOrderItemInput { id: ID! reason: String! }
union CancelOrderItemResult = CancelOrderItemSuccess | OrderItemNotFound | OrderItemNotCancelable
interface CancelOrderItemRefusal { message: String! }
type CancelOrderItemSuccess { orderItem: CancelledItem! cancellation: Cancellation! }
type CancelledItem { id: ID! status: OrderItemStatus! }
type Cancellation { cancelledAt: String! requestId: String! }
type OrderItemNotFound implements CancelOrderItemRefusal { message: String! }
type OrderItemNotCancelable implements CancelOrderItemRefusal { message: String! }
`;

/** Marks the schema as Federation 2. */
export const LINK = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])`;

export interface Loaders {
  readonly orderItem: DataLoader<string, Item | null>;
}

export interface PageArguments {
  readonly filter?: { readonly orderId: string };
  readonly first: number;
}

export interface CancelArguments {
  readonly input: { readonly id: string; readonly reason: string };
}

export function createLoaders(pool: pg.Pool): Loaders {
  return { orderItem: new DataLoader((ids) => readItems(pool, ids)) };
}

/** The resolvers of the item's fields that are not columns. */
export const itemFields = {
  status: ({ status }: Item): string => status.toUpperCase(),
  price: ({ priceAmount, priceCurrency }: Item): object => ({ amount: priceAmount, currency: priceCurrency }),
  cancelability: (item: Item): object => {
    const blockers = findLastingBlockers(item);
    return { cancelable: blockers.length === 0, blockers };
  },
};

/** Creates the resolvers of the root fields, which use pg. */
export function createRootFields(
  pool: pg.Pool,
): Record<'Query' | 'Mutation', Record<string, GraphQLFieldResolver<unknown, unknown>>> {
  return {
    Query: {
      orderItems: async (_, args) => {
        const { filter, first } = args as PageArguments;
        return toPage(await readPage(pool, filter?.orderId ?? null, first), first);
      },
    },
    Mutation: {
      cancelOrderItem: async (_, args) => {
        const { input } = args as CancelArguments;
        return formatOutcome(await cancelItem(pool, { ...input, channel: 'graphql' }));
      },
    },
  };
}

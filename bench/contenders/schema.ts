import DataLoader from 'dataloader';
import type { GraphQLFieldResolver } from 'graphql';
import type pg from 'pg';
import { findBlockers } from '../../src/order-items/eligibility.ts';
import { cancelItem, type Item, pageOf, readItems, readOrder, shownOutcome } from './orderItems.ts';

/** What the workloads ask for of the service's schema, without descriptions and directives. */
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
enum CancellationBlockerCode { NOT_PRE_ORDERED TERMINAL_STATUS }
type OrderItemConnection { edges: [OrderItemEdge!]! pageInfo: PageInfo! }
type OrderItemEdge { node: OrderItem! }
type PageInfo { hasNextPage: Boolean! endCursor: String }
input OrderItemFilter { orderId: ID! }
type Query { orderItems(filter: OrderItemFilter!, first: Int = 20): OrderItemConnection }

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

/** Says that the schema is of Federation 2. */
export const LINK = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])`;

export interface Loaders {
  readonly orderItem: DataLoader<string, Item | null>;
}

export interface PageArguments {
  readonly filter: { readonly orderId: string };
  readonly first: number;
}

export interface CancelArguments {
  readonly input: { readonly id: string; readonly reason: string };
}

export function createLoaders(pool: pg.Pool): Loaders {
  return { orderItem: new DataLoader((ids) => readItems(pool, ids)) };
}

/** The fields of an item that are not columns. */
export const itemFields = {
  status: ({ status }: Item): string => status.toUpperCase(),
  price: ({ priceAmount, priceCurrency }: Item): object => ({ amount: priceAmount, currency: priceCurrency }),
  cancelability: (item: Item): object => {
    const blockers = findBlockers(item);
    return { cancelable: blockers.length === 0, blockers };
  },
};

/** The root fields over pg. */
export function rootFields(
  pool: pg.Pool,
): Record<'Query' | 'Mutation', Record<string, GraphQLFieldResolver<unknown, unknown>>> {
  return {
    Query: {
      orderItems: async (_, args) => {
        const { filter, first } = args as PageArguments;
        return pageOf(await readOrder(pool, filter.orderId, first), first);
      },
    },
    Mutation: {
      cancelOrderItem: async (_, args) => {
        const { input } = args as CancelArguments;
        return shownOutcome(await cancelItem(pool, { ...input, channel: 'graphql' }));
      },
    },
  };
}

import type { GraphQLResolveInfo, GraphQLScalarType, GraphQLScalarTypeConfig } from 'graphql';
import type { OrderItem as OrderItemModel, Cancellation as CancellationModel } from '../orderItem.ts';
import type { OrderItemPage } from '../listOrderItems.ts';
import type { Cancelled } from '../judgeCancels.ts';
import type { OrderItemNotFound as OrderItemNotFoundModel, OrderItemNotCancelable as OrderItemNotCancelableModel, QuantityNotCancelable as QuantityNotCancelableModel, OrderNotCancelableAsWhole as OrderNotCancelableAsWholeModel, InvalidCancelRequest as InvalidCancelRequestModel, IdempotencyKeyReused as IdempotencyKeyReusedModel } from '../refusals.ts';
import type { OrderCancelability as OrderCancelabilityModel } from '../orderCancelability.ts';
import type { CancellationPage } from '../listCancellations.ts';
import type { ReasonCode } from '../reasonCodes.ts';
import type { GraphQLContext } from './context.ts';
export type Maybe<T> = T | null;
export type InputMaybe<T> = T | null | undefined;
export type Omit<T, K extends keyof T> = Pick<T, Exclude<keyof T, K>>;
export type RequireFields<T, K extends keyof T> = Omit<T, K> & { [P in K]-?: NonNullable<T[P]> };
/** All built-in and custom scalars, mapped to their actual values */
export type Scalars = {
  ID: { input: string; output: string; }
  String: { input: string; output: string; }
  Boolean: { input: boolean; output: boolean; }
  Int: { input: number; output: number; }
  Float: { input: number; output: number; }
  /** A calendar date without a time of day, as `YYYY-MM-DD` (RFC 3339 full-date), for example `2010-12-24`. */
  Date: { input: string; output: string; }
  /** An instant in UTC (RFC 3339 date-time), for example `2010-12-01T08:26:00.000Z`. */
  DateTime: { input: Date; output: string; }
  /** An exact decimal number, as a string, for example `"2.5500"`. Parse it with a decimal type: a binary float would round it. */
  Decimal: { input: string; output: string; }
  _FieldSet: { input: string; output: string; }
};

/** A request to cancel the items of an order for one reason. */
export type CancelItemsOfOrderInput = {
  /**
   * As in `CancelOrderItemInput`; the request is the same when its order, mode, reason, code and note are. A repeat gets the
   * answers for the items that the first request cancelled, and cancels nothing more.
   */
  readonly idempotencyKey?: InputMaybe<Scalars['String']['input']>;
  /** What to do if some of the items cannot be cancelled. Null is the default. */
  readonly mode?: InputMaybe<OrderCancellationMode>;
  /** A further note, up to 2,000 characters; it is stored with each item's cancellation. */
  readonly note?: InputMaybe<Scalars['String']['input']>;
  /** The id of the order. */
  readonly orderId: Scalars['ID']['input'];
  /** Why the items are cancelled: 1 to 500 characters once surrounding white space is removed. */
  readonly reason: Scalars['String']['input'];
  /** A code for the reason, as in `CancelOrderItemInput`. */
  readonly reasonCode?: InputMaybe<Scalars['String']['input']>;
};

/** A request to cancel one order item. */
export type CancelOrderItemInput = {
  /** The id of the item to cancel, a UUID. */
  readonly id: Scalars['ID']['input'];
  /**
   * A key of your choice, 1 to 255 printable characters, that makes a retry safe: a repeat of the same request with the same
   * key gets the first answer again and changes nothing. The same key with another request is refused. Only successes are
   * remembered, each caller (token subject) has keys of its own, and the REST path shares them.
   */
  readonly idempotencyKey?: InputMaybe<Scalars['String']['input']>;
  /** A further note, up to 2,000 characters. */
  readonly note?: InputMaybe<Scalars['String']['input']>;
  /**
   * How many units to cancel, at least 1. Null cancels all that are left. More than `OrderItem.cancelableQuantity` is refused
   * with `QuantityNotCancelable`.
   */
  readonly quantity?: InputMaybe<Scalars['Int']['input']>;
  /** Why the item is cancelled: 1 to 500 characters once surrounding white space is removed. */
  readonly reason: Scalars['String']['input'];
  /** A code for the reason: one of `Query.cancellationReasons`, unless that list is empty. Null states none. */
  readonly reasonCode?: InputMaybe<Scalars['String']['input']>;
};

/** What every refusal of a cancel has. A refusal changes nothing. */
export type CancelOrderItemRefusal = {
  /** Why the cancel was refused, in English. The REST path gives the same words. */
  readonly message: Scalars['String']['output'];
};

/**
 * The answer to a cancel of one item: a success or one of the refusals. Ask for `... on CancelOrderItemRefusal { message }` to
 * be ready for refusals that later versions add.
 */
export type CancelOrderItemResult = CancelOrderItemSuccess | IdempotencyKeyReused | InvalidCancelRequest | OrderItemNotCancelable | OrderItemNotFound | OrderNotCancelableAsWhole | QuantityNotCancelable;

/** The item, or the stated quantity of it, was cancelled: now or by an earlier request with the same idempotency key. */
export type CancelOrderItemSuccess = {
  readonly __typename?: 'CancelOrderItemSuccess';
  /** The record of its cancellation. */
  readonly cancellation: Cancellation;
  /** The item as it is now. */
  readonly orderItem: OrderItem;
};

/** A request to cancel several order items for one reason. */
export type CancelOrderItemsInput = {
  /** As in `CancelOrderItemInput`; the request is the same when its ids, in their order, its reason, code and note are. */
  readonly idempotencyKey?: InputMaybe<Scalars['String']['input']>;
  /** The ids of the items to cancel, 1 to 100 UUIDs. */
  readonly ids: ReadonlyArray<Scalars['ID']['input']>;
  /** A further note, up to 2,000 characters; it is stored with each item's cancellation. */
  readonly note?: InputMaybe<Scalars['String']['input']>;
  /** Why the items are cancelled: 1 to 500 characters once surrounding white space is removed. */
  readonly reason: Scalars['String']['input'];
  /** A code for the reason, as in `CancelOrderItemInput`. */
  readonly reasonCode?: InputMaybe<Scalars['String']['input']>;
};

/** The answer to: can this item be cancelled, and if not, why? */
export type Cancelability = {
  readonly __typename?: 'Cancelability';
  /**
   * Every reason why the item cannot be cancelled, in a fixed order: `NOT_PRE_ORDERED`, `TERMINAL_STATUS`, `WINDOW_CLOSED`,
   * `PAST_CUTOFF`.
   */
  readonly blockers: ReadonlyArray<CancellationBlocker>;
  /**
   * Whether a cancel would succeed now: true exactly when there are no blockers. Time alone can turn it to false, if the
   * service has a cancellation window or a cut-off.
   */
  readonly cancelable: Scalars['Boolean']['output'];
};

/** The record of a cancellation. It is written once, together with the change of the item, and never changes. */
export type Cancellation = {
  readonly __typename?: 'Cancellation';
  /** When the item was cancelled. */
  readonly cancelledAt: Scalars['DateTime']['output'];
  /**
   * Who cancelled it: the subject (`sub`) of the caller's token; `shop` when somebody else cancelled and the token allows own
   * items only.
   */
  readonly cancelledBy: Scalars['String']['output'];
  /** The door through which the cancel came. */
  readonly channel: CancellationChannel;
  /** The record's id, a UUID in lower case. */
  readonly id: Scalars['ID']['output'];
  /** A further note; null when there is none, or when somebody else cancelled and the token allows own items only. */
  readonly note: Maybe<Scalars['String']['output']>;
  /** The item that was cancelled, in whole or in part. */
  readonly orderItem: OrderItem;
  /** How many units it cancelled. */
  readonly quantity: Scalars['Int']['output'];
  /** Why the item was cancelled, in the words of whoever cancelled it; null when a REST caller stated no reason. */
  readonly reason: Maybe<Scalars['String']['output']>;
  /** The code for the reason; null when none was stated. It can be one that new cancels no longer accept. */
  readonly reasonCode: Maybe<Scalars['String']['output']>;
  /** The id of the request that cancelled the item: 32 lowercase hexadecimal digits, its W3C trace id. Log lines carry the same id. */
  readonly requestId: Scalars['String']['output'];
};

/** One reason why an item cannot be cancelled. */
export type CancellationBlocker = {
  readonly __typename?: 'CancellationBlocker';
  /** The reason as a stable code: switch on this, not on the message. */
  readonly code: CancellationBlockerCode;
  /** The reason in words, in English. The REST path gives the same words. */
  readonly message: Scalars['String']['output'];
};

/** The reasons why an item cannot be cancelled. */
export type CancellationBlockerCode =
  /** The item was not pre-ordered. */
  | 'NOT_PRE_ORDERED'
  /**
   * The release date is too close, or has come. Only a service with a cut-off gives this reason. It goes away if the release is
   * moved to a later date. An item without a release date never has it.
   */
  | 'PAST_CUTOFF'
  /** The item is complete, cancelled or returned, or no unit is left. */
  | 'TERMINAL_STATUS'
  /**
   * The time in which a new item can be cancelled has ended. Only a service with a cancellation window gives this reason. An
   * item that has it keeps it.
   */
  | 'WINDOW_CLOSED';

/** The doors through which a cancel can come. */
export type CancellationChannel =
  /** A GraphQL mutation. */
  | 'graphql'
  /** The REST path `POST /v0/line_item/{uuid}/cancel`. */
  | 'rest';

/** A page of cancellations, newest first, as the Relay connection specification has it. */
export type CancellationConnection = {
  readonly __typename?: 'CancellationConnection';
  /** The cancellations of this page, each with its cursor. */
  readonly edges: ReadonlyArray<CancellationEdge>;
  /** Where this page stands in the list. */
  readonly pageInfo: PageInfo;
};

/** One cancellation in a page. */
export type CancellationEdge = {
  readonly __typename?: 'CancellationEdge';
  /** An opaque mark of this cancellation's place in the list. It stays valid when cancellations are added. */
  readonly cursor: Scalars['String']['output'];
  /** The cancellation itself. */
  readonly node: Cancellation;
};

/**
 * Conditions on cancellations. A cancellation must meet every condition that is given; one that is left out, or null, holds for
 * all.
 */
export type CancellationFilter = {
  /** Only cancellations by this caller: the subject (`sub`) of a token, or `shop`, as `cancelledBy` shows it. */
  readonly cancelledBy?: InputMaybe<Scalars['String']['input']>;
  /** Only cancellations that came through this door. */
  readonly channel?: InputMaybe<CancellationChannel>;
  /** Only cancellations at this time or later. */
  readonly from?: InputMaybe<Scalars['DateTime']['input']>;
  /** Only cancellations of this order's items. */
  readonly orderId?: InputMaybe<Scalars['ID']['input']>;
  /** Only cancellations with this code for their reason. */
  readonly reasonCode?: InputMaybe<Scalars['String']['input']>;
  /** Only cancellations before this time. */
  readonly to?: InputMaybe<Scalars['DateTime']['input']>;
};

/** A code for the reason of a cancellation. */
export type CancellationReason = {
  readonly __typename?: 'CancellationReason';
  /** The code that a cancel states as its `reasonCode`. */
  readonly code: Scalars['String']['output'];
  /** The code in words, for people. */
  readonly label: Scalars['String']['output'];
};

/** Refused: this caller has already used the idempotency key for another request. */
export type IdempotencyKeyReused = CancelOrderItemRefusal & {
  readonly __typename?: 'IdempotencyKeyReused';
  /** Why the cancel was refused, in English. */
  readonly message: Scalars['String']['output'];
};

/** Refused: a value in the request breaks its rule. */
export type InvalidCancelRequest = CancelOrderItemRefusal & {
  readonly __typename?: 'InvalidCancelRequest';
  /** The name of the input field that is wrong: `id`, `orderId`, `reason`, `reasonCode`, `note`, `quantity` or `idempotencyKey`. */
  readonly field: Scalars['String']['output'];
  /** Why the cancel was refused, in English; it names the defect. */
  readonly message: Scalars['String']['output'];
};

/** An amount of money in one currency. */
export type Money = {
  readonly __typename?: 'Money';
  /** The exact amount in units of the currency (pounds, not pence), with four digits after the point. */
  readonly amount: Scalars['Decimal']['output'];
  /** The currency as an ISO 4217 code, for example `GBP`. */
  readonly currency: Scalars['String']['output'];
};

export type Mutation = {
  readonly __typename?: 'Mutation';
  /**
   * Cancels all that is left of the items of an order, in one transaction. There is one result for each item, oldest first. An
   * order that has no items here has an empty list. A request that breaks a rule, and an order of more than 1,000 items, gets
   * one `InvalidCancelRequest`, a reused key one `IdempotencyKeyReused`. An item that another transaction keeps locked fails
   * the whole request with `SERVICE_UNAVAILABLE`, and then none of the items is cancelled. Needs the scope
   * `order-items:cancel`, or `order-items:cancel:own` for own items.
   */
  readonly cancelItemsOfOrder: ReadonlyArray<CancelOrderItemResult>;
  /**
   * Cancels one order item, or some of its units, for good. This is possible only if the item was pre-ordered and is still
   * open. Otherwise the answer is a refusal and nothing changes. The answer is sent after the decision is stored.
   *
   * Needs the scope `order-items:cancel`, or `order-items:cancel:own` for own items. An expected no is one of the result's
   * types; an error means that the request was not carried out: `UNAUTHENTICATED` without a valid token, `FORBIDDEN` without
   * the scope, `TOO_MANY_REQUESTS`, and `SERVICE_UNAVAILABLE` when the database is away, when the item stays locked by somebody
   * else for 2 seconds, or when the request takes longer than 10. The last two may be tried again, after as many seconds as
   * `Retry-After` says where the answer has one. To be safe to retry, send an `idempotencyKey`.
   */
  readonly cancelOrderItem: CancelOrderItemResult;
  /**
   * Cancels 1 to 100 order items for one reason. There is one result for each id, in the order of the ids: a refusal of one
   * leaves the others unharmed. An id that stands there twice succeeds once and is then refused as `TERMINAL_STATUS`. An item
   * that another transaction keeps locked fails the whole request with `SERVICE_UNAVAILABLE`, and then none of its items is
   * cancelled. Needs the scope `order-items:cancel`, or `order-items:cancel:own` for own items; 0 or more than 100 ids are an
   * error with the code `BAD_USER_INPUT`.
   */
  readonly cancelOrderItems: ReadonlyArray<CancelOrderItemResult>;
};


export type MutationCancelItemsOfOrderArgs = {
  input: CancelItemsOfOrderInput;
};


export type MutationCancelOrderItemArgs = {
  input: CancelOrderItemInput;
};


export type MutationCancelOrderItemsArgs = {
  input: CancelOrderItemsInput;
};

/** An order. It is owned by another subgraph; this one adds its items. */
export type Order = {
  readonly __typename?: 'Order';
  /**
   * What a cancel of this order's items would find now. Needs the scope `order-items:read`, or `order-items:read:own` for own
   * items.
   */
  readonly cancelability: Maybe<OrderCancelability>;
  /** The order's id, as the order's source gave it. */
  readonly id: Scalars['ID']['output'];
  /**
   * The items of this order, newest first, a page at a time. An order that this subgraph has no items of has an empty list.
   * Needs the scope `order-items:read`, or `order-items:read:own` for own items. An argument that is out of its range is an
   * error with the code `BAD_USER_INPUT`.
   */
  readonly items: Maybe<OrderItemConnection>;
};


/** An order. It is owned by another subgraph; this one adds its items. */
export type OrderItemsArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  filter?: InputMaybe<OrderItemFilter>;
  first?: InputMaybe<Scalars['Int']['input']>;
};

/** The answer to: can the items of this order be cancelled, and if not, why? */
export type OrderCancelability = {
  readonly __typename?: 'OrderCancelability';
  /** How many items cannot. */
  readonly blockedItems: Scalars['Int']['output'];
  /** The different reasons why items cannot be cancelled, in a fixed order. */
  readonly blockers: ReadonlyArray<CancellationBlocker>;
  /** Whether at least one item can be cancelled now. An order that has no items here cannot. */
  readonly cancelable: Scalars['Boolean']['output'];
  /** How many items can be cancelled now. */
  readonly cancelableItems: Scalars['Int']['output'];
};

/** What a cancel of an order does if some of its items cannot be cancelled. */
export type OrderCancellationMode =
  /** Cancels the items that can be cancelled. */
  | 'ALL_CANCELABLE'
  /** Cancels nothing unless every item can be cancelled. Items that are cancelled already do not stand in the way. */
  | 'ALL_OR_NOTHING';

/** One line of an order: one product, one quantity, one status. */
export type OrderItem = {
  readonly __typename?: 'OrderItem';
  /** Whether the item can be cancelled now and, if it cannot, every reason why. */
  readonly cancelability: Cancelability;
  /** How many units a cancel can take now: those that are left, or 0 if the item cannot be cancelled. */
  readonly cancelableQuantity: Scalars['Int']['output'];
  /**
   * The record of the cancellation that took the last unit. It is null if units are left, and if the item was not cancelled
   * through this service.
   */
  readonly cancellation: Maybe<Cancellation>;
  /**
   * The records of all cancellations of the item, in whole or in part, oldest first. If the items of a request have more than 5,000
   * together, the answer is an error with the code `BAD_USER_INPUT`. `Query.cancellations` has pages.
   */
  readonly cancellations: ReadonlyArray<Cancellation>;
  /** How many of the units are cancelled, whoever cancelled them: all of them if the item's status is `CANCELLED`. */
  readonly cancelledQuantity: Scalars['Int']['output'];
  /** When the item came into being. */
  readonly createdAt: Scalars['DateTime']['output'];
  /** The id that the source of the order gave this item; null when it gave none. */
  readonly externalId: Maybe<Scalars['String']['output']>;
  /** The item's id, a UUID in lower case. */
  readonly id: Scalars['ID']['output'];
  /** Whether the item was sold before its product's release date. Only a pre-ordered item can be cancelled. */
  readonly isPreOrder: Scalars['Boolean']['output'];
  /** The order that this item is a line of. */
  readonly order: Order;
  /** The price of one unit. */
  readonly price: Money;
  /** The product that was ordered. */
  readonly product: Product;
  /** How many units were ordered, at least 1. It does not change when units are cancelled. */
  readonly quantity: Scalars['Int']['output'];
  /** The day on which the product is released; null when it is not known or does not apply. */
  readonly releaseDate: Maybe<Scalars['Date']['output']>;
  /** How far the item has come. Only an open item can still be cancelled. */
  readonly status: OrderItemStatus;
  /** When the item last changed. */
  readonly updatedAt: Scalars['DateTime']['output'];
};

/** A page of order items, newest first, as the Relay connection specification has it. */
export type OrderItemConnection = {
  readonly __typename?: 'OrderItemConnection';
  /** The items of this page, each with its cursor. */
  readonly edges: ReadonlyArray<OrderItemEdge>;
  /** Where this page stands in the list. */
  readonly pageInfo: PageInfo;
};

/** One order item in a page. */
export type OrderItemEdge = {
  readonly __typename?: 'OrderItemEdge';
  /** An opaque mark of this item's place in the list. It stays valid when items are added or change. */
  readonly cursor: Scalars['String']['output'];
  /** The item itself. */
  readonly node: OrderItem;
};

/** Conditions on order items. An item must meet every condition that is given; one that is left out, or null, holds for all. */
export type OrderItemFilter = {
  /** Only items that a cancel would cancel now (true) or refuse (false). */
  readonly cancelable?: InputMaybe<Scalars['Boolean']['input']>;
  /** Only items that were pre-ordered (true) or that were not (false). */
  readonly isPreOrder?: InputMaybe<Scalars['Boolean']['input']>;
  /** Only items of this order. */
  readonly orderId?: InputMaybe<Scalars['ID']['input']>;
  /** Only items in one of these statuses; an empty list matches no item. */
  readonly statuses?: InputMaybe<ReadonlyArray<OrderItemStatus>>;
};

/** Refused: the item is not in a state to be cancelled. */
export type OrderItemNotCancelable = CancelOrderItemRefusal & {
  readonly __typename?: 'OrderItemNotCancelable';
  /** Every reason against the cancel, in their fixed order; there is at least one. */
  readonly blockers: ReadonlyArray<CancellationBlocker>;
  /** Why the cancel was refused, in English: the message of the first blocker. */
  readonly message: Scalars['String']['output'];
  /** The item as it is. */
  readonly orderItem: OrderItem;
};

/** Refused: there is no item with this id. */
export type OrderItemNotFound = CancelOrderItemRefusal & {
  readonly __typename?: 'OrderItemNotFound';
  /** The id that was asked for. */
  readonly id: Scalars['ID']['output'];
  /** Why the cancel was refused, in English. */
  readonly message: Scalars['String']['output'];
};

/**
 * The status of an order item. `PENDING`, `ON_HOLD` and `IN_FULFILLMENT` are open; the others are terminal: nothing follows
 * them.
 */
export type OrderItemStatus =
  /** Cancelled, for good: a cancelled item is never revived. Terminal. */
  | 'cancelled'
  /** Delivered. Terminal. */
  | 'complete'
  /** Being picked, packed or handed to the carrier. */
  | 'in_fulfillment'
  /** Held back, for example until a payment clears or the product is released. */
  | 'on_hold'
  /** Ordered, and nothing has happened yet. */
  | 'pending'
  /** Sent back by the customer. Terminal. */
  | 'returned';

/**
 * Refused: this item can be cancelled, but another item of its order cannot, and the mode was `ALL_OR_NOTHING`. Only
 * `cancelItemsOfOrder` gives this answer.
 */
export type OrderNotCancelableAsWhole = CancelOrderItemRefusal & {
  readonly __typename?: 'OrderNotCancelableAsWhole';
  /** Why the cancel was refused, in English. */
  readonly message: Scalars['String']['output'];
  /** The item as it is. */
  readonly orderItem: OrderItem;
};

/** Where a page stands in its list, as the Relay connection specification has it. */
export type PageInfo = {
  readonly __typename?: 'PageInfo';
  /** The cursor of the last item of this page; null when the page is empty. */
  readonly endCursor: Maybe<Scalars['String']['output']>;
  /** Whether more items follow this page: ask for them with `after: endCursor`. */
  readonly hasNextPage: Scalars['Boolean']['output'];
  /** Whether this page was reached with `after`, so that items come before it. */
  readonly hasPreviousPage: Scalars['Boolean']['output'];
  /** The cursor of the first item of this page; null when the page is empty. */
  readonly startCursor: Maybe<Scalars['String']['output']>;
};

/** A product. It is owned by another subgraph; this one only refers to it. */
export type Product = {
  readonly __typename?: 'Product';
  /** The product's id, as the order's source gave it. */
  readonly id: Scalars['ID']['output'];
};

/** Refused: the request states more units than are left. Only requests with a `quantity` get this answer. */
export type QuantityNotCancelable = CancelOrderItemRefusal & {
  readonly __typename?: 'QuantityNotCancelable';
  /** Why the cancel was refused, in English. */
  readonly message: Scalars['String']['output'];
  /** The item as it is. */
  readonly orderItem: OrderItem;
  /** How many units could be cancelled when the request was decided. */
  readonly remaining: Scalars['Int']['output'];
  /** The quantity of the request. */
  readonly requested: Scalars['Int']['output'];
};

export type Query = {
  readonly __typename?: 'Query';
  /**
   * The codes that a cancel can state, in the order in which to offer them. The list is empty if every code is accepted. Needs
   * the scope `order-items:read` or `order-items:cancel`, or their `:own` forms.
   */
  readonly cancellationReasons: Maybe<ReadonlyArray<CancellationReason>>;
  /**
   * Cancellations, in whole or in part, newest first, a page at a time: ask for `pageInfo { hasNextPage endCursor }` and go on
   * with `after`. Needs the scope `order-items:read`, or `order-items:read:own` for own items. An argument that is out of its
   * range is an error with the code `BAD_USER_INPUT`. A search for a rare code, channel or caller can take too long, which is an
   * error with the code `SERVICE_UNAVAILABLE`. State `from` then.
   */
  readonly cancellations: Maybe<CancellationConnection>;
  /**
   * One order item by its id; null when there is no such item, or when the id is not a UUID. Needs the scope
   * `order-items:read`, or `order-items:read:own` for own items; without it the field is null and the error's code is
   * `FORBIDDEN`.
   */
  readonly orderItem: Maybe<OrderItem>;
  /**
   * Order items, newest first, a page at a time: ask for `pageInfo { hasNextPage endCursor }` and go on with `after`. Needs the
   * scope `order-items:read`, or `order-items:read:own` for own items. An argument that is out of its range is an error with
   * the code `BAD_USER_INPUT`.
   */
  readonly orderItems: Maybe<OrderItemConnection>;
};


export type QueryCancellationsArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  filter?: InputMaybe<CancellationFilter>;
  first?: InputMaybe<Scalars['Int']['input']>;
};


export type QueryOrderItemArgs = {
  id: Scalars['ID']['input'];
};


export type QueryOrderItemsArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  filter?: InputMaybe<OrderItemFilter>;
  first?: InputMaybe<Scalars['Int']['input']>;
};

/** What a client can follow. Each result is sent as it happens, and nothing is sent again. */
export type Subscription = {
  readonly __typename?: 'Subscription';
  /**
   * Each item that is cancelled, in whole or in part, from the start of the subscription on. Best effort: after a gap, read what
   * you missed with `cancellations`. The stream ends when the token expires, when the service stops, and when the client reads
   * too slowly. Needs the scope `order-items:read`, or `order-items:read:own` for own items; without it the subscription ends
   * with an error whose code is `FORBIDDEN`.
   */
  readonly orderItemCancelled: OrderItem;
};


/** What a client can follow. Each result is sent as it happens, and nothing is sent again. */
export type SubscriptionOrderItemCancelledArgs = {
  orderId?: InputMaybe<Scalars['ID']['input']>;
};



export type ResolverTypeWrapper<T> = Promise<T> | T;

export type ReferenceResolver<TResult, TReference, TContext> = (
      reference: TReference,
      context: TContext,
      info: GraphQLResolveInfo
    ) => Promise<TResult> | TResult;

      type ScalarCheck<T, S> = S extends true ? T : NullableCheck<T, S>;
      type NullableCheck<T, S> = Maybe<T> extends T ? Maybe<ListCheck<NonNullable<T>, S>> : ListCheck<T, S>;
      type ListCheck<T, S> = T extends (infer U)[] ? NullableCheck<U, S>[] : GraphQLRecursivePick<T, S>;
      export type GraphQLRecursivePick<T, S> = { [K in keyof T & keyof S]: ScalarCheck<T[K], S[K]> };
    

export type ResolverWithResolve<TResult, TParent, TContext, TArgs> = {
  resolve: ResolverFn<TResult, TParent, TContext, TArgs>;
};
export type Resolver<TResult, TParent = Record<PropertyKey, never>, TContext = Record<PropertyKey, never>, TArgs = Record<PropertyKey, never>> = ResolverFn<TResult, TParent, TContext, TArgs> | ResolverWithResolve<TResult, TParent, TContext, TArgs>;

export type ResolverFn<TResult, TParent, TContext, TArgs> = (
  parent: TParent,
  args: TArgs,
  context: TContext,
  info: GraphQLResolveInfo
) => Promise<TResult> | TResult;

export type SubscriptionSubscribeFn<TResult, TParent, TContext, TArgs> = (
  parent: TParent,
  args: TArgs,
  context: TContext,
  info: GraphQLResolveInfo
) => AsyncIterable<TResult> | Promise<AsyncIterable<TResult>>;

export type SubscriptionResolveFn<TResult, TParent, TContext, TArgs> = (
  parent: TParent,
  args: TArgs,
  context: TContext,
  info: GraphQLResolveInfo
) => TResult | Promise<TResult>;

export interface SubscriptionSubscriberObject<TResult, TKey extends string, TParent, TContext, TArgs> {
  subscribe: SubscriptionSubscribeFn<{ [key in TKey]: TResult }, TParent, TContext, TArgs>;
  resolve?: SubscriptionResolveFn<TResult, { [key in TKey]: TResult }, TContext, TArgs>;
}

export interface SubscriptionResolverObject<TResult, TParent, TContext, TArgs> {
  subscribe: SubscriptionSubscribeFn<any, TParent, TContext, TArgs>;
  resolve: SubscriptionResolveFn<TResult, any, TContext, TArgs>;
}

export type SubscriptionObject<TResult, TKey extends string, TParent, TContext, TArgs> =
  | SubscriptionSubscriberObject<TResult, TKey, TParent, TContext, TArgs>
  | SubscriptionResolverObject<TResult, TParent, TContext, TArgs>;

export type SubscriptionResolver<TResult, TKey extends string, TParent = Record<PropertyKey, never>, TContext = Record<PropertyKey, never>, TArgs = Record<PropertyKey, never>> =
  | ((...args: any[]) => SubscriptionObject<TResult, TKey, TParent, TContext, TArgs>)
  | SubscriptionObject<TResult, TKey, TParent, TContext, TArgs>;

export type TypeResolveFn<TTypes, TParent = Record<PropertyKey, never>, TContext = Record<PropertyKey, never>> = (
  parent: TParent,
  context: TContext,
  info: GraphQLResolveInfo
) => Maybe<TTypes> | Promise<Maybe<TTypes>>;

export type IsTypeOfResolverFn<T = Record<PropertyKey, never>, TContext = Record<PropertyKey, never>> = (obj: T, context: TContext, info: GraphQLResolveInfo) => boolean | Promise<boolean>;

export type NextResolverFn<T> = () => Promise<T>;

export type DirectiveResolverFn<TResult = Record<PropertyKey, never>, TParent = Record<PropertyKey, never>, TContext = Record<PropertyKey, never>, TArgs = Record<PropertyKey, never>> = (
  next: NextResolverFn<TResult>,
  parent: TParent,
  args: TArgs,
  context: TContext,
  info: GraphQLResolveInfo
) => TResult | Promise<TResult>;

/** Mapping of federation types */
export type FederationTypes = {
  Order: Order;
  OrderItem: OrderItem;
};

/** Mapping of federation reference types */
export type FederationReferenceTypes = {
  Order:
    ( { __typename: 'Order' }
    & GraphQLRecursivePick<FederationTypes['Order'], {"id":true}> );
  OrderItem:
    ( { __typename: 'OrderItem' }
    & GraphQLRecursivePick<FederationTypes['OrderItem'], {"id":true}> );
};

/** Mapping of union types */
export type ResolversUnionTypes<_RefType extends Record<string, unknown>> = {
  CancelOrderItemResult:
    | ( Cancelled )
    | ( IdempotencyKeyReusedModel )
    | ( InvalidCancelRequestModel )
    | ( OrderItemNotCancelableModel )
    | ( OrderItemNotFoundModel )
    | ( OrderNotCancelableAsWholeModel )
    | ( QuantityNotCancelableModel )
  ;
};

/** Mapping of interface types */
export type ResolversInterfaceTypes<_RefType extends Record<string, unknown>> = {
  CancelOrderItemRefusal:
    | ( IdempotencyKeyReusedModel )
    | ( InvalidCancelRequestModel )
    | ( OrderItemNotCancelableModel )
    | ( OrderItemNotFoundModel )
    | ( OrderNotCancelableAsWholeModel )
    | ( QuantityNotCancelableModel )
  ;
};

/** Mapping between all available schema types and the resolvers types */
export type ResolversTypes = {
  CancelItemsOfOrderInput: CancelItemsOfOrderInput;
  String: ResolverTypeWrapper<Scalars['String']['output']>;
  ID: ResolverTypeWrapper<Scalars['ID']['output']>;
  CancelOrderItemInput: CancelOrderItemInput;
  Int: ResolverTypeWrapper<Scalars['Int']['output']>;
  CancelOrderItemRefusal: ResolverTypeWrapper<ResolversInterfaceTypes<ResolversTypes>['CancelOrderItemRefusal']>;
  CancelOrderItemResult: ResolverTypeWrapper<ResolversUnionTypes<ResolversTypes>['CancelOrderItemResult']>;
  CancelOrderItemSuccess: ResolverTypeWrapper<Cancelled>;
  CancelOrderItemsInput: CancelOrderItemsInput;
  Cancelability: ResolverTypeWrapper<Cancelability>;
  Boolean: ResolverTypeWrapper<Scalars['Boolean']['output']>;
  Cancellation: ResolverTypeWrapper<CancellationModel>;
  CancellationBlocker: ResolverTypeWrapper<CancellationBlocker>;
  CancellationBlockerCode: CancellationBlockerCode;
  CancellationChannel: null;
  CancellationConnection: ResolverTypeWrapper<CancellationPage>;
  CancellationEdge: ResolverTypeWrapper<CancellationModel>;
  CancellationFilter: CancellationFilter;
  CancellationReason: ResolverTypeWrapper<ReasonCode>;
  Date: ResolverTypeWrapper<Scalars['Date']['output']>;
  DateTime: ResolverTypeWrapper<Scalars['DateTime']['output']>;
  Decimal: ResolverTypeWrapper<Scalars['Decimal']['output']>;
  IdempotencyKeyReused: ResolverTypeWrapper<IdempotencyKeyReusedModel>;
  InvalidCancelRequest: ResolverTypeWrapper<InvalidCancelRequestModel>;
  Money: ResolverTypeWrapper<Money>;
  Mutation: ResolverTypeWrapper<Record<PropertyKey, never>>;
  Order: ResolverTypeWrapper<Omit<Order, 'cancelability' | 'items'> & { cancelability?: Maybe<ResolversTypes['OrderCancelability']>, items?: Maybe<ResolversTypes['OrderItemConnection']> }>;
  OrderCancelability: ResolverTypeWrapper<OrderCancelabilityModel>;
  OrderCancellationMode: OrderCancellationMode;
  OrderItem: ResolverTypeWrapper<OrderItemModel>;
  OrderItemConnection: ResolverTypeWrapper<OrderItemPage>;
  OrderItemEdge: ResolverTypeWrapper<OrderItemModel>;
  OrderItemFilter: OrderItemFilter;
  OrderItemNotCancelable: ResolverTypeWrapper<OrderItemNotCancelableModel>;
  OrderItemNotFound: ResolverTypeWrapper<OrderItemNotFoundModel>;
  OrderItemStatus: null;
  OrderNotCancelableAsWhole: ResolverTypeWrapper<OrderNotCancelableAsWholeModel>;
  PageInfo: ResolverTypeWrapper<PageInfo>;
  Product: ResolverTypeWrapper<Product>;
  QuantityNotCancelable: ResolverTypeWrapper<QuantityNotCancelableModel>;
  Query: ResolverTypeWrapper<Record<PropertyKey, never>>;
  Subscription: ResolverTypeWrapper<Record<PropertyKey, never>>;
};

/** Mapping between all available schema types and the resolvers parents */
export type ResolversParentTypes = {
  CancelItemsOfOrderInput: CancelItemsOfOrderInput;
  String: Scalars['String']['output'];
  ID: Scalars['ID']['output'];
  CancelOrderItemInput: CancelOrderItemInput;
  Int: Scalars['Int']['output'];
  CancelOrderItemRefusal: ResolversInterfaceTypes<ResolversParentTypes>['CancelOrderItemRefusal'];
  CancelOrderItemResult: ResolversUnionTypes<ResolversParentTypes>['CancelOrderItemResult'];
  CancelOrderItemSuccess: Cancelled;
  CancelOrderItemsInput: CancelOrderItemsInput;
  Cancelability: Cancelability;
  Boolean: Scalars['Boolean']['output'];
  Cancellation: CancellationModel;
  CancellationBlocker: CancellationBlocker;
  CancellationConnection: CancellationPage;
  CancellationEdge: CancellationModel;
  CancellationFilter: CancellationFilter;
  CancellationReason: ReasonCode;
  Date: Scalars['Date']['output'];
  DateTime: Scalars['DateTime']['output'];
  Decimal: Scalars['Decimal']['output'];
  IdempotencyKeyReused: IdempotencyKeyReusedModel;
  InvalidCancelRequest: InvalidCancelRequestModel;
  Money: Money;
  Mutation: Record<PropertyKey, never>;
  Order: Omit<Order, 'cancelability' | 'items'> & { cancelability?: Maybe<ResolversParentTypes['OrderCancelability']>, items?: Maybe<ResolversParentTypes['OrderItemConnection']> } | FederationReferenceTypes['Order'];
  OrderCancelability: OrderCancelabilityModel;
  OrderItem: OrderItemModel;
  OrderItemConnection: OrderItemPage;
  OrderItemEdge: OrderItemModel;
  OrderItemFilter: OrderItemFilter;
  OrderItemNotCancelable: OrderItemNotCancelableModel;
  OrderItemNotFound: OrderItemNotFoundModel;
  OrderNotCancelableAsWhole: OrderNotCancelableAsWholeModel;
  PageInfo: PageInfo;
  Product: Product;
  QuantityNotCancelable: QuantityNotCancelableModel;
  Query: Record<PropertyKey, never>;
  Subscription: Record<PropertyKey, never>;
};

export type CancelOrderItemRefusalResolvers<ContextType = GraphQLContext, ParentType extends ResolversParentTypes['CancelOrderItemRefusal'] = ResolversParentTypes['CancelOrderItemRefusal']> = {
  __resolveType: TypeResolveFn<'IdempotencyKeyReused' | 'InvalidCancelRequest' | 'OrderItemNotCancelable' | 'OrderItemNotFound' | 'OrderNotCancelableAsWhole' | 'QuantityNotCancelable', ParentType, ContextType>;
};

export type CancelOrderItemResultResolvers<ContextType = GraphQLContext, ParentType extends ResolversParentTypes['CancelOrderItemResult'] = ResolversParentTypes['CancelOrderItemResult']> = {
  __resolveType: TypeResolveFn<'CancelOrderItemSuccess' | 'IdempotencyKeyReused' | 'InvalidCancelRequest' | 'OrderItemNotCancelable' | 'OrderItemNotFound' | 'OrderNotCancelableAsWhole' | 'QuantityNotCancelable', ParentType, ContextType>;
};

export type CancelOrderItemSuccessResolvers<ContextType = GraphQLContext, ParentType extends ResolversParentTypes['CancelOrderItemSuccess'] = ResolversParentTypes['CancelOrderItemSuccess']> = {
  cancellation?: Resolver<ResolversTypes['Cancellation'], ParentType, ContextType>;
  orderItem?: Resolver<ResolversTypes['OrderItem'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type CancelabilityResolvers<ContextType = GraphQLContext, ParentType extends ResolversParentTypes['Cancelability'] = ResolversParentTypes['Cancelability']> = {
  blockers?: Resolver<ReadonlyArray<ResolversTypes['CancellationBlocker']>, ParentType, ContextType>;
  cancelable?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
};

export type CancellationResolvers<ContextType = GraphQLContext, ParentType extends ResolversParentTypes['Cancellation'] = ResolversParentTypes['Cancellation']> = {
  cancelledAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  cancelledBy?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  channel?: Resolver<ResolversTypes['CancellationChannel'], ParentType, ContextType>;
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  note?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  orderItem?: Resolver<ResolversTypes['OrderItem'], ParentType, ContextType>;
  quantity?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
  reason?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  reasonCode?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  requestId?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
};

export type CancellationBlockerResolvers<ContextType = GraphQLContext, ParentType extends ResolversParentTypes['CancellationBlocker'] = ResolversParentTypes['CancellationBlocker']> = {
  code?: Resolver<ResolversTypes['CancellationBlockerCode'], ParentType, ContextType>;
  message?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
};

export type CancellationChannelResolvers = { GRAPHQL: 'graphql', REST: 'rest' };

export type CancellationConnectionResolvers<ContextType = GraphQLContext, ParentType extends ResolversParentTypes['CancellationConnection'] = ResolversParentTypes['CancellationConnection']> = {
  edges?: Resolver<ReadonlyArray<ResolversTypes['CancellationEdge']>, ParentType, ContextType>;
  pageInfo?: Resolver<ResolversTypes['PageInfo'], ParentType, ContextType>;
};

export type CancellationEdgeResolvers<ContextType = GraphQLContext, ParentType extends ResolversParentTypes['CancellationEdge'] = ResolversParentTypes['CancellationEdge']> = {
  cursor?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  node?: Resolver<ResolversTypes['Cancellation'], ParentType, ContextType>;
};

export type CancellationReasonResolvers<ContextType = GraphQLContext, ParentType extends ResolversParentTypes['CancellationReason'] = ResolversParentTypes['CancellationReason']> = {
  code?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  label?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
};

export interface DateScalarConfig extends GraphQLScalarTypeConfig<ResolversTypes['Date'], any> {
  name: 'Date';
}

export interface DateTimeScalarConfig extends GraphQLScalarTypeConfig<ResolversTypes['DateTime'], any> {
  name: 'DateTime';
}

export interface DecimalScalarConfig extends GraphQLScalarTypeConfig<ResolversTypes['Decimal'], any> {
  name: 'Decimal';
}

export type IdempotencyKeyReusedResolvers<ContextType = GraphQLContext, ParentType extends ResolversParentTypes['IdempotencyKeyReused'] = ResolversParentTypes['IdempotencyKeyReused']> = {
  message?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type InvalidCancelRequestResolvers<ContextType = GraphQLContext, ParentType extends ResolversParentTypes['InvalidCancelRequest'] = ResolversParentTypes['InvalidCancelRequest']> = {
  field?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  message?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type MoneyResolvers<ContextType = GraphQLContext, ParentType extends ResolversParentTypes['Money'] = ResolversParentTypes['Money']> = {
  amount?: Resolver<ResolversTypes['Decimal'], ParentType, ContextType>;
  currency?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
};

export type MutationResolvers<ContextType = GraphQLContext, ParentType extends ResolversParentTypes['Mutation'] = ResolversParentTypes['Mutation']> = {
  cancelItemsOfOrder?: Resolver<ReadonlyArray<ResolversTypes['CancelOrderItemResult']>, ParentType, ContextType, RequireFields<MutationCancelItemsOfOrderArgs, 'input'>>;
  cancelOrderItem?: Resolver<ResolversTypes['CancelOrderItemResult'], ParentType, ContextType, RequireFields<MutationCancelOrderItemArgs, 'input'>>;
  cancelOrderItems?: Resolver<ReadonlyArray<ResolversTypes['CancelOrderItemResult']>, ParentType, ContextType, RequireFields<MutationCancelOrderItemsArgs, 'input'>>;
};

export type OrderResolvers<ContextType = GraphQLContext, ParentType extends ResolversParentTypes['Order'] = ResolversParentTypes['Order'], FederationReferenceType extends FederationReferenceTypes['Order'] = FederationReferenceTypes['Order']> = {
  __resolveReference?: ReferenceResolver<Maybe<ResolversTypes['Order']> | FederationReferenceType, FederationReferenceType, ContextType>;
  cancelability?: Resolver<Maybe<ResolversTypes['OrderCancelability']>, ParentType, ContextType>;
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  items?: Resolver<Maybe<ResolversTypes['OrderItemConnection']>, ParentType, ContextType, RequireFields<OrderItemsArgs, 'first'>>;
};

export type OrderCancelabilityResolvers<ContextType = GraphQLContext, ParentType extends ResolversParentTypes['OrderCancelability'] = ResolversParentTypes['OrderCancelability']> = {
  blockedItems?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
  blockers?: Resolver<ReadonlyArray<ResolversTypes['CancellationBlocker']>, ParentType, ContextType>;
  cancelable?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  cancelableItems?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
};

export type OrderItemResolvers<ContextType = GraphQLContext, ParentType extends ResolversParentTypes['OrderItem'] = ResolversParentTypes['OrderItem'], FederationReferenceType extends FederationReferenceTypes['OrderItem'] = FederationReferenceTypes['OrderItem']> = {
  __resolveReference?: ReferenceResolver<Maybe<ResolversTypes['OrderItem']> | FederationReferenceType, FederationReferenceType, ContextType>;
  cancelability?: Resolver<ResolversTypes['Cancelability'], ParentType, ContextType>;
  cancelableQuantity?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
  cancellation?: Resolver<Maybe<ResolversTypes['Cancellation']>, ParentType, ContextType>;
  cancellations?: Resolver<ReadonlyArray<ResolversTypes['Cancellation']>, ParentType, ContextType>;
  cancelledQuantity?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
  createdAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  externalId?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  isPreOrder?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  order?: Resolver<ResolversTypes['Order'], ParentType, ContextType>;
  price?: Resolver<ResolversTypes['Money'], ParentType, ContextType>;
  product?: Resolver<ResolversTypes['Product'], ParentType, ContextType>;
  quantity?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
  releaseDate?: Resolver<Maybe<ResolversTypes['Date']>, ParentType, ContextType>;
  status?: Resolver<ResolversTypes['OrderItemStatus'], ParentType, ContextType>;
  updatedAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
};

export type OrderItemConnectionResolvers<ContextType = GraphQLContext, ParentType extends ResolversParentTypes['OrderItemConnection'] = ResolversParentTypes['OrderItemConnection']> = {
  edges?: Resolver<ReadonlyArray<ResolversTypes['OrderItemEdge']>, ParentType, ContextType>;
  pageInfo?: Resolver<ResolversTypes['PageInfo'], ParentType, ContextType>;
};

export type OrderItemEdgeResolvers<ContextType = GraphQLContext, ParentType extends ResolversParentTypes['OrderItemEdge'] = ResolversParentTypes['OrderItemEdge']> = {
  cursor?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  node?: Resolver<ResolversTypes['OrderItem'], ParentType, ContextType>;
};

export type OrderItemNotCancelableResolvers<ContextType = GraphQLContext, ParentType extends ResolversParentTypes['OrderItemNotCancelable'] = ResolversParentTypes['OrderItemNotCancelable']> = {
  blockers?: Resolver<ReadonlyArray<ResolversTypes['CancellationBlocker']>, ParentType, ContextType>;
  message?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  orderItem?: Resolver<ResolversTypes['OrderItem'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type OrderItemNotFoundResolvers<ContextType = GraphQLContext, ParentType extends ResolversParentTypes['OrderItemNotFound'] = ResolversParentTypes['OrderItemNotFound']> = {
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  message?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type OrderItemStatusResolvers = { CANCELLED: 'cancelled', COMPLETE: 'complete', IN_FULFILLMENT: 'in_fulfillment', ON_HOLD: 'on_hold', PENDING: 'pending', RETURNED: 'returned' };

export type OrderNotCancelableAsWholeResolvers<ContextType = GraphQLContext, ParentType extends ResolversParentTypes['OrderNotCancelableAsWhole'] = ResolversParentTypes['OrderNotCancelableAsWhole']> = {
  message?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  orderItem?: Resolver<ResolversTypes['OrderItem'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type PageInfoResolvers<ContextType = GraphQLContext, ParentType extends ResolversParentTypes['PageInfo'] = ResolversParentTypes['PageInfo']> = {
  endCursor?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  hasNextPage?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  hasPreviousPage?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  startCursor?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
};

export type ProductResolvers<ContextType = GraphQLContext, ParentType extends ResolversParentTypes['Product'] = ResolversParentTypes['Product']> = {
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
};

export type QuantityNotCancelableResolvers<ContextType = GraphQLContext, ParentType extends ResolversParentTypes['QuantityNotCancelable'] = ResolversParentTypes['QuantityNotCancelable']> = {
  message?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  orderItem?: Resolver<ResolversTypes['OrderItem'], ParentType, ContextType>;
  remaining?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
  requested?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type QueryResolvers<ContextType = GraphQLContext, ParentType extends ResolversParentTypes['Query'] = ResolversParentTypes['Query']> = {
  cancellationReasons?: Resolver<Maybe<ReadonlyArray<ResolversTypes['CancellationReason']>>, ParentType, ContextType>;
  cancellations?: Resolver<Maybe<ResolversTypes['CancellationConnection']>, ParentType, ContextType, RequireFields<QueryCancellationsArgs, 'first'>>;
  orderItem?: Resolver<Maybe<ResolversTypes['OrderItem']>, ParentType, ContextType, RequireFields<QueryOrderItemArgs, 'id'>>;
  orderItems?: Resolver<Maybe<ResolversTypes['OrderItemConnection']>, ParentType, ContextType, RequireFields<QueryOrderItemsArgs, 'first'>>;
};

export type SubscriptionResolvers<ContextType = GraphQLContext, ParentType extends ResolversParentTypes['Subscription'] = ResolversParentTypes['Subscription']> = {
  orderItemCancelled?: SubscriptionResolver<ResolversTypes['OrderItem'], "orderItemCancelled", ParentType, ContextType, Partial<SubscriptionOrderItemCancelledArgs>>;
};

export type Resolvers<ContextType = GraphQLContext> = {
  CancelOrderItemRefusal?: CancelOrderItemRefusalResolvers<ContextType>;
  CancelOrderItemResult?: CancelOrderItemResultResolvers<ContextType>;
  CancelOrderItemSuccess?: CancelOrderItemSuccessResolvers<ContextType>;
  Cancelability?: CancelabilityResolvers<ContextType>;
  Cancellation?: CancellationResolvers<ContextType>;
  CancellationBlocker?: CancellationBlockerResolvers<ContextType>;
  CancellationChannel?: CancellationChannelResolvers;
  CancellationConnection?: CancellationConnectionResolvers<ContextType>;
  CancellationEdge?: CancellationEdgeResolvers<ContextType>;
  CancellationReason?: CancellationReasonResolvers<ContextType>;
  Date?: GraphQLScalarType;
  DateTime?: GraphQLScalarType;
  Decimal?: GraphQLScalarType;
  IdempotencyKeyReused?: IdempotencyKeyReusedResolvers<ContextType>;
  InvalidCancelRequest?: InvalidCancelRequestResolvers<ContextType>;
  Money?: MoneyResolvers<ContextType>;
  Mutation?: MutationResolvers<ContextType>;
  Order?: OrderResolvers<ContextType>;
  OrderCancelability?: OrderCancelabilityResolvers<ContextType>;
  OrderItem?: OrderItemResolvers<ContextType>;
  OrderItemConnection?: OrderItemConnectionResolvers<ContextType>;
  OrderItemEdge?: OrderItemEdgeResolvers<ContextType>;
  OrderItemNotCancelable?: OrderItemNotCancelableResolvers<ContextType>;
  OrderItemNotFound?: OrderItemNotFoundResolvers<ContextType>;
  OrderItemStatus?: OrderItemStatusResolvers;
  OrderNotCancelableAsWhole?: OrderNotCancelableAsWholeResolvers<ContextType>;
  PageInfo?: PageInfoResolvers<ContextType>;
  Product?: ProductResolvers<ContextType>;
  QuantityNotCancelable?: QuantityNotCancelableResolvers<ContextType>;
  Query?: QueryResolvers<ContextType>;
  Subscription?: SubscriptionResolvers<ContextType>;
};


/** An operation that reaches a place of the schema with a demand. */
interface Probe {
  readonly operation: 'query' | 'mutation' | 'subscription';
  readonly root: string;
  /** Places that the operation passes, whose demands the token must meet as well. */
  readonly passes: readonly string[];
  readonly ask: (id: string, other: string) => string;
  /** Finds the value at the place in the result of the root field. Undefined or null means that there is none. */
  readonly find: (value: any) => unknown; // eslint-disable-line @typescript-eslint/no-explicit-any
}

const ITEMS = `items { edges { node { id externalId } } }`;

/** The operations that reach each place. */
export const PROBES: Record<string, Probe[]> = {
  'Query.orderItem': [
    {
      operation: 'query',
      root: 'Query',
      passes: [],
      ask: (_, other) => `orderItem(id: "${other}") { id externalId }`,
      find: (item) => item,
    },
  ],
  'Query.orderItems': [
    {
      operation: 'query',
      root: 'Query',
      passes: [],
      ask: () => 'orderItems { edges { node { id externalId } } }',
      find: (list) => list,
    },
  ],
  'Query.cancellations': [
    {
      operation: 'query',
      root: 'Query',
      passes: [],
      ask: () => 'cancellations { edges { node { id orderItem { externalId } } } }',
      find: (list) => list,
    },
  ],
  'Query.cancellationReasons': [
    {
      operation: 'query',
      root: 'Query',
      passes: [],
      ask: () => 'cancellationReasons { code label }',
      find: (reasons) => reasons,
    },
  ],
  'Subscription.orderItemCancelled': [
    {
      operation: 'subscription',
      root: 'Subscription',
      passes: [],
      ask: () => 'orderItemCancelled { id externalId }',
      find: (item) => item,
    },
  ],
  'Mutation.cancelOrderItem': [
    {
      operation: 'mutation',
      root: 'Mutation',
      passes: [],
      ask: (id) =>
        `cancelOrderItem(input: { id: "${id}", reason: "Late" }) { ... on CancelOrderItemSuccess { orderItem { id } } }`,
      find: (result) => result?.orderItem,
    },
  ],
  'Mutation.cancelOrderItems': [
    {
      operation: 'mutation',
      root: 'Mutation',
      passes: [],
      ask: (id) =>
        `cancelOrderItems(input: { ids: ["${id}"], reason: "Late" }) { ... on CancelOrderItemSuccess { orderItem { id } } }`,
      find: (results) => results?.[0].orderItem,
    },
  ],
  'Mutation.cancelItemsOfOrder': [
    {
      operation: 'mutation',
      root: 'Mutation',
      passes: [],
      ask: (id) =>
        `cancelItemsOfOrder(input: { orderId: "of ${id}", reason: "Late" }) { ... on CancelOrderItemSuccess { orderItem { id } } }`,
      find: (results) => results?.[0].orderItem,
    },
  ],
  'Order.cancelability': [
    {
      operation: 'query',
      root: 'Query',
      passes: [],
      ask: () =>
        `_entities(representations: [{ __typename: "Order", id: "shared" }]) { ... on Order { cancelability { cancelableItems } } }`,
      find: (orders) => orders[0].cancelability,
    },
    {
      operation: 'mutation',
      root: 'Mutation',
      passes: ['Mutation.cancelOrderItem'],
      ask: (id) =>
        `cancelOrderItem(input: { id: "${id}", reason: "Late" }) { ... on CancelOrderItemSuccess { orderItem { order { cancelability { blockedItems } } } } }`,
      find: (result) => result?.orderItem?.order.cancelability,
    },
  ],
  'Order.items': [
    {
      operation: 'query',
      root: 'Query',
      passes: [],
      ask: () => `_entities(representations: [{ __typename: "Order", id: "shared" }]) { ... on Order { ${ITEMS} } }`,
      find: (orders) => orders[0].items,
    },
    {
      operation: 'mutation',
      root: 'Mutation',
      passes: ['Mutation.cancelOrderItem'],
      ask: (id) =>
        `cancelOrderItem(input: { id: "${id}", reason: "Late" }) { ... on CancelOrderItemSuccess { orderItem { order { ${ITEMS} } } } }`,
      find: (result) => result?.orderItem?.order.items,
    },
  ],
  // The item in the result of a cancel needs no read scope. The same item as an entity does.
  OrderItem: [
    {
      operation: 'mutation',
      root: 'Mutation',
      passes: ['Mutation.cancelOrderItem'],
      ask: (id) =>
        `cancelOrderItem(input: { id: "${id}", reason: "Late" }) { ... on CancelOrderItemSuccess { orderItem { id status } } }`,
      find: (result) => result?.orderItem,
    },
    {
      operation: 'query',
      root: 'Query',
      passes: ['Query.orderItem'],
      ask: (_, other) =>
        `_entities(representations: [{ __typename: "OrderItem", id: "${other}" }]) { ... on OrderItem { id externalId } }`,
      find: (entities) => entities?.[0],
    },
  ],
};

import type { Examples } from './examples.ts';
import { randomHex } from './random.ts';

/** A task of a newcomer, as an operation on existing items that works as it is. */
export interface Task {
  readonly query: string;
  readonly variables: object;
}

/** The item of examples if no item is found. */
const NO_ITEM = {
  id: '00000000-0000-4000-8000-000000000000',
  cancelableQuantity: 1,
  order: { id: 'order' },
};

export function tasksWith({ cancelable, refused: found }: Examples): Task[] {
  // An item of several units comes first, so that a cancel of one leaves some.
  const [several = NO_ITEM, one = NO_ITEM, second = NO_ITEM, third = NO_ITEM, last = NO_ITEM] = [...cancelable].sort(
    (item, other) => other.cancelableQuantity - item.cancelableQuantity,
  );
  const refused = found ?? NO_ITEM;
  return [
    {
      query: `# Pre-ordered items, newest first.
# Ctrl-Enter runs it, Ctrl-Space completes.
query PreOrderedItems($first: Int!, $after: String) {
  orderItems(filter: { isPreOrder: true }, first: $first, after: $after) {
    edges {
      node {
        id
        status
        releaseDate
        quantity
        price { amount currency }
        order { id }
        product { id }
      }
    }
    pageInfo { hasNextPage endCursor }
  }
}
`,
      variables: { first: 10 },
    },
    {
      query: `# Can this item be cancelled, and if not, why?
query WhyNotCancelable($id: ID!) {
  orderItem(id: $id) {
    status
    isPreOrder
    cancelability {
      cancelable
      blockers { code message }
    }
    quantity
    cancelledQuantity
    cancelableQuantity
    cancellations { quantity reasonCode reason cancelledAt cancelledBy channel requestId }
  }
}
`,
      variables: { id: refused.id },
    },
    {
      query: `# Cancels an item for good.
# Sent again with the same key, it gets the same answer.
mutation CancelOne($input: CancelOrderItemInput!) {
  cancelOrderItem(input: $input) {
    __typename
    ... on CancelOrderItemSuccess {
      orderItem { id status }
      cancellation { reason cancelledAt requestId }
    }
    ... on CancelOrderItemRefusal { message }
  }
}
`,
      variables: { input: { id: one.id, reason: 'Changed my mind', idempotencyKey: randomHex(16) } },
    },
    {
      query: `# Cancels one unit, and states a code for the reason.
# cancellationReasons lists the codes.
mutation CancelSome($input: CancelOrderItemInput!) {
  cancelOrderItem(input: $input) {
    __typename
    ... on CancelOrderItemSuccess {
      orderItem { status quantity cancelledQuantity cancelableQuantity }
      cancellation { quantity reasonCode }
    }
    ... on CancelOrderItemRefusal { message }
  }
}
`,
      variables: { input: { id: several.id, quantity: 1, reason: 'One too many', reasonCode: 'changed_mind' } },
    },
    {
      query: `# Cancels several items for one reason.
# Each has its own answer, in order.
mutation CancelSeveral($input: CancelOrderItemsInput!) {
  cancelOrderItems(input: $input) {
    __typename
    ... on CancelOrderItemSuccess { orderItem { id status } }
    ... on CancelOrderItemRefusal { message }
  }
}
`,
      variables: { input: { ids: [second.id, third.id, refused.id], reason: 'The release is late' } },
    },
    {
      query: `# Cancels what can be cancelled of an order.
# Each item has its own answer, oldest first.
mutation CancelOrder($input: CancelItemsOfOrderInput!) {
  cancelItemsOfOrder(input: $input) {
    __typename
    ... on CancelOrderItemSuccess { orderItem { id status } }
    ... on CancelOrderItemRefusal { message }
  }
}
`,
      variables: { input: { orderId: last.order.id, reason: 'Ordered by mistake', mode: 'ALL_CANCELABLE' } },
    },
    {
      query: `# Cancellations, newest first.
# Add a code, a time, an order, a door or a caller to the filter.
query Cancellations($filter: CancellationFilter, $first: Int!, $after: String) {
  cancellations(filter: $filter, first: $first, after: $after) {
    edges {
      node {
        quantity
        reasonCode
        reason
        cancelledAt
        cancelledBy
        channel
        orderItem { id status quantity cancelledQuantity }
      }
    }
    pageInfo { hasNextPage endCursor }
  }
}
`,
      variables: { filter: { channel: 'GRAPHQL' }, first: 10 },
    },
    {
      query: `# What a router asks: entities by their keys.
query ResolveEntities($representations: [_Any!]!) {
  _entities(representations: $representations) {
    __typename
    ... on OrderItem { id status cancelability { cancelable } }
  }
}
`,
      variables: { representations: [one, refused].map(({ id }) => ({ __typename: 'OrderItem', id })) },
    },
  ];
}

import type { Examples } from './examples.ts';
import { randomHex } from './random.ts';

/** A task of a newcomer, as an operation on existing items that works as it is. */
export interface Task {
  readonly query: string;
  readonly variables: object;
}

/** The item of examples if no item is found. */
const NO_ITEM = { id: '00000000-0000-4000-8000-000000000000' };

export function tasksWith({ cancelable, refused: found }: Examples): Task[] {
  const [one = NO_ITEM, second = NO_ITEM, third = NO_ITEM] = cancelable;
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
    cancellation { reason cancelledAt cancelledBy channel requestId }
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

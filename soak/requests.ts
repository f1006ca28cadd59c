/** A cancel of one item through either door, or of several items. */
export interface Cancel {
  readonly ids: readonly string[];
  readonly door: 'graphql' | 'rest';
  /** The idempotency key, or null. */
  readonly key: string | null;
}

/** A request and the check of its answer. */
export interface Request {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly changes: boolean;
  /** Whether an answer with status 200 is complete and right. */
  readonly isServed: (answer: string) => boolean;
}

const JSON_TYPE = { 'content-type': 'application/json' };

const CANCEL = `mutation Cancel($input: CancelOrderItemsInput!) {
  cancelOrderItems(input: $input) { __typename ... on CancelOrderItemSuccess { orderItem { status } } }
}`;

const ENTITIES = `query Entities($representations: [_Any!]!) {
  _entities(representations: $representations) { ... on OrderItem { id status cancelability { cancelable } } }
}`;

const PAGE = `query Page($orderId: ID!) {
  orderItems(first: 20, filter: { orderId: $orderId }) { edges { node { id status } } }
}`;

export function cancelRequest({ ids, door, key }: Cancel): Request {
  if (door === 'rest') {
    return {
      path: `/v0/line_item/${ids[0] ?? ''}/cancel`,
      headers: key === null ? {} : { 'idempotency-key': key },
      body: '',
      changes: true,
      isServed: (answer) => answer.includes('"status":"cancelled"'),
    };
  }
  const input = { ids, reason: 'Late', ...(key === null ? {} : { idempotencyKey: key }) };
  return graphql(CANCEL, { input }, (answer) => countOccurrences(answer, '"CancelOrderItemSuccess"') === ids.length);
}

export function entitiesRequest(ids: readonly string[]): Request {
  return entities(ids, '"cancelable"');
}

/** Creates a read of cancelled items. The right answer shows them as cancelled. */
export function cancelledRequest(ids: readonly string[]): Request {
  return entities(ids, '"status":"CANCELLED"');
}

function entities(ids: readonly string[], part: string): Request {
  const representations = ids.map((id) => ({ __typename: 'OrderItem', id }));
  return graphql(ENTITIES, { representations }, (answer) => countOccurrences(answer, part) === ids.length);
}

export function pageRequest(orderId: string): Request {
  return graphql(PAGE, { orderId }, (answer) => answer.includes('"edges"'));
}

function graphql(query: string, variables: object, isServed: (answer: string) => boolean): Request {
  return {
    path: '/graphql',
    headers: JSON_TYPE,
    body: JSON.stringify({ query, variables }),
    changes: query === CANCEL,
    isServed: (answer) => !answer.includes('"errors"') && isServed(answer),
  };
}

function countOccurrences(text: string, part: string): number {
  return text.split(part).length - 1;
}

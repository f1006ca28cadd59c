import { insertOrderItems } from '../support/orderItems.ts';
import { type GraphQLAnswer, startTestService } from '../support/testService.ts';

const service = await startTestService();
const [open = '', complete = '', plain = ''] = await insertOrderItems(service.dataSource, [
  { orderId: 'order-1' },
  { orderId: 'order-1', status: 'complete' },
  { orderId: 'order-2', isPreOrder: false, releaseDate: '2031-02-28', externalId: 'x' },
]);
const readOnly = await service.token({ scope: 'order-items:read' });
const cancelOnly = await service.token({ scope: 'order-items:cancel' });

const EVERYTHING = `id order { id __typename } product { id } externalId status isPreOrder releaseDate quantity
  price { amount currency } cancelability { cancelable blockers { code message } }
  cancellation { reason note cancelledAt cancelledBy channel requestId } createdAt updatedAt __typename`;
const REFUSAL = `__typename ... on CancelOrderItemRefusal { message } ... on OrderItemNotFound { id }
  ... on OrderItemNotCancelable { blockers { code } orderItem { id status } } ... on InvalidCancelRequest { field }`;
const ENTITIES = `query($representations: [_Any!]!) { _entities(representations: $representations) {
  ... on OrderItem { ${EVERYTHING} } ... on Order { id items(first: 1) { edges { node { id } } pageInfo { hasNextPage } } } } }`;
const CANCEL = `mutation($input: CancelOrderItemInput!) { cancelOrderItem(input: $input) { ${REFUSAL} } }`;
const CANCEL_ALL = `mutation($input: CancelOrderItemsInput!) { cancelOrderItems(input: $input) { ${REFUSAL} } }`;
const LIST = `query($filter: OrderItemFilter, $first: Int, $after: String) {
  orderItems(filter: $filter, first: $first, after: $after) {
    edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`;
const buildReference = (id: unknown): object => ({ __typename: 'OrderItem', id });

/** Makes the text of a document new: graphql-js interprets a new text, and the service compiles a repeated one. */
let texts = 0;
const makeNewText = (query: string): string => `${query} # ${(texts += 1)}`;

// The mutations here are all refused, so every execution finds the same rows.
test.each<[string, string, object, string | undefined]>([
  ['every field', `query($id: ID!) { orderItem(id: $id) { ${EVERYTHING} } }`, { id: plain }, undefined],
  ['an unknown id', 'query($id: ID!) { orderItem(id: $id) { id } }', { id: 'nonsense' }, undefined],
  ['an id that is a number', 'query($id: ID!) { orderItem(id: $id) { id } }', { id: 7 }, undefined],
  ['a literal id', `{ orderItem(id: "${open}") { id status } }`, {}, undefined],
  [
    'aliases',
    `{ a: orderItem(id: "${open}") { x: id y: status } b: orderItem(id: "${plain}") { x: id } }`,
    {},
    undefined,
  ],
  ['the same field twice', `{ orderItem(id: "${open}") { id id price { amount } price { currency } } }`, {}, undefined],
  [
    'fragments',
    `query($id: ID!) { orderItem(id: $id) { ...F ... on OrderItem { quantity } ... { id } } } fragment F on OrderItem { status }`,
    { id: open },
    undefined,
  ],
  [
    '@include and @skip',
    'query($id: ID!, $y: Boolean!, $n: Boolean!) { orderItem(id: $id) { id @include(if: $y) status @skip(if: $y) quantity @include(if: $n) ... on OrderItem @skip(if: $n) { isPreOrder } } }',
    { id: open, y: true, n: false },
    undefined,
  ],
  ['__typename', '{ __typename orderItems { __typename edges { __typename node { __typename } } } }', {}, undefined],
  ['introspection', '{ __type(name: "OrderItem") { name fields { name description } } }', {}, undefined],
  ['the SDL', '{ _service { sdl } }', {}, undefined],
  [
    'entities',
    ENTITIES,
    { representations: [buildReference(open), buildReference('nonsense'), { __typename: 'Order', id: 'order-1' }] },
    undefined,
  ],
  ['an empty list of entities', ENTITIES, { representations: [] }, undefined],
  ['an entity of an unknown type', ENTITIES, { representations: [{ __typename: 'Basket', id: '1' }] }, undefined],
  [
    'entities without the read scope',
    ENTITIES,
    { representations: [buildReference(open), { __typename: 'Order', id: 'o' }] },
    cancelOnly,
  ],
  ['a filtered list', LIST, { filter: { statuses: ['PENDING', 'COMPLETE'], isPreOrder: true }, first: 1 }, undefined],
  ['a list that matches nothing', LIST, { filter: { statuses: [] } }, undefined],
  ['a list with nulls', LIST, { filter: null, first: null, after: null }, undefined],
  ['a list that is too long', LIST, { first: 101 }, undefined],
  ['a malformed cursor', LIST, { after: 'x' }, undefined],
  ['a list without the read scope', LIST, {}, cancelOnly],
  ['an unknown status', LIST, { filter: { statuses: ['LOST'] } }, undefined],
  ['a word for a number', LIST, { first: 'ten' }, undefined],
  ['an unknown filter field', LIST, { filter: { color: 'red' } }, undefined],
  ['a missing variable', 'query($id: ID!) { orderItem(id: $id) { id } }', {}, undefined],
  ['a variable that is null', 'query($id: ID!) { orderItem(id: $id) { id } }', { id: null }, undefined],
  ['a default value', 'query($first: Int = 1) { orderItems(first: $first) { edges { cursor } } }', {}, undefined],
  [
    'null for a variable with a default value',
    'query($id: ID = "x") { orderItem(id: $id) { id } }',
    { id: null },
    undefined,
  ],
  [
    'a literal filter',
    'query($o: ID!) { orderItems(filter: { orderId: $o, statuses: [PENDING, COMPLETE], isPreOrder: true }, first: 2) { edges { node { id } } } }',
    { o: 'order-1' },
    undefined,
  ],
  [
    'a literal filter with a missing variable',
    'query($o: ID) { orderItems(filter: { orderId: $o, statuses: null }, first: 2) { edges { node { id } } } }',
    {},
    undefined,
  ],
  ['a subscription', 'subscription { orderItem }', {}, undefined],
  ['a refused cancel of a complete item', CANCEL, { input: { id: complete, reason: 'Late' } }, undefined],
  [
    'a refused cancel of an item that was not pre-ordered',
    CANCEL,
    { input: { id: plain, reason: 'Late', note: null } },
    undefined,
  ],
  [
    'a refused cancel of an item that does not exist',
    CANCEL,
    { input: { id: '0198c0de-7a1b-7c3d-9e4f-5a6b7c8d9e0f', reason: 'Late' } },
    undefined,
  ],
  ['a blank reason', CANCEL, { input: { id: open, reason: ' ' } }, undefined],
  ['a missing reason', CANCEL, { input: { id: open } }, undefined],
  ['a cancel without the cancel scope', CANCEL, { input: { id: open, reason: 'Late' } }, readOnly],
  [
    'a bulk cancel with several refusals',
    CANCEL_ALL,
    { input: { ids: [complete, 'nonsense', plain, complete], reason: 'Late' } },
    undefined,
  ],
  [
    'a fragment that is spread twice, once under a condition',
    `query($id: ID!, $v: Boolean!) { orderItem(id: $id) { ...F @include(if: $v) ...F } } fragment F on OrderItem { id }`,
    { id: open, v: false },
    undefined,
  ],
  [
    'aliases that JavaScript reserves for objects',
    `query($id: ID!) { orderItem(id: $id) { __proto__: id constructor: status } }`,
    { id: open },
    undefined,
  ],
  [
    'a mutation whose first field fails',
    `mutation($id: ID!) { a: cancelOrderItems(input: { ids: [], reason: "x" }) { __typename } b: cancelOrderItem(input: { id: $id, reason: "x" }) { __typename } }`,
    { id: open },
    undefined,
  ],
  [
    'a document that would take long to compile',
    `query($id: ID!) { orderItem(id: $id) { ${Array.from({ length: 100 }, (_, place) => `a${place}: order { ...F }`).join(' ')} } }
     fragment F on Order { items { edges { node { ${EVERYTHING} } } } }`,
    { id: plain },
    undefined,
  ],
  ['a bulk cancel without ids', CANCEL_ALL, { input: { ids: [], reason: 'Late' } }, undefined],
  [
    'one failed field beside one that succeeds',
    `{ a: orderItems(first: 0) { edges { cursor } } b: orderItem(id: "${open}") { id } }`,
    {},
    undefined,
  ],
])('a compiled document gives the same answer as an interpreted one: %s', async (_, query, variables, token) => {
  const interpreted = await ask(makeNewText(query), variables, token);
  await ask(query, variables, token);
  // Apollo Server compiles the second request. The third one goes past it.
  expect(await ask(query, variables, token)).toEqual(interpreted);
  expect(await ask(query, variables, token)).toEqual(interpreted);
  expect(await readStatus(open)).toBe('PENDING');
});

const ODD_VALUES: readonly unknown[] = [
  null,
  true,
  0,
  -0,
  1.5,
  1e21,
  2 ** 31,
  Number.MAX_SAFE_INTEGER,
  '',
  '7',
  'PENDING',
  'pending',
  '\ud800',
  [],
  [null],
  ['PENDING'],
  [['PENDING']],
  ['PENDING', 7],
  {},
  { id: 'x' },
  { id: 7, reason: 'Late' },
  { id: 'x', reason: 7 },
  { id: 'x', reason: null },
  { id: 'x', reason: 'Late', color: 'red' },
  { ids: 'x', reason: 'Late' },
  { ids: ['x', null], reason: 'Late' },
  { statuses: 'PENDING' },
  { statuses: [null] },
  { statuses: ['PENDING', 'LOST'] },
  { isPreOrder: 'true' },
  { isPreOrder: 1 },
  { orderId: 7, cancelable: null },
  { __proto__: null, constructor: 'x' },
];

test.each<[string, string]>([
  ['query($value: ID!) { orderItem(id: $value) { id } }', 'an id'],
  ['query($value: Int) { orderItems(first: $value) { edges { cursor } } }', 'a number'],
  ['query($value: String) { orderItems(after: $value) { edges { cursor } } }', 'a cursor'],
  ['query($value: OrderItemFilter) { orderItems(filter: $value) { edges { cursor } } }', 'a filter'],
  ['query($value: ID!) { orderItems(filter: { orderId: $value }) { edges { node { id } } } }', 'a field of a filter'],
  ['query($value: OrderItemStatus!) { orderItems(filter: { statuses: [$value] }) { edges { cursor } } }', 'a status'],
  ['query($value: [OrderItemStatus!]!) { orderItems(filter: { statuses: $value }) { edges { cursor } } }', 'statuses'],
  ['query($value: [_Any!]!) { _entities(representations: $value) { __typename } }', 'representations'],
  ['mutation($value: CancelOrderItemInput!) { cancelOrderItem(input: $value) { __typename } }', 'an input of a cancel'],
  [
    'mutation($value: CancelOrderItemsInput!) { cancelOrderItems(input: $value) { __typename } }',
    'an input of a bulk cancel',
  ],
  [
    'mutation($value: ID!) { cancelOrderItem(input: { id: $value, reason: "Late" }) { __typename } }',
    'a field of an input',
  ],
])('a compiled document accepts and refuses odd values like an interpreted one: %s', async (query) => {
  await ask(query, { value: 'x' }, undefined);
  await ask(query, { value: 'x' }, undefined);
  for (const variables of [...ODD_VALUES.map((value) => ({ value })), {}]) {
    expect({ variables, ...(await ask(query, variables, undefined)) }).toEqual({
      variables,
      ...(await ask(makeNewText(query), variables, undefined)),
    });
  }
});

test('a compiled mutation runs once for each request', async () => {
  const items = await insertOrderItems(service.dataSource, [{}, {}, {}, {}]);
  const query = `mutation($input: CancelOrderItemInput!) {
    cancelOrderItem(input: $input) { __typename ... on CancelOrderItemSuccess { orderItem { id status } } } }`;
  for (const id of items) {
    const cancelled = { __typename: 'CancelOrderItemSuccess', orderItem: { id, status: 'CANCELLED' } };
    const input = { id, reason: 'Late' };
    expect((await service.graphql(query, { input })).data).toEqual({ cancelOrderItem: cancelled });
    expect((await service.graphql(query, { input })).data).toEqual({
      cancelOrderItem: { __typename: 'OrderItemNotCancelable' },
    });
  }
});

async function readStatus(id: string): Promise<string> {
  return (await service.graphql('query($id: ID!) { orderItem(id: $id) { status } }', { id })).data.orderItem.status;
}

async function ask(query: string, variables: object, token: string | undefined): Promise<object> {
  const { status, data, errors }: GraphQLAnswer = await service.graphql(query, variables, token);
  return {
    status,
    data,
    errors: errors.map(({ extensions: { requestId: _differs, ...extensions }, ...error }) => ({
      ...error,
      extensions,
    })),
  };
}

describe('a request that names its operation', () => {
  const send = async (query: string, operationName: string): Promise<Record<string, unknown>> => {
    const response = await fetch(`${service.url}/graphql`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await service.token()}`, 'content-type': 'application/json' },
      body: JSON.stringify({ query, operationName }),
    });
    const { data, errors = [] } = (await response.json()) as Partial<GraphQLAnswer>;
    return { status: response.status, data, message: errors[0]?.message };
  };

  test('runs that operation, interpreted and compiled', async () => {
    const query = `query A { a: orderItem(id: "${open}") { id } } query B { b: orderItem(id: "${open}") { status } }`;
    for (let time = 0; time < 3; time += 1) {
      expect(await send(query, 'A')).toEqual({ status: 200, data: { a: { id: open } } });
      expect(await send(query, 'B')).toEqual({ status: 200, data: { b: { status: 'PENDING' } } });
    }
  });

  test('runs no operation when the name is unknown', async () => {
    const query = `mutation A { cancelOrderItem(input: { id: "${open}", reason: "Late" }) { __typename } }`;
    for (let time = 0; time < 3; time += 1) {
      expect(await send(query, 'B')).toEqual({ status: 400, message: 'Unknown operation named "B".' });
    }
    expect(await readStatus(open)).toBe('PENDING');
  });
});

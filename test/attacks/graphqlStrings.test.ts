import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse, visit } from 'graphql';
import { startBackgroundClient } from '../support/backgroundClient.ts';
import { anOrderItem, findCancellations } from '../support/orderItems.ts';
import { type GraphQLAnswer, startTestService } from '../support/testService.ts';

const service = await startTestService();
const { dataSource } = service;
const closed = await startTestService({ INTROSPECTION: 'false' });
const client = startBackgroundClient(service);

const CANCEL = `mutation($input: CancelOrderItemInput!) {
  cancelOrderItem(input: $input) {
    __typename
    ... on CancelOrderItemSuccess { cancellation { reason note } }
    ... on InvalidCancelRequest { field }
    ... on OrderItemNotFound { id }
  }
}`;
const READ = `query($id: ID!, $orderId: ID, $representations: [_Any!]!) {
  orderItem(id: $id) { id }
  orderItems(filter: { orderId: $orderId }) { edges { node { id } } }
  _entities(representations: $representations) { ... on OrderItem { id } ... on Order { orderId: id items { edges { node { id } } } } }
}`;

const SQL: [string][] = [
  ["'; DROP TABLE order_item; --"],
  ["' OR '1'='1"],
  ["1'; UPDATE order_item SET status = 'cancelled'; --"],
  ["\\'; SELECT pg_sleep(30); --"],
  ['$1; DELETE FROM order_item_cancellation; --'],
  ['$$; TRUNCATE order_item_event; $$'],
  ['"order_item" UNION SELECT null --'],
  ['{"$ne": null} /* */ %00 %27'],
];

function ask(query: string, variables: object): Promise<GraphQLAnswer> {
  return client.during(() => service.graphql(query, variables));
}

function requireData({ status, errors, data }: GraphQLAnswer): GraphQLAnswer['data'] {
  expect({ status, errors }).toEqual({ status: 200, errors: [] });
  return data;
}

test.each(SQL)('SQL is a text like another: %s', async (sql) => {
  const bystander = await anOrderItem(dataSource, { orderId: 'bystander' });
  const found = await anOrderItem(dataSource, { orderId: sql });
  const representations = [
    { __typename: 'OrderItem', id: sql },
    { __typename: 'Order', id: sql },
  ];
  const read = requireData(await ask(READ, { id: sql, orderId: sql, representations }));
  const items = { edges: [{ node: { id: found } }] };
  expect(read).toEqual({ orderItem: null, orderItems: items, _entities: [null, { orderId: sql, items }] });

  expect(requireData(await ask(CANCEL, { input: { id: sql, reason: sql } }))).toEqual({
    cancelOrderItem: { __typename: 'InvalidCancelRequest', field: 'id' },
  });
  const cancelled = requireData(
    await ask(CANCEL, { input: { id: found, reason: sql, note: sql, idempotencyKey: sql } }),
  );
  expect(cancelled.cancelOrderItem.cancellation).toEqual({ reason: sql, note: sql });
  expect(await findCancellations(dataSource, [found])).toMatchObject([
    { reason: sql, note: sql, idempotency_key: sql },
  ]);

  const paged = await ask('query($after: String) { orderItems(after: $after) { edges { cursor } } }', { after: sql });
  expect(paged.errors.map(({ extensions }) => extensions['code'])).toEqual(['BAD_USER_INPUT']);
  const literal = await ask(`{ orderItem(id: ${JSON.stringify(sql)}) { id } }`, {});
  expect(requireData(literal)).toEqual({ orderItem: null });
  expect(requireData(await ask('query($id: ID!) { orderItem(id: $id) { status } }', { id: bystander }))).toEqual({
    orderItem: { status: 'PENDING' },
  });
});

describe.each([
  ['NUL', 'a\0b', false, false],
  ['half of a surrogate pair', 'a\ud800b', false, false],
  ['the other half', 'a\udc00b', false, false],
  ['control characters', 'a\u0001\u001b\u007f\u0085b', true, false],
  ['what turns text around', 'a\u202e\u2066b', true, false],
  ['what is no character', 'a\ufffe\uffffb', true, false],
  ['a line break', 'a\r\nb', true, false],
  ['an emoji of several', 'a👩‍👩‍👧‍👦b', true, false],
  ['marks upon marks', `a${'\u0301'.repeat(50)}b`, true, true],
])('%s', (_, text, isText, isKey) => {
  const refused = (field: string): object => ({ __typename: 'InvalidCancelRequest', field });

  test.each([['reason'], ['note'], ['idempotencyKey']])('in %s', async (name) => {
    const id = await anOrderItem(dataSource);
    const answer = requireData(await ask(CANCEL, { input: { id, reason: 'x', [name]: text } })).cancelOrderItem;
    const taken = name === 'idempotencyKey' ? isKey : isText;
    const [row] = await findCancellations(dataSource, [id]);
    const column = name === 'idempotencyKey' ? 'idempotency_key' : name;
    expect({ type: answer.__typename, stored: row?.[column] }).toEqual(
      taken ? { type: 'CancelOrderItemSuccess', stored: text } : { type: 'InvalidCancelRequest', stored: undefined },
    );
  });

  test('in ids', async () => {
    expect(requireData(await ask(CANCEL, { input: { id: text, reason: 'x' } })).cancelOrderItem).toEqual(refused('id'));
    const representations = [
      { __typename: 'OrderItem', id: text },
      { __typename: 'Order', id: text },
    ];
    const read = await ask(
      'query($id: ID!, $r: [_Any!]!) { orderItem(id: $id) { id } _entities(representations: $r) { ... on Order { items { edges { cursor } } } } }',
      { id: text, r: representations },
    );
    expect(requireData(read)).toEqual({ orderItem: null, _entities: [null, { items: { edges: [] } }] });
    const list = await ask('query($o: ID) { orderItems(filter: { orderId: $o }) { edges { cursor } } }', { o: text });
    expect({ status: list.status, codes: list.errors.map(({ extensions }) => extensions['code']) }).toEqual({
      status: 200,
      codes: isText ? [] : ['BAD_USER_INPUT'],
    });
  });
});

describe('with introspection off, errors reveal no name of the schema that the client did not send', () => {
  const directory = path.join(import.meta.dirname, '../../schema');
  /** Names of the schema that every English sentence can have. */
  const PLAIN_WORDS: ReadonlySet<string> = new Set(['from', 'to']);
  const names = new Set([
    'Query',
    'Mutation',
    '_entities',
    '_service',
    '_Any',
    '_Entity',
    '_Service',
    'sdl',
    'representations',
  ]);
  for (const file of readdirSync(directory).filter((name) => name.endsWith('.graphql'))) {
    visit(parse(readFileSync(path.join(directory, file), 'utf8')), {
      Name: ({ value }) => {
        if (!PLAIN_WORDS.has(value)) names.add(value);
      },
    });
  }

  test.each([
    ['a misspelt field at the root', '{ orderItm(id: "1") { id } }', {}],
    ['a misspelt list', '{ orderItemz { edges { cursor } } }', {}],
    ['a misspelt mutation', 'mutation { cancelOrderItemm(input: {}) { id } }', {}],
    ['a misspelt entity field', '{ _entitie(representation: []) { id } }', {}],
    ['a misspelt field', '{ orderItem(id: "1") { statu prce externalid } }', {}],
    ['a field of another type', '{ orderItem(id: "1") { amount edges } }', {}],
    ['a missing argument', '{ orderItem { id } }', {}],
    ['a missing input', 'mutation { cancelOrderItem { __typename } }', {}],
    ['an unknown argument', '{ orderItem(uid: "1") { id } }', {}],
    ['a missing subselection', '{ orderItem(id: "1") }', {}],
    ['a missing subselection further down', '{ orderItem(id: "1") { price } }', {}],
    ['a subselection of a leaf', '{ orderItem(id: "1") { id { x } } }', {}],
    ['a wrong enum value', '{ orderItems(filter: { statuses: [PENDIN] }) { __typename } }', {}],
    ['a text for an enum', '{ orderItems(filter: { statuses: ["pending"] }) { __typename } }', {}],
    ['a number for a filter', '{ orderItems(filter: 1) { __typename } }', {}],
    ['an unknown condition', '{ orderItems(filter: { statu: 1 }) { __typename } }', {}],
    ['an input without its fields', 'mutation { cancelOrderItem(input: {}) { __typename } }', {}],
    ['an input with null', 'mutation { cancelOrderItem(input: null) { __typename } }', {}],
    ['a variable of an unknown type', 'query($x: OrderItemFilte) { orderItems(filter: $x) { __typename } }', {}],
    ['a variable of the wrong type', 'query($x: Int) { orderItems(filter: $x) { __typename } }', { x: 1 }],
    ['a variable of an output type', 'query($x: Money) { __typename }', {}],
    ['a value of the wrong type', 'query($x: OrderItemFilter) { orderItems(filter: $x) { __typename } }', { x: 1 }],
    [
      'a value with an unknown field',
      'query($x: OrderItemFilter) { orderItems(filter: $x) { __typename } }',
      { x: { statu: 1 } },
    ],
    [
      'a value of the wrong enum',
      'query($x: OrderItemFilter) { orderItems(filter: $x) { __typename } }',
      { x: { statuses: ['OPEN'] } },
    ],
    [
      'a value without its fields',
      'mutation($x: CancelOrderItemInput!) { cancelOrderItem(input: $x) { __typename } }',
      { x: {} },
    ],
    ['no value', 'mutation($x: CancelOrderItemInput!) { cancelOrderItem(input: $x) { __typename } }', {}],
    ['null for a default', 'query($x: ID = "1") { orderItem(id: $x) { __typename } }', { x: null }],
    ['null in a directive', 'query($x: Boolean = true) { __typename @include(if: $x) }', { x: null }],
    ['an unknown directive', '{ __typename @includ(if: true) }', {}],
    ['a fragment on an unknown type', '{ ... on Qery { x } }', {}],
    ['a fragment that cannot apply', '{ orderItem(id: "1") { ... on Money { amount } } }', {}],
    ['a fragment on a scalar', '{ orderItem(id: "1") { ... on Decimal { x } } }', {}],
    ['fields that do not merge', '{ a: orderItem(id: "1") { id } a: orderItems { edges { cursor } } }', {}],
    ['representations of another type', '{ _entities(representations: 1) { __typename } }', {}],
    ['a representation of an unknown type', '{ _entities(representations: [{ __typename: "X" }]) { __typename } }', {}],
    ['a subscription', 'subscription { orderItemCancelled { id } }', {}],
    ['an operation that is none', 'query A { __typename } query B { __typename }', {}],
    ['introspection', '{ __schema { types { name } } }', {}],
    [
      'introspection under an alias, in a fragment',
      '{ ...A } fragment A on Query { __typename a: __schema { queryType { fields { name } } } }',
      {},
    ],
    ['introspection of a type', '{ __type(name: "Monie") { fields { name } } }', {}],
    ['the SDL', '{ ... { a: _service { sdl } } }', {}],
    ['a syntax error', '{ orderItem(id: ', {}],
  ])('%s', async (_, query, variables) => {
    const { errors, data } = await client.during(() => closed.graphql(query, variables));
    const sent = query + JSON.stringify(variables);
    expect(errors.length).toBeGreaterThan(0);
    for (const { message, extensions } of errors) {
      expect(Object.keys(extensions).sort()).toEqual(['code', 'requestId']);
      const words: readonly string[] = message.match(/\w+/g) ?? [];
      expect(words.filter((word) => names.has(word) && !sent.includes(word))).toEqual([]);
    }
    expect(Object.values(data ?? {}).filter((value) => value !== null && value !== 'Query')).toEqual([]);
  });
});

test('serves a normal client during all attacks', async () => {
  expect(await client.stop()).toBeGreaterThan(40);
});

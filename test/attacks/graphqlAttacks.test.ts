import { expectRefused, send, times } from '../support/attack.ts';
import { startBackgroundClient } from '../support/backgroundClient.ts';
import { anOrderItem } from '../support/orderItems.ts';
import { type GraphQLAnswer, type RestAnswer, startTestService } from '../support/testService.ts';

const service = await startTestService();
const client = startBackgroundClient(service);
const id = await anOrderItem(service.dataSource, { orderId: 'order-1' });

/** A document that attacks; its variables, if it has any. */
function attack(query: string, variables: object = {}): Promise<RestAnswer> {
  return client.during(() => send(service, { body: JSON.stringify({ query, variables }) }));
}

function ask(query: string, variables: object = {}): Promise<GraphQLAnswer> {
  return client.during(() => service.graphql(query, variables));
}

const TOKENS = /Document contains more that 5000 tokens/;
const ITEM = `orderItem(id: "${id}")`;
/** Each of these levels leads from an item to an item and is four fields deep. */
const DOWN = 'order { items(first: 1) { edges { node {';
const UP = '} } } }';

test('alias overload: 100 aliases at the root', async () => {
  const answer = await attack(`{ ${times(100, `a#: ${ITEM} { id }`)} }`);
  expectRefused(answer, 400, 'GRAPHQL_VALIDATION_FAILED', /^Root fields limit of 50 exceeded, found 100\.$/);
});

test('alias overload: 10,000 aliases at the root', async () => {
  const answer = await attack(`{ ${times(10_000, `a#: ${ITEM} { id }`)} }`);
  expectRefused(answer, 400, 'GRAPHQL_PARSE_FAILED', TOKENS);
});

test('alias overload: 201 aliases below the root; 200 are served', async () => {
  const answer = await attack(`{ ${ITEM} { ${times(201, 'a#: id')} } }`);
  expectRefused(answer, 400, 'GRAPHQL_VALIDATION_FAILED', /^Aliases limit of 200 exceeded, found 201\.$/);
  expect(Object.keys((await ask(`{ ${ITEM} { ${times(200, 'a#: id')} } }`)).data.orderItem)).toHaveLength(200);
});

test('alias overload: 5 aliases in a fragment that is spread 41 times', async () => {
  const spreads = times(41, 'order { ...A }');
  const answer = await attack(`{ ${ITEM} { ${spreads} } } fragment A on Order { ${times(5, 'a#: id')} }`);
  expectRefused(answer, 400, 'GRAPHQL_VALIDATION_FAILED', /^Aliases limit of 200 exceeded, found 205\.$/);
});

test('alias overload: __typename under 201 aliases', async () => {
  const answer = await attack(`{ ${ITEM} { ${times(201, 'a#: __typename')} } }`);
  expectRefused(answer, 400, 'GRAPHQL_VALIDATION_FAILED', /^Aliases limit of 200 exceeded, found 201\.$/);
});

test('alias overload: __typename under 150 aliases in 10,000 items', async () => {
  const fields = times(150, 'a#: __typename');
  const inner = `order { items(first: 100) { edges { node { ${fields} } } } }`;
  const answer = await attack(`{ orderItems(first: 100) { edges { node { ${inner} } } } }`);
  expectRefused(answer, 400, 'GRAPHQL_VALIDATION_FAILED', /^Cost limit of 250000 exceeded/);
});

test('duplicate fields: 10,000 at the root, 10,000 of an item', async () => {
  expectRefused(await attack(`{ ${times(10_000, '__typename')} }`), 400, 'GRAPHQL_PARSE_FAILED', TOKENS);
  expectRefused(await attack(`{ ${ITEM} { ${times(10_000, 'id')} } }`), 400, 'GRAPHQL_PARSE_FAILED', TOKENS);
});

test.each([
  ['4,900 of an item', `{ ${ITEM} { ${times(4_900, 'id')} } }`],
  ['4,900 in a fragment', `{ ${ITEM} { ...A } } fragment A on OrderItem { ${times(4_900, 'id')} }`],
  ['1,200 with fields of their own', `{ ${ITEM} { ${times(1_200, 'order { id }')} } }`],
])('duplicate fields, below the limit of tokens: %s', async (_, query) => {
  const answer = await attack(query);
  expectRefused(answer, 400, 'GRAPHQL_VALIDATION_FAILED', /limit|too (many|complex|large)/i);
});

test('directive overload: 51, of the same and of different fields; 10,000', async () => {
  const limit = /^Directives limit of 50 exceeded, found 51\.$/;
  const ofOne = await attack(`{ __typename ${times(51, '@include(if: true)')} }`);
  expectRefused(ofOne, 400, 'GRAPHQL_VALIDATION_FAILED', limit);
  const ofMany = await attack(`{ ${ITEM} { ${times(51, 'id @include(if: true)')} } }`);
  expectRefused(ofMany, 400, 'GRAPHQL_VALIDATION_FAILED', limit);
  const unknown = await attack(`{ __typename ${times(10_000, '@x')} }`);
  expectRefused(unknown, 400, 'GRAPHQL_PARSE_FAILED', TOKENS);
});

test.each([
  ['one in itself', 'fragment A on OrderItem { id ...A }'],
  ['two in each other', 'fragment A on OrderItem { ...B } fragment B on OrderItem { ...A }'],
  ['through fields', `fragment A on OrderItem { ${DOWN} ...A ${UP} }`],
  [
    'through fields and each other',
    `fragment A on OrderItem { a: order { ...B } b: order { ...B } } fragment B on Order { items { edges { node { ...A } } } }`,
  ],
])('circular fragments: %s', async (_, fragments) => {
  const answer = await attack(`{ ${ITEM} { ...A } } ${fragments}`);
  expectRefused(answer, 400, 'GRAPHQL_VALIDATION_FAILED', /^Cannot spread fragment "A" within itself/);
});

/** 26 fragments, each of which holds the next one twice. */
function bomb(type: string, first: string, second: string, last: string): string {
  const fragments = Array.from({ length: 26 }, (_, level) =>
    `fragment F${level} on ${type} { ${first} ${second} }`.replaceAll('NEXT', `...F${level + 1}`),
  );
  return `${fragments.join(' ')} fragment F26 on ${type} { ${last} }`;
}

test.each([
  ['spreads alone', `{ ${ITEM} { ...F0 } }`, bomb('OrderItem', 'NEXT', 'NEXT', 'id'), /^Cost limit of 250000 exceeded/],
  [
    'spreads at the root',
    '{ ...F0 }',
    bomb('Query', 'NEXT', 'NEXT', '__typename'),
    /^Root fields limit of 50 exceeded/,
  ],
  ['inline fragments', `{ ${ITEM} { ...F0 } }`, bomb('OrderItem', '... { NEXT }', '... { NEXT }', 'id'), /^Cost limit/],
  [
    'an alias at each level',
    `{ ${ITEM} { ...F0 } }`,
    bomb('OrderItem', `a: ${DOWN} NEXT ${UP}`, `b: ${DOWN} NEXT ${UP}`, 'id'),
    /^Aliases limit of 200 exceeded/,
  ],
  [
    'fields that double',
    `{ ${ITEM} { ...F0 } }`,
    bomb('OrderItem', `${DOWN} NEXT ${UP}`, `${DOWN} NEXT ${UP}`, 'id'),
    /^Query depth limit of 15 exceeded, found 106\.$/,
  ],
])('fragment bomb of 26 levels: %s', async (_, operation, fragments, message) => {
  expectRefused(await attack(`${operation} ${fragments}`), 400, 'GRAPHQL_VALIDATION_FAILED', message);
});

test('depth 1,600, and 2,000', async () => {
  const depth = /^Query depth limit of 15 exceeded/;
  const deep = await attack(`{ ${ITEM} ${'{ order '.repeat(1_600)} { id } ${'}'.repeat(1_600)} }`);
  expectRefused(deep, 400, 'GRAPHQL_VALIDATION_FAILED', depth);
  const deeper = await attack(`{ ${ITEM} ${'{ order '.repeat(2_000)} { id } ${'}'.repeat(2_000)} }`);
  expectRefused(deeper, 400, 'GRAPHQL_PARSE_FAILED', TOKENS);
});

/** 13 levels, the last of which is an item's, and what is asked of that item. */
const level13 = (inside: string): string => `{ ${ITEM} { ${DOWN} ${DOWN} ${DOWN} ${inside} ${UP} ${UP} ${UP} } }`;

test('depth just over the limit; the limit is served', async () => {
  expect((await ask(level13('order { id }'))).errors).toEqual([]);
  const answer = await attack(level13('order { items { __typename } }'));
  expectRefused(answer, 400, 'GRAPHQL_VALIDATION_FAILED', /^Query depth limit of 15 exceeded, found 16\.$/);
});

test.each([
  ['named', level13('...A'), 'fragment A on OrderItem { order { items { __typename } } }'],
  ['inline', level13('... on OrderItem { ... { order { ... on Order { items { __typename } } } } }'), ''],
  [
    'in others',
    level13('...A'),
    'fragment A on OrderItem { order { ...B } } fragment B on Order { items { __typename } }',
  ],
])('depth hidden inside a fragment: %s', async (_, operation, fragments) => {
  const answer = await attack(`${operation} ${fragments}`);
  expectRefused(answer, 400, 'GRAPHQL_VALIDATION_FAILED', /^Query depth limit of 15 exceeded, found 16\.$/);
});

test.each([
  ['the shallow one first', `...A ${DOWN} ${DOWN} ${DOWN} ...A ${UP} ${UP} ${UP}`],
  ['the deep one first', `${DOWN} ${DOWN} ${DOWN} ...A ${UP} ${UP} ${UP} ...A`],
])('counts a fragment at its deepest spread: %s', async (_, inside) => {
  const fragment = 'fragment A on OrderItem { order { items { __typename } } }';
  const answer = await attack(`{ ${ITEM} { ${inside} } } ${fragment}`);
  expectRefused(answer, 400, 'GRAPHQL_VALIDATION_FAILED', /^Query depth limit of 15 exceeded, found 16\.$/);
});

test.each([
  [
    'lists within lists',
    '{ orderItems(first: 100) { edges { node { order { items(first: 100) { edges { node { order { items(first: 100) { edges { node { id } } } } } } } } } } } }',
    {},
  ],
  [
    'entities with a list each',
    'query($r: [_Any!]!) { _entities(representations: $r) { ... on Order { items(first: 100) { edges { node { id } } } } } }',
    { r: Array.from({ length: 1_000 }, () => ({ __typename: 'Order', id: 'order-1' })) },
  ],
  [
    'a list whose size only the variables tell',
    'query($n: Int) { orderItems(first: $n) { edges { node { order { items(first: $n) { edges { node { order { items(first: $n) { edges { cursor } } } } } } } } } } }',
    { n: 100 },
  ],
])('cost: %s', async (_, query, variables) => {
  const message = /^Cost limit of 250000 exceeded, the operation can cost \d+\.$/;
  expectRefused(await attack(query, variables), 400, 'GRAPHQL_VALIDATION_FAILED', message);
});

test('deep introspection', async () => {
  const answer = await attack(`{ __schema { types ${'{ fields { type '.repeat(8)} { name } ${'} }'.repeat(8)} } }`);
  expectRefused(answer, 400, 'GRAPHQL_VALIDATION_FAILED', /^Maximum introspection depth exceeded$/);
  const named = `{ __type(name: "OrderItem") ${'{ fields { type '.repeat(8)} { name } ${'} }'.repeat(8)} }`;
  expectRefused(await attack(named), 400, 'GRAPHQL_VALIDATION_FAILED', /^Maximum introspection depth exceeded$/);
});

test('wide introspection', async () => {
  const inner = times(30, 'b#: fields { type { ofType { description enumValues { name description } } } }');
  const outer = Array.from({ length: 6 }, (_, place) => `a${place}: fields { type { ofType { ${inner} } } }`);
  const answer = await attack(`{ __schema { types { ${outer.join(' ')} } } }`);
  expectRefused(answer, 400, 'GRAPHQL_VALIDATION_FAILED', /^Cost limit of 250000 exceeded/);
});

test.each([
  ['lists', `{ orderItem(id: ${'['.repeat(2_400)}${']'.repeat(2_400)}) { id } }`, /^ID cannot represent/],
  [
    'objects',
    `{ orderItems(filter: ${'{a:'.repeat(1_200)}1${'}'.repeat(1_200)}) { __typename } }`,
    /^Field "a" is not defined/,
  ],
  ['200,000 lists', `{ orderItem(id: ${'['.repeat(200_000)}${']'.repeat(200_000)}) { id } }`, TOKENS],
  ['200,000 objects', `{ orderItems(filter: ${'{a:'.repeat(200_000)}1${'}'.repeat(200_000)}) { __typename } }`, TOKENS],
  ['200,000 list types', `query($a: ${'['.repeat(200_000)}ID${']'.repeat(200_000)}) { __typename }`, TOKENS],
  ['200,000 selections', '{a'.repeat(200_000), TOKENS],
])('a document nests %s', async (_, query, message) => {
  const answer = await attack(query);
  // How deep the parser can go depends on how often it has run before.
  const isTooDeep = answer.body.errors[0].message === 'The document is nested too deeply.';
  const code = isTooDeep || message === TOKENS ? 'GRAPHQL_PARSE_FAILED' : 'GRAPHQL_VALIDATION_FAILED';
  expectRefused(answer, 400, code, isTooDeep ? /./ : message);
});

test('an error repeats a long name at most once', async () => {
  const query = `query ${'x'.repeat(900_000)}(${times(100, '$v#: ID')}) { __typename }`;
  const answer = await attack(query);
  expect({ status: answer.status, code: answer.body.errors[0].extensions.code }).toEqual({
    status: 400,
    code: 'GRAPHQL_VALIDATION_FAILED',
  });
  expect(JSON.stringify(answer.body).length).toBeLessThan(2 * query.length);
});

test('serves a normal client during all attacks', async () => {
  expect(await client.stop()).toBeGreaterThan(40);
});

import { once } from 'node:events';
import { expectRefused, send, times } from '../support/attack.ts';
import { startBackgroundClient } from '../support/backgroundClient.ts';
import { openHostile, rawRequest } from '../support/hostileHttp.ts';
import { anOrderItem, findCancellations, findOrderItem } from '../support/orderItems.ts';
import { type GraphQLAnswer, type RestAnswer, startTestService } from '../support/testService.ts';

const roomy = await startTestService({ MAX_BODY_BYTES: '20000000' });
const batching = await startTestService({ MAX_BATCHED_OPERATIONS: '3' });
const service = await startTestService();
const { dataSource } = service;
const client = startBackgroundClient(service);

const CANCEL = `mutation($input: CancelOrderItemInput!) {
  cancelOrderItem(input: $input) {
    __typename
    ... on CancelOrderItemSuccess { cancellation { reason note } }
    ... on InvalidCancelRequest { field }
    ... on OrderItemNotFound { id }
  }
}`;
const CANCEL_ALL = 'mutation($input: CancelOrderItemsInput!) { cancelOrderItems(input: $input) { __typename } }';
const ENTITIES = `query($representations: [_Any!]!) {
  _entities(representations: $representations) { __typename ... on OrderItem { id } ... on Order { items { edges { cursor } } } }
}`;
const ITEM = 'query($id: ID!) { orderItem(id: $id) { id } }';
const LIST = `query($filter: OrderItemFilter, $first: Int, $after: String) {
  orderItems(filter: $filter, first: $first, after: $after) { edges { node { id } } }
}`;
const MUTATION = 'mutation { cancelOrderItem(input: { id: "ID", reason: "Late" }) { __typename } }';

function ask(query: string, variables: object): Promise<GraphQLAnswer> {
  return client.during(() => service.graphql(query, variables));
}

function post(body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}): Promise<RestAnswer> {
  return client.during(() => send(service, { body, headers }));
}

function expectBadInput({ status, errors }: GraphQLAnswer, message: RegExp): void {
  expect({ status, codes: errors.map(({ extensions }) => extensions['code']) }).toEqual({
    status: 200,
    codes: ['BAD_USER_INPUT'],
  });
  expect(errors[0]?.message).toMatch(message);
}

describe('a batch', () => {
  const operations = (count: number): string => `[${times(count, '{"query":"{ a#: __typename }"}', ',')}]`;

  test.each([[1], [2], [10_000]])('of %i operations is refused by default', async (count) => {
    expectRefused(await post(operations(count)), 400, 'BAD_REQUEST', /batching disabled/);
  });

  test('is served up to a configured limit and refused above it', async () => {
    const served = await client.during(() => send(batching, { body: operations(3) }));
    expect({ status: served.status, body: served.body }).toEqual({
      status: 200,
      body: [{ data: { a0: 'Query' } }, { data: { a1: 'Query' } }, { data: { a2: 'Query' } }],
    });
    const refused = await client.during(() => send(batching, { body: operations(4) }));
    expectRefused(refused, 400, 'BAD_REQUEST', /^A batch must hold at most 3 operations\.$/);
  });
});

describe('CSRF: a request that a page can send without a CORS preflight is refused', () => {
  const CSRF = /Cross-Site Request Forgery/;

  test.each([
    ['text/plain', 400, 'BAD_REQUEST', CSRF],
    ['text/plain; application/json', 400, 'BAD_REQUEST', CSRF],
    ['application/x-www-form-urlencoded', 415, 'UNSUPPORTED_MEDIA_TYPE', /must be JSON/],
    ['multipart/form-data; boundary=x', 415, 'UNSUPPORTED_MEDIA_TYPE', /must be JSON/],
    ['', 415, 'UNSUPPORTED_MEDIA_TYPE', /must be JSON/],
    ['application/json; charset=utf-16', 415, 'UNSUPPORTED_MEDIA_TYPE', /^The charset utf-16 is not supported/],
  ])('POST of %j', async (type, status, code, message) => {
    const id = await anOrderItem(dataSource);
    const body = new TextEncoder().encode(JSON.stringify({ query: MUTATION.replace('ID', id) }));
    expectRefused(await post(body, { 'content-type': type }), status, code, message);
    expect(await findOrderItem(dataSource, id)).toMatchObject({ status: 'pending' });
  });

  test('a mutation by GET', async () => {
    const id = await anOrderItem(dataSource);
    const search = `?query=${encodeURIComponent(MUTATION.replace('ID', id))}`;
    const answer = await client.during(() => send(service, { method: 'GET', search }));
    expectRefused(answer, 405, 'METHOD_NOT_ALLOWED', /only support query operations/);
    expect(await findOrderItem(dataSource, id)).toMatchObject({ status: 'pending' });
  });

  test('a query by GET without a header that forces a preflight; with the header it is served', async () => {
    const search = '?query={__typename}';
    const simple = { 'content-type': 'text/plain' };
    const refused = await client.during(() => send(service, { method: 'GET', search, headers: simple }));
    expectRefused(refused, 400, 'BAD_REQUEST', CSRF);
    const served = await client.during(() => send(service, { method: 'GET', search }));
    expect({ status: served.status, body: served.body }).toEqual({
      status: 200,
      body: { data: { __typename: 'Query' } },
    });
  });
});

describe('a body', () => {
  const bytes = (...parts: (string | number)[]): Uint8Array<ArrayBuffer> =>
    new Uint8Array(parts.flatMap((part) => (typeof part === 'string' ? [...Buffer.from(part)] : [part])));

  test.each([
    ['that is not UTF-8', bytes('{"query":"{ __typename }","x":"', 0xff, '"}'), /not UTF-8/],
    ['with an overlong NUL', bytes('{"query":"{ __typename }","x":"', 0xc0, 0x80, '"}'), /not UTF-8/],
    ['with a surrogate in UTF-8', bytes('{"query":"{ __typename }","x":"', 0xed, 0xa0, 0x80, '"}'), /not UTF-8/],
    ['with __proto__', '{"query":"{ __typename }","__proto__":{"a":1}}', /malformed/],
    ['with __proto__ in variables', '{"query":"{ __typename }","variables":{"__proto__":{"a":1}}}', /malformed/],
    ['with a prototype', '{"query":"{ __typename }","variables":{"constructor":{"prototype":{"a":1}}}}', /malformed/],
    ['that is cut off', '{"query":"{ __typename }"', /malformed/],
    ['of nothing', '', /malformed/],
    ['that is null', 'null', /POST body missing/],
    ['that is a text', '"{ __typename }"', /POST body missing/],
    ['with a number for a query', '{"query":1}', /must be strings/],
    ['with a list of variables', '{"query":"{ __typename }","variables":[]}', /must be an object/],
    ['with a text of variables', '{"query":"{ __typename }","variables":"{}"}', /should be provided as an object/],
    ['of 200,000 lists', `${'['.repeat(200_000)}${']'.repeat(200_000)}`, /batching disabled/],
    [
      'of extensions that nest',
      `{"query":"{ __typename }","extensions":${'['.repeat(200_000)}${']'.repeat(200_000)}}`,
      /must be an object/,
    ],
  ])('%s', async (_, body, message) => {
    expectRefused(await post(body), 400, 'BAD_REQUEST', message);
    expect(Object.prototype).not.toHaveProperty('a');
  });

  test('with a duplicate key uses the last one', async () => {
    const answer = await post('{"query":"{ nonsense }","query":"{ __typename }"}');
    expect({ status: answer.status, body: answer.body }).toEqual({
      status: 200,
      body: { data: { __typename: 'Query' } },
    });
  });

  test('of 10 MB', async () => {
    const query = JSON.stringify({ query: '{ __typename }', x: 'x'.repeat(10_000_000) });
    expectRefused(await post(query), 413, 'PAYLOAD_TOO_LARGE', /too large/);
  });

  test.each([
    ['as representations', ENTITIES, 'representations', /'__typename'/],
    ['as an id', ITEM, 'id', /ID cannot represent/],
    ['as a filter', LIST, 'filter', /Expected type "OrderItemFilter"/],
    ['as a number', LIST, 'first', /Int cannot represent/],
    ['as an input', CANCEL, 'input', /Expected type "CancelOrderItemInput"/],
  ])('with 200,000 lists within each other %s', async (_, query, name, message) => {
    const body = `{"query":${JSON.stringify(query)},"variables":{"${name}":${'['.repeat(200_000)}${']'.repeat(200_000)}}}`;
    expectRefused(await post(body), 200, 'BAD_USER_INPUT', message);
  });
});

describe('a list argument above its limit', () => {
  const representations = (count: number): object[] =>
    Array.from({ length: count }, () => ({ __typename: 'Order', id: 'x' }));

  test.each([
    ['10,000 representations', ENTITIES, { representations: representations(10_000) }, /at most 1000/],
    [
      'one unknown __typename among many',
      ENTITIES,
      { representations: [...representations(900), { __typename: 'X' }] },
      /'__typename'/,
    ],
    ['a __typename of every object', ENTITIES, { representations: [{ __typename: 'constructor' }] }, /'__typename'/],
    ['first of 2,147,483,647', LIST, { first: 2_147_483_647 }, /from 1 to 100/],
    ['first beyond an Int', LIST, { first: 1e300 }, /Int cannot represent/],
    ['101 ids', CANCEL_ALL, { input: { ids: Array(101).fill('x'), reason: 'x' } }, /1 to 100 ids/],
    ['20,000 ids', CANCEL_ALL, { input: { ids: Array(20_000).fill('x'), reason: 'x' } }, /1 to 100 ids/],
  ])('%s', async (_, query, variables, message) => {
    expectBadInput(await ask(query, variables), message);
  });
});

describe('null for a variable with a default is bad input, not an internal error', () => {
  test.each([
    ['an id', 'query($x: ID = "1") { orderItem(id: $x) { id } }'],
    [
      'an input',
      'mutation($x: CancelOrderItemInput = { id: "1", reason: "x" }) { cancelOrderItem(input: $x) { __typename } }',
    ],
    ['a representation', 'query($x: _Any = 1) { _entities(representations: [$x]) { __typename } }'],
    ['a directive at the root', 'query($x: Boolean = true) { __typename @include(if: $x) }'],
    ['a directive further down', 'query($x: Boolean = true) { orderItems { edges { cursor @include(if: $x) } } }'],
  ])('%s', async (_, query) => {
    expectBadInput(await ask(query, { x: null }), /null|has invalid value \[\$x\]/);
  });
});

describe('10 MB in one string, with a body limit above it', () => {
  const long = 'x'.repeat(10_000_000);
  const id = '0198c0de-7a1b-7c3d-9e4f-5a6b7c8d9e0f';
  const invalid = (field: string): object => ({ cancelOrderItem: { __typename: 'InvalidCancelRequest', field } });

  test.each([
    ['the id of a read', ITEM, { id: long }, { orderItem: null }],
    ['the id of a cancel', CANCEL, { input: { id: long, reason: 'x' } }, invalid('id')],
    ['a reason', CANCEL, { input: { id, reason: long } }, invalid('reason')],
    ['a reason of spaces', CANCEL, { input: { id, reason: ' '.repeat(10_000_000) } }, invalid('reason')],
    ['a note', CANCEL, { input: { id, reason: 'x', note: long } }, invalid('note')],
    ['a key', CANCEL, { input: { id, reason: 'x', idempotencyKey: long } }, invalid('idempotencyKey')],
    [
      'the id of an order',
      ENTITIES,
      { representations: [{ __typename: 'Order', id: long }] },
      { _entities: [{ __typename: 'Order', items: { edges: [] } }] },
    ],
    [
      'the id of an entity',
      ENTITIES,
      { representations: [{ __typename: 'OrderItem', id: long }] },
      { _entities: [null] },
    ],
  ])('%s', async (_, query, variables, data) => {
    const answer = await client.during(() => roomy.graphql(query, variables));
    expect({ status: answer.status, errors: answer.errors, data: answer.data }).toEqual({
      status: 200,
      errors: [],
      data,
    });
  });

  test.each([
    ['a cursor', LIST, { after: long }, /not a cursor/],
    ['an order id', LIST, { filter: { orderId: long } }, /at most 1000 characters/],
    ['a status', LIST, { filter: { statuses: [long] } }, /OrderItemStatus/],
    ['a number', LIST, { first: long }, /got invalid value/],
    ['a __typename', ENTITIES, { representations: [{ __typename: long }] }, /'__typename'/],
  ])('%s, and the answer does not repeat it', async (_, query, variables, message) => {
    const answer = await client.during(() => roomy.graphql(query, variables));
    expect(answer.errors[0]?.message.length).toBeLessThan(10_000);
    expectBadInput(answer, message);
  });
});

test('a refused cancel stores nothing that was sent', async () => {
  const id = await anOrderItem(dataSource);
  await ask(CANCEL, { input: { id, reason: 'x'.repeat(501) } });
  expect(await findCancellations(dataSource, [id])).toEqual([]);
});

test('serves a normal client during all attacks', async () => {
  expect(await client.stop()).toBeGreaterThan(40);
});

describe('long new documents', () => {
  const FLOOD = 20;
  const selection = 'quantity '.repeat(80);
  /** About 4,000 tokens. Each call has other names. */
  const longDocument = (number: number): string =>
    JSON.stringify({ query: `{ ${times(40, `a${number}_#: orderItem(id: "x") { id ${selection} }`)} }` });
  const post = (token: string, body: string): Buffer =>
    rawRequest('POST /graphql', [`Authorization: Bearer ${token}`, 'Content-Type: application/json'], body);

  test.each([
    ['new ones', longDocument],
    ['one that is invalid, again and again', () => longDocument(0).replace('quantity', 'quantities')],
  ])('that arrive together let other requests pass between them: %s', async (_case, build) => {
    const token = await service.token();
    const connections = await Promise.all(Array.from({ length: FLOOD + 1 }, () => openHostile(service.url)));
    // The service accepts one connection in each turn of its event loop.
    await Promise.all(
      connections.map(({ socket }) => {
        socket.write(rawRequest('GET /health/live', []));
        return once(socket, 'data');
      }),
    );
    const order: string[] = [];
    const answered = connections.map(
      ({ socket }, number) =>
        new Promise<void>((resolve) => {
          socket.once('data', () => {
            order.push(number === FLOOD ? 'short' : 'long');
            resolve();
          });
        }),
    );
    // The short request is the last to arrive.
    for (const [number, { socket }] of connections.entries()) {
      socket.write(post(token, number === FLOOD ? JSON.stringify({ query: '{ __typename }' }) : build(number)));
    }
    await Promise.all(answered);
    for (const { socket } of connections) socket.destroy();
    expect(order.indexOf('short')).toBeLessThan(FLOOD / 2);
  });
});

import { lockItem } from '../support/lockedItem.ts';
import { expectNothingWritten } from '../support/nothingWritten.ts';
import { anOrderItem, findOrderItem } from '../support/orderItems.ts';
import { readRestAnswer, type GraphQLAnswer, type RestAnswer, startTestService } from '../support/testService.ts';

const service = await startTestService({ LOCK_TIMEOUT_MS: '100' });
const { dataSource } = service;
const closed = await startTestService({ INTROSPECTION: 'false' });
const ROUTER_SECRET = 'a secret that the router knows';
const guarded = await startTestService({ ROUTER_SECRET });

const readOnly = await service.token({ scope: 'order-items:read' });
const cancelOnly = await service.token({ scope: 'order-items:cancel' });

const CANCEL = `mutation($input: CancelOrderItemInput!) { cancelOrderItem(input: $input) { __typename } }`;
const CANCEL_ALL = `mutation($input: CancelOrderItemsInput!) { cancelOrderItems(input: $input) { __typename } }`;
const ENTITIES = `query($representations: [_Any!]!) { _entities(representations: $representations) { __typename } }`;
const LIST = `query($filter: OrderItemFilter, $first: Int, $after: String) {
  orderItems(filter: $filter, first: $first, after: $after) { edges { node { id } } }
}`;
const ID = '0198c0de-7a1b-7c3d-9e4f-5a6b7c8d9e0f';

const CANCEL_ID = `mutation { cancelOrderItem(input: { id: "${ID}", reason: "Late" }) { __typename } }`;

/** Expects exactly one error, with this code, this path and the id of the request. */
function expectOnlyError({ headers, errors }: GraphQLAnswer, code: string, path?: (string | number)[]): void {
  expect(errors).toHaveLength(1);
  expect(errors[0]?.extensions).toEqual({ code, requestId: headers.get('x-request-id') });
  expect(errors[0]?.path).toEqual(path);
}

describe('UNAUTHENTICATED with HTTP 401', () => {
  test.each([
    ['without a token', null, 'Bearer realm="order-items"'],
    ['with another scheme', 'Basic eDp5', 'Bearer realm="order-items", error="invalid_token"'],
    ['with a malformed token', 'Bearer nonsense', 'Bearer realm="order-items", error="invalid_token"'],
  ])('refuses any document %s and sends a challenge', async (_, authorization, challenge) => {
    for (const query of ['{ __typename }', `{ orderItem(id: "${ID}") { id } }`, '{ _service { sdl } }', 'nonsense']) {
      const answer = await readRestAnswer(
        fetch(`${service.url}/graphql`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...(authorization === null ? {} : { authorization }) },
          body: JSON.stringify({ query }),
        }),
      );
      const requestId = answer.headers.get('x-request-id');
      expect(answer.status).toBe(401);
      expect(answer.headers.get('www-authenticate')).toContain(challenge);
      expect(answer.body).toEqual({
        errors: [{ message: expect.any(String), extensions: { code: 'UNAUTHENTICATED', requestId } }],
      });
    }
  });

  test('refuses an expired token', async () => {
    const answer = await service.graphql('{ __typename }', {}, await service.token({ expiresInSeconds: -60 }));
    expect(answer.status).toBe(401);
    expectOnlyError(answer, 'UNAUTHENTICATED');
  });

  test('refuses GraphQL without the secret of the router, which REST does not need', async () => {
    const headers = { authorization: `Bearer ${await guarded.token()}`, 'content-type': 'application/json' };
    const ask = (secret: object): Promise<RestAnswer> =>
      readRestAnswer(
        fetch(`${guarded.url}/graphql`, {
          method: 'POST',
          headers: { ...headers, ...secret },
          body: '{"query":"{ __typename }"}',
        }),
      );
    for (const secret of [{}, { 'router-authorization': '' }, { 'router-authorization': `${ROUTER_SECRET}x` }]) {
      const answer = await ask(secret);
      expect({ status: answer.status, code: answer.body.errors[0].extensions.code }).toEqual({
        status: 401,
        code: 'UNAUTHENTICATED',
      });
    }
    expect((await ask({ 'router-authorization': ROUTER_SECRET })).body).toEqual({ data: { __typename: 'Query' } });
    expect((await guarded.cancelByRest(await anOrderItem(guarded.dataSource))).status).toBe(200);
  });
});

describe('FORBIDDEN with HTTP 200, as an error of the field', () => {
  test('refuses a query without the read scope, and other fields keep their data', async () => {
    const answer = await service.graphql(`{ __typename orderItem(id: "${ID}") { id } }`, {}, cancelOnly);
    expect({ status: answer.status, data: answer.data }).toEqual({
      status: 200,
      data: { __typename: 'Query', orderItem: null },
    });
    expectOnlyError(answer, 'FORBIDDEN', ['orderItem']);
  });

  test('refuses a list without the read scope', async () => {
    const answer = await service.graphql(LIST, {}, cancelOnly);
    expect({ status: answer.status, data: answer.data }).toEqual({ status: 200, data: { orderItems: null } });
    expectOnlyError(answer, 'FORBIDDEN', ['orderItems']);
  });

  test('refuses an item entity without the read scope and still resolves an order', async () => {
    const id = await anOrderItem(dataSource);
    const representations = [
      { __typename: 'Order', id: 'order-1' },
      { __typename: 'OrderItem', id },
    ];
    const answer = await service.graphql(ENTITIES, { representations }, cancelOnly);
    expect({ status: answer.status, data: answer.data }).toEqual({
      status: 200,
      data: { _entities: [{ __typename: 'Order' }, null] },
    });
    expectOnlyError(answer, 'FORBIDDEN', ['_entities', 1]);
  });

  test('reveals nothing about an item entity without the read scope', async () => {
    const id = await anOrderItem(dataSource);
    const answer = await service.graphql(ENTITIES, { representations: [{ __typename: 'OrderItem', id }] }, cancelOnly);
    expect(answer.status).toBe(200);
    expect(answer.data?._entities?.[0] ?? null).toBeNull();
    expect(answer.errors.map(({ extensions }) => extensions['code'])).toEqual(['FORBIDDEN']);
  });

  test.each([
    ['a cancel', 'cancelOrderItem', CANCEL, (id: string) => ({ id, reason: 'Late' })],
    ['a bulk cancel', 'cancelOrderItems', CANCEL_ALL, (id: string) => ({ ids: [id], reason: 'Late' })],
    ['an invalid cancel', 'cancelOrderItem', CANCEL, () => ({ id: 'nonsense', reason: '' })],
    ['an invalid bulk cancel', 'cancelOrderItems', CANCEL_ALL, () => ({ ids: [], reason: '' })],
  ])('refuses %s without the cancel scope and writes nothing', async (_, field, document, input) => {
    const id = await anOrderItem(dataSource);
    const answer = await expectNothingWritten(dataSource, () =>
      service.graphql(document, { input: input(id) }, readOnly),
    );
    expect({ status: answer.status, data: answer.data }).toEqual({ status: 200, data: null });
    expectOnlyError(answer, 'FORBIDDEN', [field]);
  });

  test('returns the cancelled item without the read scope, but not the other items of its order', async () => {
    const id = await anOrderItem(dataSource);
    const document = `mutation($input: CancelOrderItemInput!) {
      cancelOrderItem(input: $input) {
        ... on CancelOrderItemSuccess { orderItem { id status order { id items { edges { node { id } } } } } }
      }
    }`;
    const answer = await service.graphql(document, { input: { id, reason: 'Late' } }, cancelOnly);
    expect(answer.status).toBe(200);
    expect(answer.data.cancelOrderItem.orderItem).toEqual({
      id,
      status: 'CANCELLED',
      order: { id: 'order-1', items: null },
    });
    expectOnlyError(answer, 'FORBIDDEN', ['cancelOrderItem', 'orderItem', 'order', 'items']);
  });

  test('refuses _service and introspection when introspection is off', async () => {
    const answer = await closed.graphql('{ __typename _service { sdl } }');
    expect(answer.status).toBe(200);
    expect(JSON.stringify(answer.data)).not.toContain('OrderItem');
    expectOnlyError(answer, 'FORBIDDEN', ['_service']);

    for (const query of ['{ __schema { types { name } } }', '{ __type(name: "OrderItem") { name } }']) {
      const introspected = await closed.graphql(query);
      expect(introspected.data?.__schema ?? introspected.data?.__type ?? null).toBeNull();
      expect(introspected.errors[0]?.extensions['requestId']).toBe(introspected.headers.get('x-request-id'));
    }
    const guessed = await closed.graphql('{ orderItm(id: "1") { id } }');
    expect(guessed.errors[0]?.message).not.toContain('orderItem');
  });
});

describe('BAD_USER_INPUT with HTTP 200', () => {
  const cursor = (text: string): string => Buffer.from(text).toString('base64url');
  const representations = (count: number): object[] =>
    Array.from({ length: count }, () => ({ __typename: 'OrderItem', id: ID }));

  test.each([
    ['first 0', LIST, { first: 0 }],
    ['first 101', LIST, { first: 101 }],
    ['first -1', LIST, { first: -1 }],
    ['first of the wrong type', LIST, { first: 'ten' }],
    ['first too large for an Int', LIST, { first: 2 ** 31 }],
    ['an empty cursor', LIST, { after: '' }],
    ['a cursor that cannot be decoded', LIST, { after: 'nonsense' }],
    ['a cursor with an impossible time', LIST, { after: cursor(`2025-13-01T00:00:00.000000Z ${ID}`) }],
    ['a cursor without an id', LIST, { after: cursor('2025-01-01T00:00:00.000000Z nonsense') }],
    ['a cursor with trailing text', LIST, { after: cursor(`2025-01-01T00:00:00.000000Z ${ID} x`) }],
    ['an unknown status', LIST, { filter: { statuses: ['DELETED'] } }],
    ['an order id with NUL', LIST, { filter: { orderId: '\0' } }],
    ['an unknown filter field', LIST, { filter: { color: 'red' } }],
    ['an id of the wrong type', 'query($id: ID!) { orderItem(id: $id) { id } }', { id: {} }],
    ['no id', 'query($id: ID!) { orderItem(id: $id) { id } }', {}],
    ['a cancel without a reason', CANCEL, { input: { id: ID } }],
    ['a cancel with a reason of the wrong type', CANCEL, { input: { id: ID, reason: 1 } }],
    ['a bulk cancel of 0 ids', CANCEL_ALL, { input: { ids: [], reason: 'Late' } }],
    ['a bulk cancel of 101 ids', CANCEL_ALL, { input: { ids: Array.from({ length: 101 }, () => ID), reason: 'Late' } }],
    ['a bulk cancel of a null id', CANCEL_ALL, { input: { ids: [null], reason: 'Late' } }],
    ['1,001 representations', ENTITIES, { representations: representations(1_001) }],
    ['an unknown __typename', ENTITIES, { representations: [...representations(1), { __typename: 'Basket', id: ID }] }],
    ['a __typename that is not resolved here', ENTITIES, { representations: [{ __typename: 'Product', id: ID }] }],
    ['no __typename', ENTITIES, { representations: [{ id: ID }] }],
    ['a representation that is a string', ENTITIES, { representations: ['OrderItem'] }],
  ])('refuses %s and writes nothing', async (_, document, variables) => {
    const answer = await expectNothingWritten(dataSource, () => service.graphql(document, variables));
    expect({ status: answer.status, errors: answer.errors.map(({ extensions }) => extensions) }).toEqual({
      status: 200,
      errors: [{ code: 'BAD_USER_INPUT', requestId: answer.headers.get('x-request-id') }],
    });
    expect(Object.values(answer.data ?? {}).filter((value) => value !== null)).toEqual([]);
  });

  test.each([
    ['first 1', { first: 1 }],
    ['first 100', { first: 100 }],
    ['first null, which means the default,', { first: null }],
  ])('accepts %s', async (_, variables) => {
    expect((await service.graphql(LIST, variables)).errors).toEqual([]);
  });
});

describe('SERVICE_UNAVAILABLE with HTTP 503 and Retry-After', () => {
  test.each([
    ['a cancel', CANCEL, 'cancelOrderItem', (locked: string) => ({ id: locked, reason: 'Late' })],
    [
      'a bulk cancel',
      CANCEL_ALL,
      'cancelOrderItems',
      (locked: string, free: string) => ({ ids: [free, locked], reason: 'Late' }),
    ],
  ])('refuses %s with a locked item and cancels none of its items', async (_, document, field, input) => {
    const [locked, free] = [await anOrderItem(dataSource), await anOrderItem(dataSource)];
    const lock = await lockItem(service.databaseUrl, locked);
    const answer = await expectNothingWritten(dataSource, () =>
      service.graphql(document, { input: input(locked, free) }),
    );
    await lock.release();
    expect({ status: answer.status, data: answer.data }).toEqual({ status: 503, data: null });
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expectOnlyError(answer, 'SERVICE_UNAVAILABLE', [field]);
    expect((await service.graphql(document, { input: input(locked, free) })).errors).toEqual([]);
  });
});

describe('an unexpected fault', () => {
  test.each([
    [
      'in a query',
      '{ __typename orderItems { edges { node { id } } } }',
      'orderItems',
      { __typename: 'Query', orderItems: null },
    ],
    ['in a cancel', CANCEL_ID, 'cancelOrderItem', null],
  ])('%s is masked and carries the id of its request', async (_, query, field, data) => {
    await dataSource.query('ALTER TABLE order_item RENAME COLUMN order_id TO secret');
    const answer = await service.graphql(query);
    await dataSource.query('ALTER TABLE order_item RENAME COLUMN secret TO order_id');
    expectOnlyError(answer, 'INTERNAL_SERVER_ERROR', [field]);
    expect(answer.data).toEqual(data);
    expect(answer.errors[0]?.message).toBe("Couldn't process request due to an internal error.");
    expect(JSON.stringify(answer.errors)).not.toMatch(/secret|order_id|does not exist|node_modules|\.ts/);
    expect((await service.graphql(query)).errors).toEqual([]);
  });

  test('in the write leaves the item unchanged', async () => {
    const id = await anOrderItem(dataSource);
    await dataSource.query('ALTER TABLE order_item_event RENAME TO secret');
    const answer = await service.graphql(CANCEL, { input: { id, reason: 'Late' } });
    await dataSource.query('ALTER TABLE secret RENAME TO order_item_event');
    expectOnlyError(answer, 'INTERNAL_SERVER_ERROR', ['cancelOrderItem']);
    expect(await findOrderItem(dataSource, id)).toMatchObject({ status: 'pending', version: 1 });
  });
});

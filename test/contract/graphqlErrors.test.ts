import { lockItem } from '../support/lockedItem.ts';
import { expectNothingWritten } from '../support/nothingWritten.ts';
import { anOrderItem, findOrderItem } from '../support/orderItems.ts';
import { answerOf, type GraphQLAnswer, type RestAnswer, startTestService } from '../support/testService.ts';

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

/** The one error of an answer: its code, where it belongs, and the id of the request. */
function expectOnlyError({ headers, errors }: GraphQLAnswer, code: string, path?: (string | number)[]): void {
  expect(errors).toHaveLength(1);
  expect(errors[0]?.extensions).toEqual({ code, requestId: headers.get('x-request-id') });
  expect(errors[0]?.path).toEqual(path);
}

describe('UNAUTHENTICATED, HTTP 401', () => {
  test.each([
    ['no token', null, 'Bearer realm="order-items"'],
    ['another scheme', 'Basic eDp5', 'Bearer realm="order-items", error="invalid_token"'],
    ['a malformed token', 'Bearer nonsense', 'Bearer realm="order-items", error="invalid_token"'],
  ])('%s', async (_, authorization, challenge) => {
    for (const query of ['{ __typename }', `{ orderItem(id: "${ID}") { id } }`, '{ _service { sdl } }', 'nonsense']) {
      const answer = await answerOf(
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

  test('an expired token', async () => {
    const answer = await service.graphql('{ __typename }', {}, await service.token({ expiresInSeconds: -60 }));
    expect(answer.status).toBe(401);
    expectOnlyError(answer, 'UNAUTHENTICATED');
  });

  test('/graphql without the router secret; the REST path needs none', async () => {
    const headers = { authorization: `Bearer ${await guarded.token()}`, 'content-type': 'application/json' };
    const ask = (secret: object): Promise<RestAnswer> =>
      answerOf(
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

describe('FORBIDDEN, HTTP 200, on the field', () => {
  test('a query without the scope to read; other fields keep their data', async () => {
    const answer = await service.graphql(`{ __typename orderItem(id: "${ID}") { id } }`, {}, cancelOnly);
    expect({ status: answer.status, data: answer.data }).toEqual({
      status: 200,
      data: { __typename: 'Query', orderItem: null },
    });
    expectOnlyError(answer, 'FORBIDDEN', ['orderItem']);
  });

  test('a list without the scope to read', async () => {
    const answer = await service.graphql(LIST, {}, cancelOnly);
    expect({ status: answer.status, data: answer.data }).toEqual({ status: 200, data: { orderItems: null } });
    expectOnlyError(answer, 'FORBIDDEN', ['orderItems']);
  });

  test('entities without the scope to read: an order still resolves', async () => {
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

  test('entities without the scope to read: nothing of an item is revealed', async () => {
    const id = await anOrderItem(dataSource);
    const answer = await service.graphql(ENTITIES, { representations: [{ __typename: 'OrderItem', id }] }, cancelOnly);
    expect(answer.status).toBe(200);
    expect(answer.data?._entities?.[0] ?? null).toBeNull();
    expect(answer.errors.map(({ extensions }) => extensions['code'])).toEqual(['FORBIDDEN']);
  });

  test.each([
    ['a cancel', 'cancelOrderItem', CANCEL, (id: string) => ({ id, reason: 'Late' })],
    ['a bulk', 'cancelOrderItems', CANCEL_ALL, (id: string) => ({ ids: [id], reason: 'Late' })],
    ['a cancel that is invalid, too,', 'cancelOrderItem', CANCEL, () => ({ id: 'nonsense', reason: '' })],
    ['a bulk that is invalid, too,', 'cancelOrderItems', CANCEL_ALL, () => ({ ids: [], reason: '' })],
  ])('%s without the scope to cancel', async (_, field, document, input) => {
    const id = await anOrderItem(dataSource);
    const answer = await expectNothingWritten(dataSource, () =>
      service.graphql(document, { input: input(id) }, readOnly),
    );
    expect({ status: answer.status, data: answer.data }).toEqual({ status: 200, data: null });
    expectOnlyError(answer, 'FORBIDDEN', [field]);
  });

  test('the other items of an order under a cancel need the scope to read; the item itself does not', async () => {
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

  test('_service and introspection with introspection off', async () => {
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

describe('BAD_USER_INPUT, HTTP 200', () => {
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
    ['a cursor that is none', LIST, { after: 'nonsense' }],
    ['a cursor of no time', LIST, { after: cursor(`2025-13-01T00:00:00.000000Z ${ID}`) }],
    ['a cursor of no id', LIST, { after: cursor('2025-01-01T00:00:00.000000Z nonsense') }],
    ['a cursor with more behind it', LIST, { after: cursor(`2025-01-01T00:00:00.000000Z ${ID} x`) }],
    ['an unknown status', LIST, { filter: { statuses: ['DELETED'] } }],
    ['an order id with NUL', LIST, { filter: { orderId: '\0' } }],
    ['an unknown condition', LIST, { filter: { color: 'red' } }],
    ['an id of the wrong type', 'query($id: ID!) { orderItem(id: $id) { id } }', { id: {} }],
    ['no id', 'query($id: ID!) { orderItem(id: $id) { id } }', {}],
    ['a cancel without a reason', CANCEL, { input: { id: ID } }],
    ['a cancel with a reason of the wrong type', CANCEL, { input: { id: ID, reason: 1 } }],
    ['0 ids', CANCEL_ALL, { input: { ids: [], reason: 'Late' } }],
    ['101 ids', CANCEL_ALL, { input: { ids: Array.from({ length: 101 }, () => ID), reason: 'Late' } }],
    ['an id that is null', CANCEL_ALL, { input: { ids: [null], reason: 'Late' } }],
    ['1,001 representations', ENTITIES, { representations: representations(1_001) }],
    ['an unknown __typename', ENTITIES, { representations: [...representations(1), { __typename: 'Basket', id: ID }] }],
    ['a __typename that is not resolved here', ENTITIES, { representations: [{ __typename: 'Product', id: ID }] }],
    ['no __typename', ENTITIES, { representations: [{ id: ID }] }],
    ['a representation that is a text', ENTITIES, { representations: ['OrderItem'] }],
  ])('%s', async (_, document, variables) => {
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
    ['first left to the default', { first: null }],
  ])('%s is valid input', async (_, variables) => {
    expect((await service.graphql(LIST, variables)).errors).toEqual([]);
  });
});

describe('SERVICE_UNAVAILABLE, HTTP 503 with Retry-After', () => {
  test.each([
    ['a cancel of it', CANCEL, 'cancelOrderItem', (locked: string) => ({ id: locked, reason: 'Late' })],
    [
      'a bulk with it, none of whose items is cancelled',
      CANCEL_ALL,
      'cancelOrderItems',
      (locked: string, free: string) => ({ ids: [free, locked], reason: 'Late' }),
    ],
  ])('an item that stays locked: %s', async (_, document, field, input) => {
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
      'of a query',
      '{ __typename orderItems { edges { node { id } } } }',
      'orderItems',
      { __typename: 'Query', orderItems: null },
    ],
    ['of a cancel', CANCEL_ID, 'cancelOrderItem', null],
  ])('%s is masked, and carries the request id', async (_, query, field, data) => {
    await dataSource.query('ALTER TABLE order_item RENAME COLUMN order_id TO secret');
    const answer = await service.graphql(query);
    await dataSource.query('ALTER TABLE order_item RENAME COLUMN secret TO order_id');
    expectOnlyError(answer, 'INTERNAL_SERVER_ERROR', [field]);
    expect(answer.data).toEqual(data);
    expect(answer.errors[0]?.message).toBe("Couldn't process request due to an internal error.");
    expect(JSON.stringify(answer.errors)).not.toMatch(/secret|order_id|does not exist|node_modules|\.ts/);
    expect((await service.graphql(query)).errors).toEqual([]);
  });

  test('during the write leaves the item unchanged', async () => {
    const id = await anOrderItem(dataSource);
    await dataSource.query('ALTER TABLE order_item_event RENAME TO secret');
    const answer = await service.graphql(CANCEL, { input: { id, reason: 'Late' } });
    await dataSource.query('ALTER TABLE secret RENAME TO order_item_event');
    expectOnlyError(answer, 'INTERNAL_SERVER_ERROR', ['cancelOrderItem']);
    expect(await findOrderItem(dataSource, id)).toMatchObject({ status: 'pending', version: 1 });
  });
});

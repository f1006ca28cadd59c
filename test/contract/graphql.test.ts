import { randomUUID } from 'node:crypto';
import { anOrderItem } from '../support/orderItems.ts';
import { type GraphQLAnswer, startTestService } from '../support/testService.ts';

const service = await startTestService();
const { dataSource } = service;

const ENTITIES = `query($representations: [_Any!]!) {
  _entities(representations: $representations) {
    ... on OrderItem { id status }
    ... on Order { id items { edges { node { id } } pageInfo { hasNextPage endCursor } } }
  }
}`;

const NOT_PRE_ORDERED = { code: 'NOT_PRE_ORDERED', message: "The Order item can't be canceled." };
const TERMINAL_STATUS = { code: 'TERMINAL_STATUS', message: 'Order item is no longer cancelable.' };

/** Expects an answer without errors and returns its data. */
function expectData({ status, errors, data }: GraphQLAnswer): GraphQLAnswer['data'] {
  expect({ status, errors }).toEqual({ status: 200, errors: [] });
  return data;
}

describe('an order item', () => {
  test('has every field of the contract', async () => {
    const item = {
      orderId: 'order-7',
      productId: 'product-7',
      externalId: 'external-7',
      status: 'in_fulfillment' as const,
      releaseDate: '2031-02-28',
      quantity: 3,
      priceAmount: '12345678901234.5678',
      priceCurrency: 'EUR',
      createdAt: new Date('2025-01-02T03:04:05.678Z'),
      updatedAt: new Date('2025-02-03T04:05:06.789Z'),
    };
    const id = await anOrderItem(dataSource, item);
    const { data, status, errors } = await service.graphql(`query { orderItem(id: "${id}") {
      id order { id } product { id } externalId status isPreOrder releaseDate quantity price { amount currency }
      cancelability { cancelable blockers { code message } } cancellation { reason } createdAt updatedAt
    } }`);
    expect({ status, errors }).toEqual({ status: 200, errors: [] });
    expect(data.orderItem).toEqual({
      id,
      order: { id: 'order-7' },
      product: { id: 'product-7' },
      externalId: 'external-7',
      status: 'IN_FULFILLMENT',
      isPreOrder: true,
      releaseDate: '2031-02-28',
      quantity: 3,
      price: { amount: '12345678901234.5678', currency: 'EUR' },
      cancelability: { cancelable: true, blockers: [] },
      cancellation: null,
      createdAt: '2025-01-02T03:04:05.678Z',
      updatedAt: '2025-02-03T04:05:06.789Z',
    });
  });

  test.each([
    [true, 'pending', []],
    [true, 'on_hold', []],
    [true, 'in_fulfillment', []],
    [true, 'complete', [TERMINAL_STATUS]],
    [true, 'cancelled', [TERMINAL_STATUS]],
    [true, 'returned', [TERMINAL_STATUS]],
    [false, 'pending', [NOT_PRE_ORDERED]],
    [false, 'returned', [NOT_PRE_ORDERED, TERMINAL_STATUS]],
  ] as const)('with isPreOrder %s and status %s shows its blockers', async (isPreOrder, status, blockers) => {
    const id = await anOrderItem(dataSource, { isPreOrder, status });
    const query = `{ orderItem(id: "${id}") { status cancelability { cancelable blockers { code message } } } }`;
    expect(expectData(await service.graphql(query)).orderItem).toEqual({
      status: status.toUpperCase(),
      cancelability: { cancelable: blockers.length === 0, blockers },
    });
  });

  test.each([
    ['unknown', randomUUID()],
    ['malformed', 'nonsense'],
    ['empty', ''],
    ['one with NUL', '\0'],
    ['one with a lone surrogate', '\ud800'],
    ['too long', 'a'.repeat(100_000)],
  ])('is null when the id is %s', async (_, id) => {
    const query = 'query($id: ID!) { orderItem(id: $id) { id } }';
    expect(expectData(await service.graphql(query, { id }))).toEqual({ orderItem: null });
  });

  test('is found by its id in upper case', async () => {
    const id = await anOrderItem(dataSource, { id: 'abcdef00-0000-4000-8000-0000000000aa' });
    expect(expectData(await service.graphql(`{ orderItem(id: "${id.toUpperCase()}") { id } }`)).orderItem).toEqual({
      id,
    });
  });
});

describe('_entities', () => {
  async function fetchEntities(representations: object[]): Promise<GraphQLAnswer['data']> {
    return expectData(await service.graphql(ENTITIES, { representations }))._entities;
  }

  test('answers in order, with null for an unknown or malformed id and data for the others', async () => {
    const [one, other] = [await anOrderItem(dataSource), await anOrderItem(dataSource, { status: 'complete' })];
    const ids = [one, randomUUID(), other, 'nonsense', '\0', null, undefined, 7, {}, ['x'], one.toUpperCase()];
    expect(await fetchEntities(ids.map((id) => ({ __typename: 'OrderItem', id })))).toEqual([
      { id: one, status: 'PENDING' },
      null,
      { id: other, status: 'COMPLETE' },
      ...ids.slice(3, -1).map(() => null),
      { id: one, status: 'PENDING' },
    ]);
  });

  test('accepts 1,000 representations', async () => {
    const id = await anOrderItem(dataSource);
    const answer = await fetchEntities(Array.from({ length: 1_000 }, () => ({ __typename: 'OrderItem', id })));
    expect(answer).toEqual(Array.from({ length: 1_000 }, () => ({ id, status: 'PENDING' })));
  });

  test('resolves every Order, with an empty list when it has no items', async () => {
    const orderId = `order-${randomUUID()}`;
    const id = await anOrderItem(dataSource, { orderId });
    const none = { edges: [], pageInfo: { hasNextPage: false, endCursor: null } };
    const unknown = ['nobody-knows', '', '\0', '\ud800', 'x'.repeat(10_000)];
    const answer = await fetchEntities([orderId, ...unknown].map((each) => ({ __typename: 'Order', id: each })));
    expect(answer[0]).toMatchObject({ id: orderId, items: { edges: [{ node: { id } }] } });
    expect(answer.slice(1)).toEqual(unknown.map((each) => ({ id: each, items: none })));
  });
});

import { times } from '../support/attack.ts';
import { insertOrderItems } from '../support/orderItems.ts';
import { type GraphQLAnswer, startTestService } from '../support/testService.ts';

// The queries that Apollo Router sends for a client's operation, such as `Shop__order_items__1`: large, aliased, and full
// of `__typename` and fragments. The limits on documents must let all of them through.
const service = await startTestService();
const { dataSource } = service;
const ids = await insertOrderItems(
  dataSource,
  Array.from({ length: 1_000 }, (_, place) => ({ orderId: `order-${place % 10}` })),
);
const items = ids.map((id) => ({ __typename: 'OrderItem', id }));
const orders = Array.from({ length: 10 }, (_, place) => ({ __typename: 'Order', id: `order-${place}` }));

/** Expects an answer without errors and returns its data. */
function expectData({ status, errors, data }: GraphQLAnswer): GraphQLAnswer['data'] {
  expect({ status, errors }).toEqual({ status: 200, errors: [] });
  return data;
}

async function fetchEntities(query: string, variables: object): Promise<Record<string, unknown>[]> {
  return expectData(await service.graphql(query, variables))._entities;
}

const WHOLE_ITEM = `__typename id order { __typename id } product { __typename id } externalId status isPreOrder releaseDate
  quantity price { __typename amount currency } cancelability { __typename cancelable blockers { __typename code message } }
  cancellation { __typename reason note cancelledAt cancelledBy channel requestId } createdAt updatedAt`;

test('resolves every field of 1,000 representations', async () => {
  const query = `query Shop__order_items__1($representations: [_Any!]!) {
    _entities(representations: $representations) { ... on OrderItem { ${WHOLE_ITEM} } }
  }`;
  const found = await fetchEntities(query, { representations: items });
  expect(found.map(({ id }) => id)).toEqual(ids);
  expect(found[999]).toMatchObject({
    __typename: 'OrderItem',
    order: { __typename: 'Order', id: 'order-9' },
    price: { __typename: 'Money', amount: '9.9900', currency: 'GBP' },
  });
});

test('resolves representations of both types in one operation', async () => {
  const query = `query Shop__order_items__2($representations: [_Any!]!) {
    _entities(representations: $representations) {
      ... on OrderItem { __typename status }
      ... on Order { __typename items(first: 3) { __typename edges { __typename node { __typename id status } } pageInfo { __typename hasNextPage endCursor } } }
    }
  }`;
  const found = await fetchEntities(query, { representations: [...items.slice(0, 50), ...orders] });
  expect(found[0]).toEqual({ __typename: 'OrderItem', status: 'PENDING' });
  expect(found[59]).toMatchObject({
    __typename: 'Order',
    items: { edges: { length: 3 }, pageInfo: { hasNextPage: true } },
  });
});

test('resolves a page of items for each of 100 orders', async () => {
  const query = `query Shop__order_items__1($representations: [_Any!]!, $first: Int, $filter: OrderItemFilter) {
    _entities(representations: $representations) {
      ... on Order { items(first: $first, filter: $filter) { edges { node { ${WHOLE_ITEM} } } } }
    }
  }`;
  const representations = Array.from({ length: 10 }, () => orders).flat();
  const found = await fetchEntities(query, { representations, first: 20, filter: { statuses: ['PENDING'] } });
  expect(found).toHaveLength(100);
  for (const order of found) expect(order).toMatchObject({ items: { edges: { length: 20 } } });
});

test('keeps the aliases of the client: 150 of an item, for 500 items', async () => {
  const query = `query Shop__order_items__1($representations: [_Any!]!) {
    _entities(representations: $representations) { ... on OrderItem { __typename ${times(150, 'client_#: status')} } }
  }`;
  const found = await fetchEntities(query, { representations: items.slice(0, 500) });
  expect(found).toHaveLength(500);
  expect(found[499]).toMatchObject({ client_0: 'PENDING', client_149: 'PENDING' });
});

test('resolves aliased lists with different arguments', async () => {
  const query = `query Shop__order_items__1($representations: [_Any!]!, $a: [OrderItemStatus!], $b: [OrderItemStatus!]) {
    _entities(representations: $representations) {
      ... on Order {
        open: items(first: 5, filter: { statuses: $a }) { edges { node { id } } }
        done: items(first: 5, filter: { statuses: $b }) { edges { node { id } } }
      }
    }
  }`;
  const found = await fetchEntities(query, { representations: orders, a: ['PENDING', 'ON_HOLD'], b: ['COMPLETE'] });
  for (const order of found) expect(order).toMatchObject({ open: { edges: { length: 5 } }, done: { edges: [] } });
});

test('resolves the nested fragments that a router generates', async () => {
  const query = `query Shop__order_items__1($representations: [_Any!]!) {
    _entities(representations: $representations) { ...a ... on Order { items(first: 10) { edges { node { ...a ...c } } } } }
  }
  fragment a on OrderItem { __typename id status price { ...b } cancelability { cancelable blockers { ...d } } }
  fragment b on Money { __typename amount currency }
  fragment c on OrderItem { ...a product { __typename id } }
  fragment d on CancellationBlocker { __typename code message }`;
  const found = await fetchEntities(query, { representations: [...items.slice(0, 100), ...orders] });
  expect(found[99]).toMatchObject({ id: ids[99], price: { __typename: 'Money', currency: 'GBP' } });
  expect(found[100]).toMatchObject({ items: { edges: { length: 10 } } });
});

test('resolves a fragment that is spread in 40 places', async () => {
  const places = times(40, 'orderItem_#: orderItem(id: $id) { ...a }');
  const query = `query Shop__order_items__0($id: ID!) { ${places} } fragment a on OrderItem { __typename id status }`;
  const data = expectData(await service.graphql(query, { id: ids[0] }));
  expect(Object.values(data)).toEqual(Array(40).fill({ __typename: 'OrderItem', id: ids[0], status: 'PENDING' }));
});

test('resolves several _entities fields in one operation', async () => {
  const query = `query Shop__order_items__3($a: [_Any!]!, $b: [_Any!]!, $c: [_Any!]!) {
    _0: _entities(representations: $a) { ... on OrderItem { __typename status } }
    _1: _entities(representations: $b) { ... on Order { items(first: 2) { edges { node { __typename id } } } } }
    _2: _entities(representations: $c) { __typename ... on OrderItem { quantity } }
  }`;
  const data = expectData(await service.graphql(query, { a: items, b: orders, c: items.slice(0, 300) }));
  expect([data._0.length, data._1.length, data._2.length]).toEqual([1_000, 10, 300]);
  expect(data._2[299]).toEqual({ __typename: 'OrderItem', quantity: 1 });
});

test.each([
  [true, false, { id: expect.any(String), status: 'PENDING' }],
  [false, false, { id: expect.any(String) }],
  [true, true, { id: expect.any(String), status: 'PENDING', quantity: 1 }],
])('obeys @include(if: %j) and @skip(if: !%j)', async (status, quantity, expected) => {
  const query = `query Shop__order_items__1($representations: [_Any!]!, $status: Boolean!, $noQuantity: Boolean!) {
    _entities(representations: $representations) {
      ... on OrderItem { id status @include(if: $status) }
      ... on OrderItem @skip(if: $noQuantity) { quantity }
    }
  }`;
  const found = await fetchEntities(query, { representations: items.slice(0, 20), status, noQuantity: !quantity });
  expect(found).toEqual(Array(20).fill(expected));
});

test('obeys 20 conditions of the client', async () => {
  const conditions = times(20, 'a#: status @include(if: $a) @skip(if: $b)');
  const query = `query Shop__order_items__1($representations: [_Any!]!, $a: Boolean!, $b: Boolean!) {
    _entities(representations: $representations) { ... on OrderItem { ${conditions} } }
  }`;
  const found = await fetchEntities(query, { representations: items.slice(0, 20), a: true, b: false });
  expect(Object.keys(found[19] ?? {})).toHaveLength(20);
});

test('ignores fields of a representation beyond its key', async () => {
  const query = `query Shop__order_items__1($representations: [_Any!]!) {
    _entities(representations: $representations) { ... on OrderItem { id } }
  }`;
  const representations = items.slice(0, 2).map((item) => ({ ...item, weight: { grams: 5 }, tags: ['a', null] }));
  expect(await fetchEntities(query, { representations })).toEqual([{ id: ids[0] }, { id: ids[1] }]);
});

test('resolves a full first page with every field of each item', async () => {
  const query = `query Shop__order_items__0($first: Int) {
    orderItems(first: $first) { __typename edges { __typename cursor node { ${WHOLE_ITEM} } } pageInfo { __typename hasNextPage hasPreviousPage startCursor endCursor } }
  }`;
  expect(expectData(await service.graphql(query, { first: 100 })).orderItems.edges).toHaveLength(100);
});

test('resolves every type of result of a bulk cancel', async () => {
  const query = `mutation Shop__order_items__0($input: CancelOrderItemsInput!) {
    cancelOrderItems(input: $input) {
      __typename
      ... on CancelOrderItemSuccess { orderItem { ${WHOLE_ITEM} } cancellation { __typename reason cancelledAt } }
      ... on CancelOrderItemRefusal { message }
      ... on OrderItemNotCancelable { blockers { __typename code } orderItem { __typename id } }
      ... on InvalidCancelRequest { field }
    }
  }`;
  const results = expectData(
    await service.graphql(query, { input: { ids: ids.slice(0, 100), reason: 'Late' } }),
  ).cancelOrderItems;
  expect(new Set(results.map((result: { __typename: string }) => result.__typename))).toEqual(
    new Set(['CancelOrderItemSuccess']),
  );
});

import { randomUUID } from 'node:crypto';
import { findBlockers, NOTHING_CLOSED } from '../../src/order-items/eligibility.ts';
import { ORDER_ITEM_STATUSES } from '../../src/order-items/orderItem.ts';
import { insertOrderItems } from '../support/orderItems.ts';
import { listStatementsDuring } from '../support/countStatements.ts';
import { startTestService } from '../support/testService.ts';

const service = await startTestService();
const { dataSource } = service;

const LIST = `query($filter: OrderItemFilter, $first: Int, $after: String) {
  orderItems(filter: $filter, first: $first, after: $after) {
    edges { cursor node { id cancelability { cancelable } } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}`;

interface Page {
  edges: { cursor: string; node: { id: string; cancelability: { cancelable: boolean } } }[];
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string | null; endCursor: string | null };
}

async function list(variables: object): Promise<Page> {
  const { data, errors } = await service.graphql(LIST, variables);
  expect(errors).toEqual([]);
  return data.orderItems as Page;
}

const toLink = ({ edges }: Page): string[] => edges.map(({ node }) => node.id);

describe('orderItems', () => {
  test('pages through all items newest first, each once, with one statement per page', async () => {
    // Three items share each instant, and instants are a microsecond apart: only id and microseconds tell them apart.
    const orderId = 'paged';
    const ids = await insertOrderItems(
      dataSource,
      Array.from({ length: 30 }, () => ({ orderId })),
    );
    for (const [position, id] of ids.entries()) {
      const instant = `2010-12-01T08:26:00.00000${Math.floor(position / 3)}Z`;
      await dataSource.query('UPDATE order_item SET created_at = $2 WHERE id = $1', [id, instant]);
    }
    const inOrder = await dataSource.query<{ id: string }[]>(
      'SELECT id FROM order_item WHERE order_id = $1 ORDER BY created_at DESC, id DESC',
      [orderId],
    );

    const seen: string[] = [];
    let after: string | null = null;
    for (let page = 1; page <= 5; page += 1) {
      let read: Page | undefined;
      const statements = await listStatementsDuring(dataSource, async () => {
        read = await list({ filter: { orderId }, first: 7, after });
      });
      expect(statements).toHaveLength(1);
      expect(statements[0]).not.toMatch(/OFFSET/i);
      if (read === undefined) throw new Error('There was no page.');
      seen.push(...toLink(read));
      expect(read.pageInfo).toEqual({
        hasNextPage: page < 5,
        hasPreviousPage: page > 1,
        startCursor: read.edges[0]?.cursor,
        endCursor: read.edges.at(-1)?.cursor,
      });
      after = read.pageInfo.endCursor;
    }
    expect(seen).toEqual(inOrder.map(({ id }) => id));
  });

  test('returns pageInfo for an empty page', async () => {
    expect(await list({ filter: { orderId: 'nobody' } })).toEqual({
      edges: [],
      pageInfo: { hasNextPage: false, hasPreviousPage: false, startCursor: null, endCursor: null },
    });
  });

  test('returns 20 items by default, also if first is null', async () => {
    await insertOrderItems(
      dataSource,
      Array.from({ length: 25 }, () => ({ orderId: 'many' })),
    );
    expect((await list({ filter: { orderId: 'many' } })).edges).toHaveLength(20);
    expect((await list({ filter: { orderId: 'many' }, first: null })).edges).toHaveLength(20);
    expect((await list({ filter: { orderId: 'many' }, first: 100 })).edges).toHaveLength(25);
  });

  test('accepts a cursor whose item was deleted', async () => {
    const orderId = 'shrinking';
    await insertOrderItems(
      dataSource,
      [1, 2, 3].map((day) => ({ orderId, createdAt: new Date(`2010-12-0${day}`) })),
    );
    const { edges } = await list({ filter: { orderId } });
    await dataSource.query('DELETE FROM order_item WHERE id = $1', [edges[1]?.node.id]);
    expect(toLink(await list({ filter: { orderId }, after: edges[1]?.cursor }))).toEqual([edges[2]?.node.id]);
  });

  test.each([
    ["'first' must be from 1 to 100.", { first: 0 }],
    ["'first' must be from 1 to 100.", { first: -1 }],
    ["'first' must be from 1 to 100.", { first: 101 }],
    ["'after' is not a cursor of this list.", { after: 'x' }],
    ["'after' is not a cursor of this list.", { after: '' }],
    [
      "'orderId' has a character that is not allowed (NUL or half of a surrogate pair).",
      { filter: { orderId: 'a\0' } },
    ],
  ])('says %s', async (message, variables) => {
    const { status, data, errors } = await service.graphql(LIST, variables);
    expect({ status, data, errors: errors.map((error) => [error.message, error.extensions['code']]) }).toEqual({
      status: 200,
      data: { orderItems: null },
      errors: [[message, 'BAD_USER_INPUT']],
    });
  });
});

describe('the filter', () => {
  const orderId = 'filtered';
  const items = ORDER_ITEM_STATUSES.flatMap((status) =>
    [true, false].map((isPreOrder) => ({ id: randomUUID(), orderId, status, isPreOrder })),
  );
  beforeAll(() => insertOrderItems(dataSource, items));

  const matching = async (filter: object): Promise<string[]> =>
    toLink(await list({ filter: { orderId, ...filter }, first: 100 })).sort();
  const expected = (keep: (item: (typeof items)[number]) => boolean): string[] =>
    items
      .filter(keep)
      .map(({ id }) => id)
      .sort();

  test.each([true, false])(
    'cancelable: %p agrees with the policy for every status and pre-order flag',
    async (cancelable) => {
      expect(await matching({ cancelable })).toEqual(
        expected(
          (item) =>
            (findBlockers(
              { createdAt: '', releaseDate: null, quantity: 1, cancelledQuantity: 0, ...item },
              NOTHING_CLOSED,
            ).length ===
              0) ===
            cancelable,
        ),
      );
    },
  );

  test('cancelable selects the same items as the field cancelability', async () => {
    const all = await list({ filter: { orderId }, first: 100 });
    const cancelable = await matching({ cancelable: true });
    expect(all.edges.map(({ node }) => node.cancelability.cancelable)).toEqual(
      toLink(all).map((id) => cancelable.includes(id)),
    );
  });

  test.each(ORDER_ITEM_STATUSES)('statuses: [%s] keeps those', async (status) => {
    expect(await matching({ statuses: [status.toUpperCase()] })).toEqual(expected((item) => item.status === status));
  });

  test('several statuses match any of them, an empty list matches nothing, null matches all', async () => {
    expect(await matching({ statuses: ['PENDING', 'RETURNED'] })).toEqual(
      expected(({ status }) => status === 'pending' || status === 'returned'),
    );
    expect(await matching({ statuses: [] })).toEqual([]);
    expect(await matching({ statuses: null, isPreOrder: null, cancelable: null })).toEqual(expected(() => true));
  });

  test.each([true, false])('isPreOrder: %p keeps those', async (isPreOrder) => {
    expect(await matching({ isPreOrder })).toEqual(expected((item) => item.isPreOrder === isPreOrder));
  });

  test('combines conditions', async () => {
    expect(await matching({ isPreOrder: true, cancelable: false, statuses: ['CANCELLED'] })).toEqual(
      expected(({ status, isPreOrder }) => isPreOrder && status === 'cancelled'),
    );
  });
});

describe('Order.items', () => {
  test('reads a page of each of 50 orders with one statement', async () => {
    const orders = Array.from({ length: 50 }, (_, i) => `order-${i}`);
    await insertOrderItems(
      dataSource,
      orders.flatMap((orderId, i) => Array.from({ length: i % 5 }, (_, j) => ({ orderId, quantity: j + 1 }))),
    );
    const statements = await listStatementsDuring(dataSource, async () => {
      const { data } = await service.graphql(
        `query($representations: [_Any!]!) { _entities(representations: $representations) {
           ... on Order { id items(first: 2) {
             edges { node { order { id } cancelability { cancelable } } } pageInfo { hasNextPage }
           } }
         } }`,
        { representations: orders.map((id) => ({ __typename: 'Order', id })) },
      );
      expect(data._entities).toEqual(
        orders.map((id, i) => ({
          id,
          items: {
            edges: Array.from({ length: Math.min(i % 5, 2) }, () => ({
              node: { order: { id }, cancelability: { cancelable: true } },
            })),
            pageInfo: { hasNextPage: i % 5 > 2 },
          },
        })),
      );
    });
    expect(statements).toHaveLength(1);
  });
});

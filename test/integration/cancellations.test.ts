import { anOrderItem, insertOrderItems } from '../support/orderItems.ts';
import { startTestService } from '../support/testService.ts';
import { waitFor } from '../support/waitFor.ts';

const service = await startTestService();
const { dataSource } = service;
const hasty = await startTestService({ REQUEST_TIMEOUT_MS: '1000' });

const LIST = `query($filter: CancellationFilter, $first: Int, $after: String) {
  cancellations(filter: $filter, first: $first, after: $after) {
    edges { cursor node { id quantity reasonCode cancelledAt orderItem { id order { id } } } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}`;

interface Page {
  edges: { cursor: string; node: { id: string; quantity: number; cancelledAt: string; orderItem: { id: string } } }[];
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string | null; endCursor: string | null };
}

async function list(variables: object = {}): Promise<Page> {
  const { data, errors } = await service.graphql(LIST, variables);
  expect(errors).toEqual([]);
  return data.cancellations as Page;
}

const orders = ['first', 'second'];
const items = new Map<string, string>();

beforeAll(async () => {
  for (const [position, name] of ['a', 'b', 'c', 'd', 'e'].entries()) {
    const id = await anOrderItem(dataSource, { orderId: orders[position % 2] ?? '', quantity: 4 });
    items.set(name, id);
    const token = await service.token({ subject: position === 3 ? 'support' : 'customer' });
    await service.cancelByRest(id, {
      token,
      body: { reason: 'Late', quantity: 1, ...(position === 1 ? { reason_code: 'fraud' } : {}) },
    });
  }
  await service.graphql('mutation($id: ID!) { cancelOrderItem(input: { id: $id, reason: "All" }) { __typename } }', {
    id: items.get('c'),
  });
});

/** The items of a page by name, newest cancellation first. */
function nameItems({ edges }: Page): (string | undefined)[] {
  const names = new Map([...items].map(([name, id]) => [id, name]));
  return edges.map(({ node }) => names.get(node.orderItem.id));
}

test('are listed newest first, in pages, in whole and in part', async () => {
  const all = await list();
  expect(nameItems(all)).toEqual(['c', 'e', 'd', 'c', 'b', 'a']);
  expect(all.edges.map(({ node }) => node.quantity)).toEqual([3, 1, 1, 1, 1, 1]);
  expect(all.pageInfo).toEqual({
    hasNextPage: false,
    hasPreviousPage: false,
    startCursor: all.edges[0]?.cursor,
    endCursor: all.edges[5]?.cursor,
  });
  const seen: (string | undefined)[] = [];
  let after: string | null = null;
  for (let page = 1; page <= 3; page += 1) {
    const read: Page = await list({ first: 2, after });
    seen.push(...nameItems(read));
    expect(read.pageInfo).toMatchObject({ hasNextPage: page < 3, hasPreviousPage: page > 1 });
    after = read.pageInfo.endCursor;
  }
  expect(seen).toEqual(['c', 'e', 'd', 'c', 'b', 'a']);
});

test.each<[string, object, string[]]>([
  ['an order', { orderId: 'first' }, ['c', 'e', 'c', 'a']],
  ['an unknown order', { orderId: 'none' }, []],
  ['a channel', { channel: 'GRAPHQL' }, ['c']],
  ['a code', { reasonCode: 'fraud' }, ['b']],
  ['a retired code', { reasonCode: 'retired' }, []],
  ['a caller', { cancelledBy: 'support' }, ['d']],
  ['several of them', { orderId: 'first', channel: 'REST', cancelledBy: 'customer' }, ['e', 'c', 'a']],
  ['nothing', { orderId: null, channel: null, from: null }, ['c', 'e', 'd', 'c', 'b', 'a']],
  ['times before all', { to: '2020-01-01T00:00:00Z' }, []],
  ['the beginning of time', { from: '0001-01-01T00:00:00Z' }, ['c', 'e', 'd', 'c', 'b', 'a']],
])('are filtered by %s', async (_, filter, names) => {
  expect(nameItems(await list({ filter }))).toEqual(names);
});

test('are filtered by time, from included, to not', async () => {
  const all = await list();
  const newest = all.edges[0]?.node.cancelledAt ?? '';
  const next = new Date(Date.parse(newest) + 1).toISOString();
  await dataSource.query('SELECT 1');
  expect((await list({ filter: { from: newest } })).edges[0]).toEqual(all.edges[0]);
  expect((await list({ filter: { from: next } })).edges).toEqual([]);
  expect((await list({ filter: { to: newest } })).edges.map(({ cursor }) => cursor)).not.toContain(
    all.edges[0]?.cursor,
  );
  expect((await list({ filter: { to: next } })).edges).toHaveLength(6);
});

test.each([
  ["'first' must be from 1 to 100.", { first: 0 }],
  ["'after' is not a cursor of this list.", { after: 'x' }],
  [
    "'reasonCode' has a character that is not allowed (NUL or half of a surrogate pair).",
    { filter: { reasonCode: 'a\0' } },
  ],
  ["'cancelledBy' must have at most 1000 characters.", { filter: { cancelledBy: 'x'.repeat(1_001) } }],
])('say %s', async (message, variables) => {
  const { data, errors } = await service.graphql(LIST, variables);
  expect(data).toEqual({ cancellations: null });
  expect(errors.map((error) => [error.message, error.extensions['code']])).toEqual([[message, 'BAD_USER_INPUT']]);
});

test('that match so rarely that finding them takes too long are an error, and the search ends', async () => {
  // Each row that is looked at takes as long as thousands do.
  await hasty.dataSource.query('ALTER TABLE order_item_cancellation RENAME TO recorded');
  await hasty.dataSource.query(
    'CREATE VIEW order_item_cancellation AS SELECT * FROM recorded WHERE pg_sleep(0.1) IS NOT NULL',
  );
  const ids = await insertOrderItems(hasty.dataSource, Array<object>(100).fill({}));
  await hasty.dataSource.query(
    `INSERT INTO recorded (id, order_item_id, previous_status, cancelled_by, channel, request_id, reason_code)
     SELECT gen_random_uuid(), id, 'pending', 'customer', 'rest', repeat('a', 32), 'other' FROM unnest($1::uuid[]) AS id`,
    [ids],
  );
  const { status, headers, errors } = await hasty.graphql(LIST, { filter: { reasonCode: 'rare' } });
  expect([status, errors[0]?.message, errors[0]?.extensions['code']]).toEqual([
    503,
    'The request took too long. Try again.',
    'SERVICE_UNAVAILABLE',
  ]);
  expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
  await waitFor('the end of the search', async () => {
    const [row] = await hasty.dataSource.query<{ count: number }[]>(
      `SELECT count(*)::int FROM pg_stat_activity
       WHERE datname = current_database() AND query LIKE '%list\\_cancellations%' AND state = 'active' AND pid <> pg_backend_pid()`,
    );
    return row?.count === 0;
  });
});

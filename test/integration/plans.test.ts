import { anOrderItem, insertOrderItems } from '../support/orderItems.ts';
import { createTestDatabase, queryServer } from '../support/testDatabase.ts';
import { startTestService } from '../support/testService.ts';

/* Each hot statement is planned once a connection, as PostgreSQL counts it. */

const database = await createTestDatabase();
await queryServer(
  `ALTER DATABASE ${new URL(database.url).pathname.slice(1)} SET pg_stat_statements.track_planning = 'on'`,
);
const service = await startTestService({ DATABASE_URL: database.url, DATABASE_POOL_SIZE: '1' });
const { dataSource } = service;
afterAll(database.drop);

const REPEATS = 12;

/** Statements that run once a request, by the name at their beginning. */
const HOT = [
  'read_order_items',
  'read_cancellations',
  'read_last_cancellations',
  'read_order_cancelability',
  'list_order_items_xxx0',
  'list_order_items_pendingxx0',
  'list_order_items_x1x0',
  'list_order_items_xx10',
  'list_items_of_orders_xxx0',
  'cancel_order_items',
  'lock_order_items',
  'lock_idempotency_keys',
  'find_cancellations_by_key',
];

beforeAll(async () => {
  await dataSource.query('CREATE EXTENSION pg_stat_statements');
  // ANALYZE plans anew, so it must not run meanwhile.
  for (const table of ['order_item', 'order_item_cancellation']) {
    await dataSource.query(`ALTER TABLE ${table} SET (autovacuum_enabled = false)`);
  }
  await insertOrderItems(dataSource, [{ orderId: 'order-7' }, { orderId: 'order-7' }]);
});

test('plans each hot statement once, whatever its values', async () => {
  await dataSource.query('SELECT pg_stat_statements_reset()');
  for (let count = 0; count < REPEATS; count += 1) {
    // Another number of values each time.
    const items = Array.from({ length: 1 + (count % 5) }, () => anOrderItem(dataSource));
    const ids = await Promise.all(items);
    const read = await service.graphql(
      `query ($items: [_Any!]!, $orders: [_Any!]!) {
        _entities(representations: $items) { ... on OrderItem { status cancellation { reason } cancellations { reason } } }
        orders: _entities(representations: $orders) { ... on Order { cancelability { cancelable } items { edges { node { id } } } } }
        orderItems { edges { node { id } } }
        order: orderItems(filter: { orderId: "order-7" }) { edges { node { id } } }
        pending: orderItems(filter: { statuses: [PENDING] }) { edges { node { id } } }
        preOrders: orderItems(filter: { isPreOrder: true }) { edges { node { id } } }
        cancelable: orderItems(filter: { cancelable: true }) { edges { node { id } } }
      }`,
      {
        items: ids.map((id) => ({ __typename: 'OrderItem', id })),
        orders: ids.map((id) => ({ __typename: 'Order', id: `order-${id}` })),
      },
    );
    expect(read.errors).toEqual([]);
    expect((await service.cancelByRest(ids[0] ?? '')).status).toBe(200);
    const bulk = await service.graphql(
      'mutation ($input: CancelOrderItemsInput!) { cancelOrderItems(input: $input) { __typename } }',
      { input: { ids, reason: 'Delivered too late', idempotencyKey: `key-${count}` } },
    );
    expect(bulk.errors).toEqual([]);
  }
  const prepared = await dataSource.query<{ name: string; customPlans: number; calls: number }[]>(
    `SELECT name, custom_plans::int AS "customPlans", generic_plans::int AS calls FROM pg_prepared_statements
     WHERE name = ANY($1)`,
    [HOT],
  );
  expect(prepared.map(({ name }) => name).sort()).toEqual([...HOT].sort());
  expect(prepared.filter(({ customPlans, calls }) => customPlans > 0 || calls < REPEATS)).toEqual([]);

  // The test's own statements insert.
  const frequent = await dataSource.query<{ query: string; plans: number }[]>(
    `SELECT query, plans::int FROM pg_stat_statements JOIN pg_database ON pg_database.oid = dbid
     WHERE datname = current_database() AND calls >= $1 AND query ~ '^(/[*] \\w+ [*]/ )?(SELECT|WITH)'`,
    [REPEATS],
  );
  expect(frequent.length).toBeGreaterThanOrEqual(HOT.length);
  expect(frequent.filter(({ plans }) => plans !== 1)).toEqual([]);
});

import { readCancellations, readLastCancellations } from '../../src/order-items/cancellationsOfItems.ts';
import { NOTHING_CLOSED } from '../../src/order-items/eligibility.ts';
import { type CancellationFilter, listCancellations } from '../../src/order-items/listCancellations.ts';
import { listOrderItems } from '../../src/order-items/listOrderItems.ts';
import { readOrderCancelability } from '../../src/order-items/orderCancelability.ts';
import { explain, type PlanNode } from '../support/explain.ts';
import { startTestService } from '../support/testService.ts';

/* Reads of cancellations, and of what can be cancelled, read indexes: on small tables, and on ones of 10 million rows. */

const { dataSource } = await startTestService();

const ITEMS = 20_000;
const ITEMS_OF_ORDER = 5;
const FEW_ROWS = 50;
/** Records of the release before quantities have the quantity of their item. */
const OF_OLD_ROWS = 'order_item_pkey';
const NO_FILTER: CancellationFilter = {
  from: null,
  to: null,
  orderId: null,
  channel: null,
  reasonCode: null,
  cancelledBy: null,
};
const [FROM, TO] = ['2025-01-01T02:00:00Z', '2025-01-01T04:00:00Z'];
const ORDER = '77';

let ids: string[];

beforeAll(async () => {
  // ANALYZE would count the rows again.
  for (const table of ['order_item', 'order_item_cancellation']) {
    await dataSource.query(`ALTER TABLE ${table} SET (autovacuum_enabled = false)`);
  }
  await dataSource.query(
    `INSERT INTO order_item (id, order_id, product_id, is_pre_order, price_amount, price_currency, quantity, cancelled_quantity,
       status, created_at, customer_id)
     SELECT gen_random_uuid(), n / $2::int, 'product', true, 1, 'EUR', 2, 1 + n % 2,
       CASE n % 2 WHEN 1 THEN 'cancelled' ELSE 'pending' END, timestamptz '2025-01-01Z' + n * interval '1 second',
       'customer ' || n % 1000
     FROM generate_series(1, $1::int) AS n`,
    [ITEMS, ITEMS_OF_ORDER],
  );
  // No column tells that a filter matches few rows of one value and many of another.
  await dataSource.query(
    `INSERT INTO order_item_cancellation (id, order_item_id, cancelled_before, quantity, remaining, previous_status, reason_code,
       cancelled_at, cancelled_by, channel, request_id)
     SELECT gen_random_uuid(), id, before, 1, 1 - before, 'pending', CASE WHEN before = 0 THEN 'other' END,
       created_at + before * interval '1 minute', 'customer-' || before * (order_id::int + 1), CASE before WHEN 0 THEN 'rest' ELSE 'graphql' END,
       repeat('a', 32)
     FROM order_item, generate_series(0, cancelled_quantity - 1) AS before`,
  );
  await dataSource.query('ANALYZE order_item, order_item_cancellation');
  const items = await dataSource.query<{ id: string }[]>(`SELECT id FROM order_item WHERE order_id = '${ORDER}'`);
  ids = items.map(({ id }) => id);
});

/** Lets the planner believe that the tables have this many rows. */
async function pretendRows(rows: number): Promise<void> {
  for (const table of ['order_item', 'order_item_cancellation']) {
    await dataSource.query('UPDATE pg_class SET reltuples = $2 WHERE oid = $1::regclass', [table, rows]);
    const [row] = await dataSource.query<{ 'QUERY PLAN': [{ Plan: { 'Plan Rows': number } }] }[]>(
      `EXPLAIN (FORMAT JSON) SELECT FROM ${table}`,
    );
    expect(row?.['QUERY PLAN'][0].Plan['Plan Rows']).toBeCloseTo(Math.max(rows, 1), -1);
  }
}

function expectFewRows(nodes: readonly PlanNode[], ...indexes: string[]): void {
  expectFew(nodes);
  expect(nodes.flatMap((node) => node['Index Name'] ?? []).sort()).toEqual(indexes);
}

function expectFew(nodes: readonly PlanNode[]): void {
  expect(nodes.map((node) => node['Node Type'])).not.toContain('Seq Scan');
  for (const { 'Actual Rows': rows, 'Actual Loops': loops, 'Rows Removed by Filter': removed = 0 } of nodes) {
    expect(rows * loops).toBeLessThanOrEqual(FEW_ROWS);
    expect(removed * loops).toBeLessThanOrEqual(FEW_ROWS);
  }
}

describe.each([
  ['no rows', 0],
  ['as many rows as there are items', ITEMS],
  ['10 million rows', 10_000_000],
])('planned for %s', (_, rows) => {
  beforeAll(() => pretendRows(rows));

  test('what can be cancelled of orders is read by their index', async () => {
    const orders = [ORDER, '78', 'unknown'];
    for (const [closed, parameters] of [
      [NOTHING_CLOSED, []],
      [{ createdBefore: '-infinity', releasedBefore: '2025-01-01' }, ['-infinity', '2025-01-01']],
    ] as const) {
      const read = (): Promise<unknown> =>
        readOrderCancelability(dataSource, { orderIds: orders, closedWindows: closed, customer: null });
      expectFewRows(await explain(dataSource, read, [orders, ...parameters]), 'order_item_order');
    }
  });

  test('what belongs to a customer is read by an index, without the items of others', async () => {
    const viewer = { customer: 'customer 387', subject: 'customer' };
    const { customer } = viewer;
    const place = { at: '2025-01-01T03:00:00Z', id: 'ffffffff-ffff-4fff-bfff-ffffffffffff' };
    const { statuses, isPreOrder, cancelable } = { statuses: null, isPreOrder: null, cancelable: null };
    for (const after of [null, place]) {
      const values = [customer, ...(after === null ? [] : [after.at, after.id])];
      const request = { closedWindows: NOTHING_CLOSED, customer, first: 20, after };
      const listItems = (): Promise<unknown> =>
        listOrderItems(dataSource, { ...request, filter: { statuses, isPreOrder, cancelable } });
      expectFewRows(await explain(dataSource, listItems, values), 'order_item_customer');
      const list = (): Promise<unknown> =>
        listCancellations(dataSource, { filter: NO_FILTER, viewer, first: 20, after });
      expectFew(await explain(dataSource, list, values));
    }
    const orders = [ORDER, '78'];
    const read = (): Promise<unknown> =>
      readOrderCancelability(dataSource, { orderIds: orders, closedWindows: NOTHING_CLOSED, customer });
    expectFew(await explain(dataSource, read, [orders, customer]));
  });

  test('the cancellations of items are read by their key', async () => {
    for (const read of [readCancellations, readLastCancellations]) {
      expectFewRows(
        await explain(dataSource, () => read(dataSource, ids), [ids]),
        'order_item_cancellation_pkey',
        OF_OLD_ROWS,
      );
    }
  });

  const newest = ['order_item_cancellation_newest', OF_OLD_ROWS];
  test.each<[string, Partial<CancellationFilter>, string[]]>([
    ['nothing', {}, newest],
    ['their begin', { from: FROM }, newest],
    ['their end', { to: TO }, newest],
    ['both', { from: FROM, to: TO }, newest],
    ['an order', { orderId: ORDER }, ['order_item_cancellation_pkey', 'order_item_order', OF_OLD_ROWS]],
    ['a channel', { channel: 'rest' }, newest],
    ['a code', { reasonCode: 'other' }, newest],
    ['a caller', { cancelledBy: 'customer-0' }, newest],
    [
      'all but the order',
      { from: FROM, to: TO, channel: 'rest', reasonCode: 'other', cancelledBy: 'customer-0' },
      newest,
    ],
  ])('cancellations that are filtered by %s are read by an index', async (__, conditions, indexes) => {
    const filter = { ...NO_FILTER, ...conditions };
    const values = Object.values(filter).filter((value) => value !== null);
    const place = { at: '2025-01-01T03:00:00Z', id: 'ffffffff-ffff-4fff-bfff-ffffffffffff' };
    for (const after of [null, place]) {
      const list = (): Promise<unknown> => listCancellations(dataSource, { filter, viewer: null, first: 20, after });
      const nodes = await explain(dataSource, list, [...values, ...(after === null ? [] : [after.at, after.id])]);
      expectFewRows(nodes, ...indexes);
    }
  });
});

test('an index that docs/data.md describes serves the cancellations by a caller who made none', async () => {
  await dataSource.query(
    'CREATE INDEX order_item_cancellation_caller ON order_item_cancellation (cancelled_by, cancelled_at, id)',
  );
  const filter = { ...NO_FILTER, cancelledBy: 'nobody' };
  const list = (): Promise<unknown> => listCancellations(dataSource, { filter, viewer: null, first: 20, after: null });
  expectFewRows(await explain(dataSource, list, ['nobody']), 'order_item_cancellation_caller', OF_OLD_ROWS);
});

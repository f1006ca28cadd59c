import type { OrderItemStatus } from '../../src/order-items/orderItem.ts';
import { NOTHING_CLOSED } from '../../src/order-items/eligibility.ts';
import { listItemsOfOrders, listOrderItems, type OrderItemFilter } from '../../src/order-items/listOrderItems.ts';
import { listStatementsDuring } from '../support/countStatements.ts';
import { startTestService } from '../support/testService.ts';

const { dataSource } = await startTestService();

const NO_FILTER: OrderItemFilter = { statuses: null, isPreOrder: null, cancelable: null };
const AFTER = { at: '2010-12-01T05:00:00.000000Z', id: 'ffffffff-ffff-4fff-bfff-ffffffffffff' };
const returned: OrderItemStatus[] = ['returned'];

beforeAll(async () => {
  await dataSource.query(`
    INSERT INTO order_item (id, order_id, product_id, status, is_pre_order, price_amount, price_currency, created_at)
    SELECT gen_random_uuid(), 'order-' || n / 5, 'product', CASE WHEN n % 1000 = 0 THEN 'returned' WHEN n % 1000 = 1 THEN 'complete' ELSE 'pending' END,
      n % 500 = 0, 1, 'GBP', '2010-12-01'::timestamptz + n * interval '1 second'
    FROM generate_series(1, 50000) AS n`);
  await dataSource.query('ANALYZE order_item');
});

interface Plan {
  'Node Type': string;
  'Actual Rows': number;
  'Rows Removed by Filter'?: number;
  Plans?: Plan[];
}

function listNodes(plan: Plan): Plan[] {
  return [plan, ...(plan.Plans ?? []).flatMap(listNodes)];
}

/** Runs a list, then its statement again with what PostgreSQL did for it. */
async function explain(run: () => Promise<unknown>, parameters: unknown[]): Promise<Plan[]> {
  const [statement] = await listStatementsDuring(dataSource, run);
  const [row] = await dataSource.query<{ 'QUERY PLAN': [{ Plan: Plan }] }[]>(
    `EXPLAIN (ANALYZE, FORMAT JSON) ${statement ?? ''}`,
    parameters,
  );
  if (row === undefined) throw new Error('There was no plan.');
  return listNodes(row['QUERY PLAN'][0].Plan);
}

describe('an index serves', () => {
  const place = [AFTER.at, AFTER.id];
  const order = ['order-77'];
  test.each<[string, Partial<OrderItemFilter>, string[] | null]>([
    ['no filter', {}, null],
    ['orderId', {}, order],
    ['a rare status', { statuses: returned }, null],
    ['a common status', { statuses: ['pending'] }, null],
    ['isPreOrder: true, which is rare', { isPreOrder: true }, null],
    ['isPreOrder: false', { isPreOrder: false }, null],
    ['cancelable: true, which is rare', { cancelable: true }, null],
    ['cancelable: false', { cancelable: false }, null],
    ['several of them', { isPreOrder: false, cancelable: false }, order],
  ])('%s, first and later pages, reading only the returned rows', async (_, conditions, orders) => {
    const filter = { ...NO_FILTER, ...conditions };
    for (const after of [null, AFTER]) {
      const request = { filter, closedWindows: NOTHING_CLOSED, customer: null, first: 20, after };
      const nodes = await explain(
        () => (orders === null ? listOrderItems(dataSource, request) : listItemsOfOrders(dataSource, orders, request)),
        [...(after === null ? [] : place), ...(orders === null ? [] : [orders])],
      );
      expect(nodes.map((node) => node['Node Type'])).not.toContain('Seq Scan');
      expect(Math.max(...nodes.map((node) => node['Actual Rows']))).toBeLessThanOrEqual(21);
      expect(Math.max(...nodes.map((node) => node['Rows Removed by Filter'] ?? 0))).toBeLessThanOrEqual(21);
    }
  });

  test('two rare statuses, reading only the items that have them', async () => {
    const filter = { ...NO_FILTER, statuses: ['returned', 'complete'] as const };
    const nodes = await explain(
      () =>
        listOrderItems(dataSource, { filter, closedWindows: NOTHING_CLOSED, customer: null, first: 20, after: null }),
      [],
    );
    expect(Math.max(...nodes.map((node) => node['Actual Rows']))).toBeLessThanOrEqual(100);
    expect(Math.max(...nodes.map((node) => node['Rows Removed by Filter'] ?? 0))).toBe(0);
  });

  test('the events after a position, and those without one', async () => {
    await dataSource.query(`
      INSERT INTO order_item_event (id, order_item_id, type, payload, position)
      SELECT gen_random_uuid(), gen_random_uuid(), 'order_item.cancelled', '{}', nullif(n, 20000 - n % 20) FROM generate_series(1, 20000) AS n`);
    await dataSource.query('ANALYZE order_item_event');
    for (const condition of ['position > 12345 ORDER BY position', 'position IS NULL']) {
      const statement = `SELECT id, payload FROM order_item_event WHERE ${condition} LIMIT 100`;
      const nodes = await explain(() => dataSource.query(statement), []);
      expect(nodes).toContainEqual(expect.objectContaining({ 'Index Name': 'order_item_event_position' }));
      expect(Math.max(...nodes.map((node) => node['Actual Rows']))).toBeLessThanOrEqual(100);
    }
  });

  test('the items of many orders', async () => {
    const orderIds = Array.from({ length: 50 }, (_, n) => `order-${n}`);
    const nodes = await explain(
      () =>
        listItemsOfOrders(dataSource, orderIds, {
          filter: NO_FILTER,
          closedWindows: NOTHING_CLOSED,
          customer: null,
          first: 20,
          after: null,
        }),
      [orderIds],
    );
    expect(nodes.map((node) => node['Node Type'])).not.toContain('Seq Scan');
  });
});

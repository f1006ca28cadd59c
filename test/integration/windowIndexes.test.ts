import type { ClosedWindows } from '../../src/order-items/eligibility.ts';
import { listItemsOfOrders, listOrderItems, type OrderItemPage } from '../../src/order-items/listOrderItems.ts';
import { explain } from '../support/explain.ts';
import { startTestService } from '../support/testService.ts';

/* With cancellation windows, `filter.cancelable` still reads an index, in the plan that a prepared statement keeps. */

const { dataSource } = await startTestService();

const ITEMS = 50_000;
const ORDER = 'order-77';
const AFTER = { at: '2010-12-01T05:00:00.000000Z', id: 'ffffffff-ffff-4fff-bfff-ffffffffffff' };

/** The first items of the table, in its order, are older. */
function createdBefore(item: number): string {
  return new Date(Date.parse('2010-12-01T00:00:00Z') + item * 1_000).toISOString();
}

beforeAll(async () => {
  // The worst case for `cancelable: false`: without the windows, all items are cancelable.
  await dataSource.query(
    `INSERT INTO order_item (id, order_id, product_id, is_pre_order, price_amount, price_currency, release_date, created_at)
     SELECT gen_random_uuid(), 'order-' || n % 500, 'product', true, 1, 'GBP', '2011-01-01'::date + (n * 7919) % 100,
       '2010-12-01'::timestamptz + n * interval '1 second'
     FROM generate_series(1, $1) AS n`,
    [ITEMS],
  );
  await dataSource.query('ANALYZE order_item');
});

describe.each([
  ['in the middle of the table', createdBefore(ITEMS / 2)],
  ['before all items', createdBefore(0)],
  ['after all items', createdBefore(ITEMS + 1)],
])('a window that ends %s', (_, bound) => {
  test.each([
    ['no cut-off', null, 21],
    ['a cut-off that is past for a fifth of the items', '2011-01-21', 400],
    // PostgreSQL looks in vain at each item whose window is open. docs/configuration.md says so.
    ['a cut-off that is past for no item', '0001-01-01', ITEMS],
  ])('and %s', async (_cutoff, releasedBefore, maxRows) => {
    const closedWindows: ClosedWindows = {
      createdBefore: bound,
      ...(releasedBefore === null ? {} : { releasedBefore }),
    };
    for (const cancelable of [true, false]) {
      for (const after of [null, AFTER]) {
        const filter = { statuses: null, isPreOrder: null, cancelable };
        const request = { filter, closedWindows, customer: null, first: 20, after };
        const bounds = [...Object.values(closedWindows), ...(after === null ? [] : [after.at, after.id])];
        const runs: [() => Promise<OrderItemPage | OrderItemPage[]>, (string | string[])[]][] = [
          [() => listOrderItems(dataSource, request), bounds],
          [() => listItemsOfOrders(dataSource, [ORDER], request), [...bounds, [ORDER]]],
        ];
        for (const [run, parameters] of runs) {
          const nodes = await explain(dataSource, run, parameters);
          const types = nodes.map((node) => node['Node Type']);
          expect(types.filter((type) => type === 'Seq Scan' || type.includes('Bitmap'))).toEqual([]);
          const scans = nodes.filter((node) => node['Index Name'] !== undefined);
          const read = scans.map((node) => node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0));
          expect(Math.max(...read)).toBeLessThanOrEqual(cancelable ? 40 : maxRows);
        }
      }
    }
  });
});

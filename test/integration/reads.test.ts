import { NOTHING_CLOSED } from '../../src/order-items/eligibility.ts';
import { type PageRequest, rankItemsOfOrders } from '../../src/order-items/listOrderItems.ts';
import { createReads, type Reads } from '../../src/order-items/reads.ts';
import { unwatchedQueue } from '../../src/work/coalesce.ts';
import { CITUS_URL } from '../support/citus.ts';
import { listStatementsDuring } from '../support/countStatements.ts';
import { insertOrderItems } from '../support/orderItems.ts';
import { startTestService } from '../support/testService.ts';

const { dataSource } = await startTestService();
const listOfOrders = CITUS_URL === undefined ? undefined : rankItemsOfOrders;
const PAGE: PageRequest = {
  filter: { statuses: null, isPreOrder: null, cancelable: null },
  closedWindows: NOTHING_CLOSED,
  customer: null,
  first: 20,
  after: null,
};

/** Runs reads that arrive together. @returns their values, and the number of statements. */
async function readTogether<Value>(
  act: (reads: Reads) => Promise<Value>[],
): Promise<{ values: Value[]; statements: number }> {
  const reads = createReads(dataSource, unwatchedQueue, undefined, listOfOrders);
  let values: Value[] = [];
  const statements = await listStatementsDuring(dataSource, async () => {
    values = await Promise.all(act(reads));
  });
  return { values, statements: statements.length };
}

beforeAll(() =>
  insertOrderItems(
    dataSource,
    Array.from({ length: 30 }, (_, n) => ({ orderId: `order-${n % 15}`, isPreOrder: n % 3 === 0 })),
  ),
);

describe('lists that are asked for together', () => {
  test('share a statement if they are the same page', async () => {
    const { values, statements } = await readTogether((reads) => Array.from({ length: 8 }, () => reads.page(PAGE)));
    expect(statements).toBe(1);
    expect(values.map(({ nodes }) => nodes.length)).toEqual(Array.from({ length: 8 }, () => 20));
  });

  test('are each their own page', async () => {
    const [all] = (await readTogether((reads) => [reads.page(PAGE)])).values;
    const last = all?.nodes.at(-1);
    if (last === undefined) throw new Error('There is no item.');
    const { values, statements } = await readTogether((reads) => [
      reads.page({ ...PAGE, first: 3 }),
      reads.page({ ...PAGE, filter: { ...PAGE.filter, isPreOrder: true } }),
      reads.page({ ...PAGE, after: { at: '2000-01-01T00:00:00.000000Z', id: last.id } }),
      reads.page({ ...PAGE, first: 3 }),
    ]);
    expect(statements).toBe(3);
    expect(values.map(({ nodes }) => nodes.length)).toEqual([3, 10, 0, 3]);
    expect(values.map(({ hasNextPage }) => hasNextPage)).toEqual([true, false, false, true]);
  });

  test('share a statement if they are the pages of different orders', async () => {
    const orderIds = ['order-1', 'order-2', 'nobody', 'order-1'];
    const { values, statements } = await readTogether((reads) =>
      orderIds.map((orderId) => reads.itemsOfOrders({ orderIds: [orderId], request: PAGE })),
    );
    expect(statements).toBe(1);
    const read = values.map((pages, position) => pages.get(orderIds[position] ?? '')?.nodes ?? null);
    expect(read.map((nodes) => nodes?.map(({ orderId }) => orderId))).toEqual([
      ['order-1', 'order-1'],
      ['order-2', 'order-2'],
      [],
      ['order-1', 'order-1'],
    ]);
  });

  test('of many orders do not delay those of one', async () => {
    const many = Array.from({ length: 11 }, (_, n) => `order-${n}`);
    const { values, statements } = await readTogether((reads) => [
      reads.itemsOfOrders({ orderIds: many, request: PAGE }),
      reads.itemsOfOrders({ orderIds: ['order-1'], request: PAGE }),
      reads.itemsOfOrders({ orderIds: ['order-12'], request: PAGE }),
    ]);
    expect(statements).toBe(2);
    expect(values.map((pages) => pages.size)).toEqual([11, 2, 2]);
  });
});

test('a read that comes after a change shows it, also while an older read runs', async () => {
  const reads = createReads(dataSource, unwatchedQueue, undefined, listOfOrders);
  const [id = ''] = await insertOrderItems(dataSource, [{ orderId: 'changing' }]);
  const read = async (): Promise<string | undefined> => {
    const pages = await reads.itemsOfOrders({ orderIds: ['changing'], request: PAGE });
    return pages.get('changing')?.nodes[0]?.status;
  };
  const before = [read(), read()];
  await dataSource.query(`UPDATE order_item SET status = 'on_hold' WHERE id = $1`, [id]);
  const after = [read(), read(), read()];
  await Promise.all(before);
  expect(await Promise.all(after)).toEqual(['on_hold', 'on_hold', 'on_hold']);
});

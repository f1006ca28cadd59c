import { randomUUID } from 'node:crypto';
import { readRows } from '../../src/import/readRows.ts';
import { aRow, type Imported, importRows, NOTHING_IMPORTED } from '../support/importing.ts';
import { lockItem } from '../support/lockedItem.ts';
import { anOrderItem, findCancellations, findOrderItem, insertOrderItems } from '../support/orderItems.ts';
import { temporaryFile } from '../support/temporaryFile.ts';
import { startTestService } from '../support/testService.ts';

const service = await startTestService();
const { dataSource, databaseUrl } = service;

async function importFile(name: string, content: string): Promise<Imported> {
  return importRows(databaseUrl, await readRows(await temporaryFile(name, content)));
}

/** What the database has for the id, whole, and in which version of the row it has it. */
async function rawRow(id: string): Promise<unknown> {
  const [found] = await dataSource.query<unknown[]>('SELECT *, xmin, ctid FROM order_item WHERE id = $1', [id]);
  return found;
}

test('an item with the greatest version that others can write is changed', async () => {
  const id = await anOrderItem(dataSource, { version: 2_147_483_647 });
  const { updated } = await importRows(databaseUrl, [aRow({ id, product_id: 'product-2' })]);
  expect(updated).toBe(1);
  expect(await findOrderItem(dataSource, id)).toMatchObject({ productId: 'product-2', version: 1 });
});

describe('a file with every kind of bad line', () => {
  const [first, second, third, fourth] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];

  test('imports all other lines, and reports each bad line with its number and reason', async () => {
    const lines = [
      'id,order_id,product_id,external_id,status,quantity,price_amount,price_currency',
      `${first},order-1,product-1,"comma, quote "" and`,
      'line end",pending,1,9.99,GBP',
      'no-uuid,order-1,product-1,,pending,1,9.99,GBP',
      `${randomUUID()},order-1,product-1,,pending,-3,9.99,GBP`,
      `${second.toUpperCase()},"order, 1",product-1,,on_hold,2,0,EUR`,
      `${randomUUID()},order-1,product-1,,lost,1,9.99,GBP`,
      `${first},order-2,product-1,,pending,1,9.99,GBP`,
      `${randomUUID()},"order-1,product-1,,pending,1,9.99,GBP`,
      `${third},order-1,product-1,,,,12.3456,USD`,
      `${randomUUID()},order-1,product-1,,pend`,
    ];

    const { rejections, ...counts } = await importFile('items.csv', `\ufeff${lines.join('\r\n')}`);

    expect(rejections.toSorted((one, other) => one.line - other.line)).toEqual([
      { line: 4, defect: 'id is not a UUID: "no-uuid"' },
      { line: 5, defect: 'quantity is not a whole number from 1 to 2147483647: "-3"' },
      {
        line: 7,
        defect: 'status is not one of pending, on_hold, in_fulfillment, complete, cancelled, returned: "lost"',
      },
      { line: 8, defect: 'the id already stands on line 2' },
      { line: 9, defect: 'a quotation mark is never closed, or out of place' },
      { line: 11, defect: "the number of its fields is 5, that of the header's 8" },
    ]);
    expect(counts).toEqual({ inserted: 3, updated: 0, unchanged: 0, rejected: 6, keptCancelled: 0 });
    expect(await findOrderItem(dataSource, first)).toMatchObject({ externalId: 'comma, quote " and\r\nline end' });
    expect(await findOrderItem(dataSource, second)).toMatchObject({
      orderId: 'order, 1',
      status: 'on_hold',
      quantity: 2,
    });
    expect(await findOrderItem(dataSource, third)).toMatchObject({
      status: 'pending',
      quantity: 1,
      priceAmount: '12.3456',
    });
  });

  test('does the same as NDJSON', async () => {
    const item = (members: object): string => JSON.stringify({ ...aRow().values, ...members });
    const { rejections, ...counts } = await importFile(
      'items.ndjson',
      [item({ id: fourth, is_pre_order: true }), item({ id: 5 }), item({ quantity: -3 }), item({}).slice(0, 40)].join(
        '\n',
      ),
    );
    expect(rejections).toEqual([
      { line: 2, defect: 'id is not a UUID: "5"' },
      { line: 3, defect: 'quantity is not a whole number from 1 to 2147483647: "-3"' },
      { line: 4, defect: 'it is not valid JSON' },
    ]);
    expect(counts).toEqual({ inserted: 1, updated: 0, unchanged: 0, rejected: 3, keptCancelled: 0 });
    expect(await findOrderItem(dataSource, fourth)).toMatchObject({ isPreOrder: true });
  });
});

describe('a new item', () => {
  test('is stored with the exact values of its row', async () => {
    const given = aRow({
      external_id: 'tab\t, \\N, \\., line\r\nend and 😀',
      status: 'in_fulfillment',
      is_pre_order: 't',
      release_date: '2026-02-28',
      quantity: '2147483647',
      price_amount: '999999999999999.9999',
      version: '7',
      created_at: '2024-01-01T10:00:00.123456+05:30',
      updated_at: '2024-01-02 10:00:00+00',
    });
    expect(await importRows(databaseUrl, [given])).toEqual({ ...NOTHING_IMPORTED, inserted: 1 });
    expect(await findOrderItem(dataSource, given.values.id)).toEqual({
      id: given.values.id,
      orderId: 'order-1',
      productId: 'product-1',
      externalId: given.values.external_id,
      status: 'in_fulfillment',
      isPreOrder: true,
      releaseDate: '2026-02-28',
      quantity: 2147483647,
      cancelledQuantity: 0,
      priceAmount: '999999999999999.9999',
      priceCurrency: 'GBP',
      version: 7,
      createdAt: '2024-01-01 04:30:00.123456+00',
      updatedAt: '2024-01-02 10:00:00+00',
    });
  });

  test('has the table’s defaults for missing and empty columns', async () => {
    const [leftOut, empty, bare] = [aRow(), aRow({ status: null, quantity: null, version: null }), randomUUID()];
    await importRows(databaseUrl, [leftOut, { ...empty, line: 3 }]);
    await dataSource.query(
      `INSERT INTO order_item (id, order_id, product_id, price_amount, price_currency)
       VALUES ($1, 'order-1', 'product-1', 9.99, 'GBP')`,
      [bare],
    );
    const expected = {
      ...(await findOrderItem(dataSource, bare)),
      createdAt: expect.any(String),
      updatedAt: expect.any(String),
    };
    for (const { values } of [leftOut, empty]) {
      expect(await findOrderItem(dataSource, values.id)).toEqual({ ...expected, id: values.id });
    }
  });
});

describe('an existing item', () => {
  test('gets changed values, a new version and time, and keeps missing columns', async () => {
    const then = new Date('2020-01-01T00:00:00Z');
    const id = await anOrderItem(dataSource, {
      externalId: 'kept',
      status: 'on_hold',
      version: 4,
      releaseDate: '2026-01-01',
      createdAt: then,
      updatedAt: then,
    });
    const before = await findOrderItem(dataSource, id);

    expect(await importRows(databaseUrl, [aRow({ id, quantity: '5', release_date: null, status: null })])).toEqual({
      ...NOTHING_IMPORTED,
      updated: 1,
    });

    const after = await findOrderItem(dataSource, id);
    expect(after).toEqual({ ...before, quantity: 5, releaseDate: null, version: 5, updatedAt: expect.any(String) });
    expect(Date.parse(after?.updatedAt ?? '')).toBeGreaterThan(Date.now() - 60_000);
  });

  test('gets the version and the time of the row', async () => {
    const id = await anOrderItem(dataSource, { version: 4 });
    await importRows(databaseUrl, [aRow({ id, version: '9', updated_at: '2021-01-01T00:00:00Z' })]);
    expect(await findOrderItem(dataSource, id)).toMatchObject({
      version: 9,
      updatedAt: '2021-01-01 00:00:00+00',
    });
  });

  test('is not locked if no value differs', async () => {
    const id = await anOrderItem(dataSource, { externalId: null, createdAt: new Date('2024-01-01T00:00:00Z') });
    const before = await rawRow(id);
    const lock = await lockItem(databaseUrl, id);
    const imported = await importRows(databaseUrl, [
      aRow({ id, price_amount: '9.9900', created_at: '2024-01-01T01:00:00+01:00', external_id: null, status: null }),
    ]);
    await lock.release();
    expect(imported).toEqual({ ...NOTHING_IMPORTED, unchanged: 1 });
    expect(await rawRow(id)).toEqual(before);
  });

  test('counts as inserted, updated or unchanged', async () => {
    const [same, other] = await insertOrderItems(dataSource, [{}, {}]);
    const rows = [aRow({ id: same ?? '' }, 2), aRow({ id: other ?? '', quantity: '2' }, 3), aRow({}, 4), aRow({}, 5)];
    expect(await importRows(databaseUrl, rows)).toEqual({ ...NOTHING_IMPORTED, inserted: 2, updated: 1, unchanged: 1 });
    expect(await importRows(databaseUrl, rows)).toEqual({ ...NOTHING_IMPORTED, unchanged: 4 });
  });

  test('can be cancelled by an import', async () => {
    const id = await anOrderItem(dataSource);
    expect(await importRows(databaseUrl, [aRow({ id, status: 'cancelled' })])).toEqual({
      ...NOTHING_IMPORTED,
      updated: 1,
    });
    expect(await findOrderItem(dataSource, id)).toMatchObject({ status: 'cancelled' });
  });
});

describe('a cancelled item', () => {
  test('stays cancelled with its cancellation, and takes the other columns', async () => {
    const ids = await insertOrderItems(dataSource, [{}, {}, {}]);
    for (const id of ids) expect((await service.cancelByRest(id)).status).toBe(200);
    const [changed = '', same = '', agreed = ''] = ids;
    const cancellations = await findCancellations(dataSource, ids);

    const imported = await importRows(databaseUrl, [
      aRow({ id: changed, status: 'pending', quantity: '7' }, 2),
      aRow({ id: same, status: 'complete' }, 3),
      aRow({ id: agreed, status: 'cancelled' }, 4),
    ]);

    expect(imported).toEqual({ ...NOTHING_IMPORTED, updated: 1, unchanged: 2, keptCancelled: 2 });
    expect(await findOrderItem(dataSource, changed)).toMatchObject({ status: 'cancelled', quantity: 7 });
    expect(await findOrderItem(dataSource, same)).toMatchObject({ status: 'cancelled', version: 2 });
    expect(await findCancellations(dataSource, ids)).toEqual(cancellations);
  });

  test('in part keeps its units if the file has no more than are cancelled', async () => {
    const ids = await insertOrderItems(dataSource, [{ quantity: 5 }, { quantity: 5 }, { quantity: 5 }]);
    for (const id of ids) {
      expect((await service.cancelByRest(id, { body: { reason: 'Fewer', quantity: 2 } })).status).toBe(200);
    }
    const [fewer = '', equal = '', enough = ''] = ids;
    const imported = await importRows(databaseUrl, [
      aRow({ id: fewer, quantity: '1' }, 2),
      aRow({ id: equal, quantity: '2', external_id: 'x' }, 3),
      aRow({ id: enough, quantity: '3' }, 4),
    ]);
    expect(imported).toMatchObject({ updated: expect.any(Number), keptCancelled: 2 });
    expect(await findOrderItem(dataSource, fewer)).toMatchObject({ quantity: 5, cancelledQuantity: 2 });
    expect(await findOrderItem(dataSource, equal)).toMatchObject({
      quantity: 5,
      cancelledQuantity: 2,
      externalId: 'x',
    });
    expect(await findOrderItem(dataSource, enough)).toMatchObject({ quantity: 3, cancelledQuantity: 2 });
  });
});

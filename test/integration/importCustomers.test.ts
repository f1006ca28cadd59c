import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { importOrderItems } from '../../src/import/importOrderItems.ts';
import { aRow, importRows } from '../support/importing.ts';
import { createTestDatabase } from '../support/testDatabase.ts';
import { startTestService } from '../support/testService.ts';

const { dataSource, databaseUrl } = await startTestService();

describe('the customer of an item', () => {
  test('is imported, kept where the file has no column, and removed where the column is empty', async () => {
    const id = randomUUID();
    const read = async (): Promise<unknown> =>
      (await dataSource.query<object[]>('SELECT customer_id FROM order_item WHERE id = $1', [id]))[0];
    await importRows(databaseUrl, [aRow({ id, customer_id: 'ann' })]);
    expect(await read()).toEqual({ customer_id: 'ann' });
    await importRows(databaseUrl, [aRow({ id, quantity: '3' })]);
    expect(await read()).toEqual({ customer_id: 'ann' });
    await importRows(databaseUrl, [aRow({ id, customer_id: null })]);
    expect(await read()).toEqual({ customer_id: null });
  });

  test('is refused by a table without the column, which takes everything else', async () => {
    const { url, drop } = await createTestDatabase();
    const other = new pg.Client(url);
    await other.connect();
    try {
      await other.query('ALTER TABLE order_item DROP COLUMN customer_id');
      const id = randomUUID();
      expect(await importRows(url, [aRow({ id })])).toMatchObject({ inserted: 1 });
      for (const mode of ['dry run', 'chunks', 'atomic'] as const) {
        await expect(
          importOrderItems(url, [aRow({ id, quantity: '4' }, 2), aRow({ customer_id: 'ann' }, 3)], { mode }),
        ).rejects.toThrow('Line 3 has a customer_id, but order_item has no such column. Nothing was written.');
      }
      expect((await other.query('SELECT quantity FROM order_item')).rows).toEqual([{ quantity: 1 }]);
    } finally {
      await other.end();
      await drop();
    }
  });

  test.each([
    ['uuid', 'uuid', null, '0198c0de-7a1b-7c3d-9e4f-5a6b7c8d9e0f'],
    ['a number', 'bigint', null, '17850'],
    ['a text with a default', "text NOT NULL DEFAULT 'guest'", 'guest', 'ann'],
    ['computed', 'text GENERATED ALWAYS AS (lower(order_id)) STORED', 'order-1', null],
  ])('of a table brought along that is %s stays what it is where the file has none', async (_, type, before, given) => {
    const { url, drop } = await createTestDatabase();
    const other = new pg.Client(url);
    await other.connect();
    try {
      await other.query(
        `ALTER TABLE order_item DROP COLUMN customer_id; ALTER TABLE order_item ADD customer_id ${type}`,
      );
      const id = randomUUID();
      const read = async (): Promise<unknown> =>
        (await other.query('SELECT customer_id::text AS customer FROM order_item WHERE id = $1', [id])).rows[0];
      expect(await importRows(url, [aRow({ id, order_id: 'order-1' })])).toMatchObject({ inserted: 1 });
      expect(await read()).toEqual({ customer: before });
      if (given === null) return;
      expect(await importRows(url, [aRow({ id, customer_id: given })])).toMatchObject({ updated: 1 });
      expect(await read()).toEqual({ customer: given });
      await importRows(url, [aRow({ id, quantity: '7' })]);
      expect(await read()).toEqual({ customer: given });
    } finally {
      await other.end();
      await drop();
    }
  });
});

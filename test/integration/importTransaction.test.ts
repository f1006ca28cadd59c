import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { FileRow } from '../../src/import/orderItemTable.ts';
import { aRow, importRows, NOTHING_IMPORTED } from '../support/importing.ts';
import { lockItem, untilSessionWaits } from '../support/lockedItem.ts';
import { expectNothingWritten } from '../support/nothingWritten.ts';
import { anOrderItem, findOrderItem, insertOrderItems } from '../support/orderItems.ts';
import { startTestService } from '../support/testService.ts';

const service = await startTestService();
const { dataSource, databaseUrl } = service;

describe('an import', () => {
  test('keeps an item cancelled that is cancelled while the import waits for it', async () => {
    const id = await anOrderItem(dataSource, { status: 'in_fulfillment' });
    const canceller = new pg.Client(databaseUrl);
    await canceller.connect();
    await canceller.query('BEGIN');
    await canceller.query("UPDATE order_item SET status = 'cancelled' WHERE id = $1", [id]);

    const importing = importRows(databaseUrl, [aRow({ id, status: 'pending', quantity: '3' })]);
    await untilSessionWaits(databaseUrl);
    await canceller.query('COMMIT');
    await canceller.end();

    expect(await importing).toEqual({ ...NOTHING_IMPORTED, updated: 1, keptCancelled: 1 });
    expect(await findOrderItem(dataSource, id)).toMatchObject({ status: 'cancelled', quantity: 3 });
  });

  test('keeps a missing column as a concurrent transaction committed it', async () => {
    const id = await anOrderItem(dataSource, { quantity: 1 });
    const writer = new pg.Client(databaseUrl);
    await writer.connect();
    await writer.query('BEGIN');
    await writer.query("UPDATE order_item SET status = 'complete', quantity = 8 WHERE id = $1", [id]);

    const importing = importRows(databaseUrl, [aRow({ id, product_id: 'product-2' })]);
    await untilSessionWaits(databaseUrl);
    await writer.query('COMMIT');
    await writer.end();

    expect(await importing).toEqual({ ...NOTHING_IMPORTED, updated: 1 });
    expect(await findOrderItem(dataSource, id)).toMatchObject({
      status: 'complete',
      quantity: 8,
      productId: 'product-2',
    });
  });

  test('locks in id order, so it holds no item while it waits for an earlier one', async () => {
    const low = '00000000-8f0a-5b0e-9d63-0123456789ab';
    const high = 'ffffffff-8f0a-5b0e-9d63-0123456789ab';
    // Neither the file nor the table has them in the order of their ids.
    await insertOrderItems(dataSource, [
      { id: high, createdAt: new Date('2024-01-01T00:00:00Z') },
      { id: low, createdAt: new Date('2025-01-01T00:00:00Z') },
    ]);
    const lock = await lockItem(databaseUrl, low);

    const importing = importRows(databaseUrl, [
      aRow({ id: high, quantity: '2' }, 2),
      aRow({ id: low, quantity: '2' }, 3),
    ]);
    await untilSessionWaits(databaseUrl);
    expect((await service.cancelByRest(high)).status).toBe(200);
    await lock.release();

    expect(await importing).toMatchObject({ updated: 2 });
    expect(await findOrderItem(dataSource, high)).toMatchObject({ status: 'cancelled', quantity: 2 });
  });

  test('does not count items as inserted that a concurrent import inserted', async () => {
    // Holds an import up when it has inserted, and not yet committed.
    await dataSource.query(`
      CREATE FUNCTION wait_for_test() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NULL; END $$;
      CREATE TRIGGER wait_for_test AFTER INSERT ON order_item EXECUTE FUNCTION wait_for_test()`);
    const test = new pg.Client(databaseUrl);
    await test.connect();
    await test.query('SELECT pg_advisory_lock(1)');
    const { id } = aRow().values;

    const first = importRows(databaseUrl, [aRow({ id })]);
    await untilSessionWaits(databaseUrl);
    const second = importRows(databaseUrl, [aRow({ id, quantity: '2' })]);
    await untilTwoWait();
    await test.end();

    expect(await first).toEqual({ ...NOTHING_IMPORTED, inserted: 1 });
    expect(await second).toEqual({ ...NOTHING_IMPORTED, updated: 1 });
    await dataSource.query('DROP FUNCTION wait_for_test() CASCADE');
  });

  test('takes the first valid row of an id, and names its line for the others', async () => {
    const { id } = aRow().values;
    const rows = [
      aRow({ id, quantity: '0' }, 2),
      aRow({ id, quantity: '3' }, 3),
      aRow({ id, quantity: '4' }, 4),
      aRow({}, 5),
      aRow({ id, quantity: '3' }, 6),
    ];
    const { rejections, ...counts } = await importRows(databaseUrl, rows);
    expect(counts).toEqual({ inserted: 2, updated: 0, unchanged: 0, rejected: 3, keptCancelled: 0 });
    expect(rejections.slice(1)).toEqual([
      { line: 4, defect: 'the id already stands on line 3' },
      { line: 6, defect: 'the id already stands on line 3' },
    ]);
    expect(await findOrderItem(dataSource, id)).toMatchObject({ quantity: 3 });
  });

  test('writes nothing in a dry run, and counts what it would do', async () => {
    const [same, other, gone] = await insertOrderItems(dataSource, [{}, {}, { status: 'cancelled' }]);
    const rows = [
      aRow({ id: same ?? '' }, 2),
      aRow({ id: other ?? '', quantity: '2' }, 3),
      aRow({ id: gone ?? '', status: 'pending' }, 4),
      aRow({}, 5),
      aRow({ id: 'x' }, 6),
    ];
    const imported = await expectNothingWritten(dataSource, () => importRows(databaseUrl, rows, { dryRun: true }));
    expect(imported).toMatchObject({ inserted: 1, updated: 1, unchanged: 2, rejected: 1, keptCancelled: 1 });
    expect(await importRows(databaseUrl, rows)).toEqual(imported);
  });

  test('without rows does nothing', async () => {
    expect(await importRows(databaseUrl, [])).toEqual(NOTHING_IMPORTED);
  });

  test('writes nothing if reading the rows fails', async () => {
    async function* breakingOff(): AsyncGenerator<FileRow> {
      for (let line = 2; line < 5_000; line += 1) yield aRow({}, line);
      throw new Error('the disk is gone');
    }
    await expectNothingWritten(dataSource, async () => {
      await expect(importRows(databaseUrl, breakingOff())).rejects.toThrow('the disk is gone');
    });
  });

  test('writes nothing if the database disappears in the middle', async () => {
    async function* losingTheDatabase(): AsyncGenerator<FileRow> {
      for (let line = 2; line < 5_000; line += 1) yield aRow({}, line);
      await dataSource.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'order-items-import'",
      );
      for (let line = 5_000; line < 20_000; line += 1) yield aRow({}, line);
    }
    await expectNothingWritten(dataSource, async () => {
      await expect(importRows(databaseUrl, losingTheDatabase())).rejects.toThrow(/terminat|ECONNRESET|EPIPE/);
    });
  });

  test('describes a violated rule of the table, shows the row and writes nothing', async () => {
    await dataSource.query('ALTER TABLE order_item ADD CONSTRAINT secret_rule CHECK (quantity <> 13)');
    const unlucky = aRow({ quantity: '13' }, 3);
    await expectNothingWritten(dataSource, async () => {
      const failed = importRows(databaseUrl, [aRow({}, 2), unlucky]);
      await expect(failed).rejects.toThrow(
        `The database refused an order item by a rule of its own; nothing was written. Failing row contains (${unlucky.values.id}`,
      );
      await expect(failed).rejects.not.toThrow('secret_rule');
    });
    await dataSource.query('ALTER TABLE order_item DROP CONSTRAINT secret_rule');
  });
});

async function untilTwoWait(): Promise<void> {
  for (;;) {
    const waiting = await dataSource.query<unknown[]>(
      "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
    );
    if (waiting.length === 2) return;
    await sleep(5);
  }
}

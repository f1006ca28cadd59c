import pg from 'pg';
import { ImportStopped } from '../../src/import/importOrderItems.ts';
import type { FileRow } from '../../src/import/orderItemTable.ts';
import { aRow, importRows, NOTHING_IMPORTED } from '../support/importing.ts';
import { lockItem, untilSessionWaits } from '../support/lockedItem.ts';
import { expectNothingWritten } from '../support/nothingWritten.ts';
import { anOrderItem, findOrderItem, insertOrderItems } from '../support/orderItems.ts';
import { startTestService } from '../support/testService.ts';
import { waitFor } from '../support/waitFor.ts';

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

  test('in one transaction locks in id order, so it holds no item while it waits for an earlier one', async () => {
    const low = '00000000-8f0a-5b0e-9d63-0123456789ab';
    const high = 'ffffffff-8f0a-5b0e-9d63-0123456789ab';
    // Neither the file nor the table has them in the order of their ids.
    await insertOrderItems(dataSource, [
      { id: high, createdAt: new Date('2024-01-01T00:00:00Z') },
      { id: low, createdAt: new Date('2025-01-01T00:00:00Z') },
    ]);
    const lock = await lockItem(databaseUrl, low);

    const rows = [aRow({ id: high, quantity: '2' }, 2), aRow({ id: low, quantity: '2' }, 3)];
    const importing = importRows(databaseUrl, rows, { mode: 'atomic' });
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
    await untilSessionWaits(databaseUrl, 2);
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

  test('waits for no lock in a dry run, writes nothing, and counts what it would do', async () => {
    const [same, other, gone] = await insertOrderItems(dataSource, [{}, {}, { status: 'cancelled' }]);
    const rows = [
      aRow({ id: same ?? '' }, 2),
      aRow({ id: other ?? '', quantity: '2' }, 3),
      aRow({ id: gone ?? '', status: 'pending' }, 4),
      aRow({}, 5),
      aRow({ id: 'x' }, 6),
    ];
    const lock = await lockItem(databaseUrl, other ?? '');
    const imported = await expectNothingWritten(dataSource, () => importRows(databaseUrl, rows, { mode: 'dry run' }));
    await lock.release();
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
        `The import stopped: The database refused an order item by a rule of its own. Failing row contains (${unlucky.values.id}`,
      );
      await expect(failed).rejects.toThrow(/Nothing was written\.$/);
      await expect(failed).rejects.not.toThrow('secret_rule');
    });
    await dataSource.query('ALTER TABLE order_item DROP CONSTRAINT secret_rule');
  });
});

/** More than the rows of the first chunk. */
const MANY = 1_200;

/** Inserts many items and builds a row that changes each, in the order of their numbers. */
async function changeMany(): Promise<{ readonly ids: readonly string[]; readonly rows: readonly FileRow[] }> {
  const ids = await insertOrderItems(
    dataSource,
    Array.from({ length: MANY }, (_, n) => ({ createdAt: new Date(Date.UTC(2024, 0, 1) + n * 1_000) })),
  );
  const rows = ids.map((id, n) =>
    aRow({ id, quantity: '2', created_at: new Date(Date.UTC(2024, 0, 1) + n * 1_000).toISOString() }, n + 2),
  );
  return { ids, rows };
}

async function countChanged(ids: readonly string[]): Promise<number> {
  const [row] = await dataSource.query<{ count: number }[]>(
    'SELECT count(*)::int AS count FROM order_item WHERE id = ANY($1) AND quantity = 2',
    [ids],
  );
  return row?.count ?? 0;
}

describe('an import in chunks', () => {
  test('lets items be cancelled on both sides of a row that another transaction has locked', async () => {
    const { ids, rows } = await changeMany();
    const lock = await lockItem(databaseUrl, ids[MANY - 2] ?? '');
    const importing = importRows(databaseUrl, rows);
    await waitFor('all rows but two', async () => (await countChanged(ids)) >= MANY - 2);
    for (const position of [0, 499, 500, MANY - 3, MANY - 1]) {
      expect((await service.cancelByRest(ids[position] ?? '')).status).toBe(200);
    }
    await lock.release();
    expect(await importing).toMatchObject({ inserted: 0, updated: MANY });
    expect(await countChanged(ids)).toBe(MANY);
    expect(await findOrderItem(dataSource, ids[MANY - 1] ?? '')).toMatchObject({ status: 'cancelled', quantity: 2 });
  });

  test('that the database refuses in the middle says how far it came, and goes on when it runs again', async () => {
    const { ids, rows } = await changeMany();
    const unlucky = aRow({ ...rows[MANY - 100]?.values, quantity: '13' });
    await dataSource.query('ALTER TABLE order_item ADD CONSTRAINT secret_rule CHECK (quantity <> 13)');
    const stopped = await importRows(databaseUrl, rows.with(MANY - 100, unlucky)).catch((error: unknown) => error);
    if (!(stopped instanceof ImportStopped)) throw new Error('The import did not stop.', { cause: stopped });
    // How many rows a chunk has depends on the speed of the database.
    const { updated } = stopped.counts;
    expect(updated).toBeGreaterThan(0);
    expect(updated).toBeLessThanOrEqual(MANY - 100);
    expect(stopped.counts).toEqual({ inserted: 0, updated, unchanged: 0, rejected: 0, keptCancelled: 0 });
    expect(stopped.message).toMatch(/^The import stopped: .* Failing row contains /);
    expect(stopped.message).toContain(`. ${updated} of 1200 rows are in, and running the import again is safe.`);
    expect(await countChanged(ids)).toBe(updated);
    await dataSource.query('ALTER TABLE order_item DROP CONSTRAINT secret_rule');
    expect(await importRows(databaseUrl, rows)).toMatchObject({ updated: MANY - updated, unchanged: updated });
  });

  test('that loses the database in the middle says how far it came', async () => {
    const { ids, rows } = await changeMany();
    const lock = await lockItem(databaseUrl, ids[MANY - 1] ?? '');
    const importing = importRows(databaseUrl, rows).catch((error: unknown) => error);
    await waitFor('all rows but one', async () => (await countChanged(ids)) >= MANY - 1);
    await dataSource.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'order-items-import'",
    );
    expect(await importing).toMatchObject({
      message: expect.stringMatching(/terminat.*\. 1199 of 1200 rows are in/),
      counts: { updated: MANY - 1 },
    });
    await lock.release();
  });

  test('in one transaction writes nothing if the database refuses a row', async () => {
    const { ids, rows } = await changeMany();
    await dataSource.query('ALTER TABLE order_item ADD CONSTRAINT secret_rule CHECK (quantity <> 13)');
    const refused = aRow({ ...rows.at(-1)?.values, quantity: '13' });
    await expect(importRows(databaseUrl, rows.with(-1, refused), { mode: 'atomic' })).rejects.toThrow(
      'The database refused an order item by a rule of its own.',
    );
    expect(await countChanged(ids)).toBe(0);
    await dataSource.query('ALTER TABLE order_item DROP CONSTRAINT secret_rule');
  });
});

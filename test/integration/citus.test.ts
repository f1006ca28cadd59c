import { readConfig } from '../../src/config.ts';
import { migrateDatabase } from '../../src/database/migrateDatabase.ts';
import { migrations } from '../../src/database/migrations.ts';
import { checkItems } from '../../src/order-items/checkItems.ts';
import { NOTHING_CLOSED } from '../../src/order-items/eligibility.ts';
import { startService } from '../../src/service.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { query } from '../support/citus.ts';
import { aRequest, cancellingIn, listCodes } from '../support/cancelling.ts';
import { findCancellations, findOrderItem, insertOrderItems } from '../support/orderItems.ts';
import { createTestDatabase, databaseUrls, nameDatabase } from '../support/testDatabase.ts';
import { startTestService } from '../support/testService.ts';

/* What only tables that Citus has distributed can show. `npm run test:citus` runs it. */
const service = await startTestService();
const other = await startTestService({ DATABASE_URL: service.databaseUrl });
const { dataSource } = service;

const COUNTS = `
  SELECT (SELECT count(*)::int FROM order_item WHERE order_id = $1 AND status = 'cancelled' AND version = 2) AS items,
    (SELECT count(*)::int FROM order_item_cancellation JOIN order_item ON order_item.id = order_item_id
     WHERE order_id = $1) AS cancellations,
    (SELECT count(*)::int FROM order_item_event JOIN order_item ON order_item.id = order_item_id
     WHERE order_id = $1) AS events`;

describe('on tables that Citus has distributed', () => {
  test('items are on several workers', async () => {
    await insertOrderItems(
      dataSource,
      Array.from({ length: 64 }, () => ({})),
    );
    const shards = await dataSource.query<{ nodeport: number; items: string }[]>(
      `SELECT nodename, nodeport, result AS items FROM run_command_on_shards('order_item', 'SELECT count(*) FROM %s')
       JOIN citus_shards USING (shardid)`,
    );
    const used = shards.filter(({ items }) => items !== '0');
    expect(new Set(used.map(({ nodeport }) => nodeport)).size).toBeGreaterThan(1);
  });

  test('bulks and single cancels of the same items through two instances, in any order: each item is cancelled once', async () => {
    const ids = await insertOrderItems(
      dataSource,
      Array.from({ length: 60 }, () => ({ orderId: 'raced' })),
    );
    const instances = [cancellingIn(dataSource), cancellingIn(other.dataSource)];
    const outcomes = await Promise.all(
      instances.flatMap(({ cancelAtOnce }, instance) => {
        const ordered = instance === 0 ? ids : ids.toReversed();
        const bulks = [0, 20, 40].map((from) => ordered.slice(from, from + 20));
        return cancelAtOnce([
          ...bulks.map((bulk, i) => aRequest(bulk, i === 1 ? { idempotencyKey: `bulk-${instance}` } : {})),
          ...ordered.map((id) => aRequest([id])),
        ]);
      }),
    );
    const codes = listCodes(outcomes).flat();
    expect(codes.filter((code) => code === 'CANCELLED')).toHaveLength(60);
    expect(codes.filter((code) => code === 'ORDER_ITEM_NOT_CANCELABLE')).toHaveLength(180);
    expect(await dataSource.query(COUNTS, ['raced'])).toEqual([{ items: 60, cancellations: 60, events: 60 }]);
  });

  test('one key for other items through two instances at once is used once', async () => {
    const ids = await insertOrderItems(
      dataSource,
      Array.from({ length: 20 }, () => ({})),
    );
    const outcomes = await Promise.all(
      [dataSource, other.dataSource].flatMap((instance, i) =>
        cancellingIn(instance).cancelAtOnce([aRequest(ids.slice(i * 10, i * 10 + 10), { idempotencyKey: 'shared' })]),
      ),
    );
    expect(new Set(listCodes(outcomes).flat())).toEqual(new Set(['CANCELLED', 'IDEMPOTENCY_KEY_REUSED']));
    expect(await findCancellations(dataSource, ids)).toHaveLength(10);
  });

  test.each([null, 2])(
    "another service's trigger that keeps an item fails the cancel of it: quantity %s",
    async (quantity) => {
      const [id = ''] = await insertOrderItems(dataSource, [{ quantity: 3, orderId: 'kept' }]);
      await dataSource.query(`CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN NEW.status = OLD.status; NEW.cancelled_quantity = OLD.cancelled_quantity; RETURN NEW; END $$`);
      await dataSource.query(`CREATE TRIGGER keep BEFORE UPDATE ON order_item FOR EACH ROW WHEN (OLD.order_id = 'kept')
      EXECUTE FUNCTION keep()`);
      try {
        await expect(cancellingIn(dataSource).cancel(aRequest([id], { quantity }))).rejects.toThrow(
          'A trigger keeps order_item at pending.',
        );
      } finally {
        await dataSource.query('DROP FUNCTION keep() CASCADE');
      }
      expect(await findOrderItem(dataSource, id)).toMatchObject({ version: 1, cancelledQuantity: 0 });
      expect(await findCancellations(dataSource, [id])).toEqual([]);
    },
  );

  test('a check of the items finds no defect', async () => {
    await insertOrderItems(dataSource, [{}]);
    const { defects, remarks } = await checkItems({ dataSource, distributed: true }, NOTHING_CLOSED);
    expect({ defects, remarks }).toEqual({
      defects: [],
      remarks: [expect.stringMatching('was cancelled in a transaction and rolled back')],
    });
  });

  test('the migration of quantities can be taken back and run again', async () => {
    const { url, drop } = await createTestDatabase();
    const from = migrations.findIndex(({ name }) => name.startsWith('Quantities'));
    const names = migrations.slice(from).map(({ name }) => name);
    for (const name of names.toReversed()) {
      expect(await migrateDatabase(url, { direction: 'down' })).toEqual([name]);
    }
    expect(await migrateDatabase(url)).toEqual(names);
    const id = '00000000-0000-4000-8000-000000000001';
    const record = `INSERT INTO order_item_cancellation
        (id, order_item_id, cancelled_before, quantity, previous_status, cancelled_by, channel, request_id)
      VALUES (gen_random_uuid(), '${id}', 0, 2, 'pending', 'somebody', 'rest', repeat('a', 32))`;
    await query(
      url,
      `INSERT INTO order_item (id, order_id, product_id, quantity, cancelled_quantity, price_amount, price_currency)
       VALUES ('${id}', 'order-1', 'product-1', 3, 2, 1, 'EUR')`,
    );
    await query(url, record);
    await expect(query(url, record)).rejects.toMatchObject({ code: '23505' });
    await expect(query(url, `UPDATE order_item SET cancelled_quantity = 1 WHERE id = '${id}'`)).rejects.toMatchObject({
      code: '23514',
    });
    await drop();
  });

  test('a start is refused if a worker writes times in another time zone', async () => {
    const { url, drop } = await createTestDatabase();
    const [, worker = ''] = databaseUrls(nameDatabase(url));
    await query(worker, `ALTER DATABASE ${nameDatabase(url)} SET timezone = 'Asia/Kolkata'`);
    const config = readConfig({ PORT: '0', DATABASE_URL: url });
    await expect(startService(config, { logger: createLogger('silent') })).rejects.toThrow(
      /The worker \S+ of Citus writes the time .* Set timezone = 'UTC' and datestyle = 'ISO' there/,
    );
    await drop();
  });

  test.each(['true', 'false'])('a start on a worker is refused, with MIGRATE_ON_START=%s', async (MIGRATE_ON_START) => {
    const [, worker = ''] = databaseUrls(nameDatabase(service.databaseUrl));
    const config = readConfig({ PORT: '0', DATABASE_URL: worker, MIGRATE_ON_START });
    await expect(startService(config, { logger: createLogger('silent') })).rejects.toThrow(
      'DATABASE_URL names a worker of Citus. Set the URL of the coordinator.',
    );
    expect(await query(worker, `SELECT 1 FROM pg_class WHERE relname = 'order_item_migration'`)).toEqual([]);
  });
});

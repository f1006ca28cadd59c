import pg from 'pg';
import type { DataSource } from 'typeorm';
import { cancelAsEarlier } from '../../bench/earlierCancel.ts';
import { createDataSource } from '../../src/database/dataSource.ts';
import { migrateDown, migrateUp, migrations } from '../../src/database/migrations.ts';
import { startDatabaseProxy } from '../support/databaseProxy.ts';
import { createManualClock } from '../support/manualClock.ts';
import { untilSessionWaits } from '../support/lockedItem.ts';
import { anOrderItem } from '../support/orderItems.ts';
import { createTestDatabase } from '../support/testDatabase.ts';
import { startTestService } from '../support/testService.ts';
import { waitFor } from '../support/waitFor.ts';

/* Migrations of a database in use: another transaction keeps a table locked, and cancels go on meanwhile. */

const service = await startTestService();
const proxy = await startDatabaseProxy(service.databaseUrl);

/** The migration that changes most in use, and those after it. */
const REVERTED = migrations
  .slice(migrations.findIndex(({ name }) => name.startsWith('Quantities')))
  .map(({ name }) => name);

async function revert(dataSource: Parameters<typeof migrateDown>[0]): Promise<void> {
  for (const name of REVERTED.toReversed()) expect(await migrateDown(dataSource)).toEqual([name]);
}

async function connect(url: string) {
  const client = new pg.Client(url);
  // A test ends the sessions of migrations.
  client.on('error', () => undefined);
  await client.connect();
  return { client, [Symbol.asyncDispose]: () => client.end() };
}

async function openMigrating(url: string) {
  const dataSource = createDataSource({ url, entities: [], poolSize: 3, lockTimeoutMs: 0, statementTimeoutMs: 0 });
  await dataSource.initialize();
  return { dataSource, [Symbol.asyncDispose]: () => dataSource.destroy() };
}

/** Migrates on a clock that stands still, so that the migration waits after each attempt until `next` is called. */
function migrateStepwise(migrate: typeof migrateUp, dataSource: Parameters<typeof migrateUp>[0]) {
  const clock = createManualClock();
  let attempted = Promise.withResolvers<'locked'>();
  const done = migrate(dataSource, {
    clock,
    onLocked: () => {
      attempted.resolve('locked');
    },
  });
  const untilLocked = (): Promise<unknown> => Promise.race([attempted.promise, done]);
  const next = async (): Promise<void> => {
    attempted = Promise.withResolvers();
    await clock.advance(2_000);
  };
  return {
    done,
    /** Waits for an attempt that finds a table locked. */
    untilLocked,
    next,
    /** Makes further attempts until one finds no table locked. */
    untilUnlocked: () =>
      waitFor('an attempt that finds no table locked', async () => {
        if ((await untilLocked()) !== 'locked') return true;
        await next();
        return false;
      }),
  };
}

async function findPrimaryKeys(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ definition: string }>(
    `SELECT conrelid::regclass || ' ' || pg_get_constraintdef(oid) AS definition FROM pg_constraint
     WHERE contype = 'p' AND conrelid::regclass::text IN ('order_item_cancellation', 'order_item_event') ORDER BY 1`,
  );
  return rows.map(({ definition }) => definition);
}

async function countInvalidIndexes(client: pg.Client): Promise<number> {
  const { rowCount } = await client.query('SELECT FROM pg_index WHERE NOT indisvalid');
  return rowCount ?? 0;
}

/** Cancels as the release before the migration of quantities does. Fails if a cancel waits for the migration. */
async function expectCancels({ dataSource }: { dataSource: DataSource }): Promise<void> {
  for (let count = 0; count < 10; count += 1) {
    const id = await anOrderItem(dataSource);
    await dataSource.transaction(async (manager) => {
      await manager.query("SET LOCAL lock_timeout = '2s'");
      await cancelAsEarlier((statement, parameters) => manager.query(statement, parameters), id);
    });
  }
}

const NEWEST_KEYS = [
  'order_item_cancellation PRIMARY KEY (order_item_id, cancelled_before)',
  'order_item_event PRIMARY KEY (order_item_id, id)',
];

test('cancels go on while a reader keeps a migration from its lock, down and up', async () => {
  await using reading = await connect(service.databaseUrl);
  await using migrating = await openMigrating(service.databaseUrl);
  await using cancelling = await openMigrating(service.databaseUrl);
  const [quantities, ...later] = REVERTED;
  for (const name of later.toReversed()) expect(await migrateDown(migrating.dataSource)).toEqual([name]);
  for (const migrate of [migrateDown, migrateUp]) {
    await reading.client.query('BEGIN ISOLATION LEVEL READ COMMITTED');
    await reading.client.query('SELECT FROM order_item_cancellation, order_item_event LIMIT 1');
    const migration = migrateStepwise(migrate, migrating.dataSource);
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      const cancelled = expectCancels(cancelling);
      expect(await migration.untilLocked()).toBe('locked');
      await cancelled;
      await migration.next();
    }
    await reading.client.query('COMMIT');
    await migration.untilUnlocked();
    expect(await migration.done).toEqual(migrate === migrateDown ? [quantities] : REVERTED);
    await expectCancels(cancelling);
  }
  expect(await findPrimaryKeys(reading.client)).toEqual(NEWEST_KEYS);
  expect(await service.cancelByRest(await anOrderItem(service.dataSource))).toMatchObject({ status: 200 });
});

test('cancels go on while an index is built, and a build that was interrupted is done again', async () => {
  await using writing = await connect(service.databaseUrl);
  await using migrating = await openMigrating(service.databaseUrl);
  await using cancelling = await openMigrating(service.databaseUrl);
  await revert(migrating.dataSource);
  // An index that is built beside writers waits for every older snapshot.
  await writing.client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
  await writing.client.query('SELECT 1');
  const interrupted = migrateUp(migrating.dataSource).catch((error: unknown) => error);
  await untilSessionWaits(service.databaseUrl);
  await expectCancels(cancelling);
  await writing.client.query(
    "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'CREATE%CONCURRENTLY%'",
  );
  expect(await interrupted).toMatchObject({ code: '57014' });
  await writing.client.query('ROLLBACK');
  expect(await countInvalidIndexes(writing.client)).toBe(1);

  expect(await migrateUp(migrating.dataSource)).toEqual(REVERTED);
  expect(await countInvalidIndexes(writing.client)).toBe(0);
  expect(await findPrimaryKeys(writing.client)).toEqual(NEWEST_KEYS);
});

test('a migration goes on after a silence of the database in which requests fail', async () => {
  await using migrating = await openMigrating(proxy.url);
  const limits = { lockTimeoutMs: 60_000, statementTimeoutMs: 60_000 };
  const serving = createDataSource({ url: proxy.url, entities: [], poolSize: 1, ...limits });
  await serving.initialize();
  await revert(migrating.dataSource);
  proxy.stallAt('CREATE UNIQUE INDEX');
  const migration = migrateUp(migrating.dataSource);
  const failure = await waitFor('a request that fails', () =>
    serving.query('SELECT').then(
      () => null,
      (error: unknown) => error,
    ),
  );
  expect(failure).toBeInstanceOf(Error);
  await proxy.mend();
  expect(await migration).toEqual(REVERTED);
  await serving.destroy();
});

test('writers of a table brought along go on while one of them keeps the first migrations from their locks', async () => {
  const database = await createTestDatabase({ migrated: false });
  {
    await using migrating = await openMigrating(database.url);
    await migrateUp(migrating.dataSource);
    for (const _ of migrations.slice(1)) await migrateDown(migrating.dataSource);
    await migrating.dataSource.query(`COMMENT ON CONSTRAINT order_item_pkey ON order_item IS NULL`);
    await migrateDown(migrating.dataSource);
    const [open = '', other = ''] = await Promise.all([0, 1].map(() => anOrderItem(migrating.dataSource)));
    await using one = await connect(database.url);
    await using another = await connect(database.url);
    const update = 'UPDATE order_item SET quantity = quantity + 1 WHERE id = $1';

    await one.client.query('BEGIN');
    await one.client.query(update, [open]);
    const migration = migrateStepwise(migrateUp, migrating.dataSource);
    await another.client.query("SET lock_timeout = '10s'");
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      const updating = another.client.query(update, [other]);
      expect(await migration.untilLocked()).toBe('locked');
      await updating;
      await migration.next();
    }
    await one.client.query('COMMIT');
    await migration.untilUnlocked();
    expect(await migration.done).toEqual(migrations.map(({ name }) => name));
  }
  await database.drop();
});

import { createDataSource } from '../../src/database/dataSource.ts';
import { isMigrated, migrateDown, migrateUp, migrations } from '../../src/database/migrations.ts';
import * as entities from '../../src/order-items/orderItemTables.ts';
import { createTestDatabase } from '../support/testDatabase.ts';

async function anEmptyDatabase() {
  const database = await createTestDatabase({ migrated: false });
  const dataSource = createDataSource({
    url: database.url,
    entities: Object.values(entities),
    poolSize: 3,
    lockTimeoutMs: 0,
    statementTimeoutMs: 0,
  });
  await dataSource.initialize();
  return {
    dataSource,
    [Symbol.asyncDispose]: async () => {
      await dataSource.destroy();
      await database.drop();
    },
  };
}

type Query = <T>(statement: string) => Promise<T[]>;

/** Everything that the migrations make, as the catalogue describes it. */
async function describeSchema(query: Query): Promise<unknown> {
  return {
    columns: await query(
      `SELECT table_name, column_name, data_type, is_nullable, column_default, numeric_precision, numeric_scale,
         character_maximum_length
       FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'order_item_migration' ORDER BY 1, 2`,
    ),
    constraints: await query(
      `SELECT conrelid::regclass::text AS on_table, conname, pg_get_constraintdef(oid) FROM pg_constraint
       WHERE connamespace = 'public'::regnamespace AND conrelid <> 'order_item_migration'::regclass ORDER BY 1, 2`,
    ),
    indexes: await query(
      `SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'order_item_migration' ORDER BY 1`,
    ),
    triggers: await query(`SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1`),
    functions: await query(
      `SELECT proname, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1`,
    ),
  };
}

describe('migrations', () => {
  test('run up, down to an empty database, and up again to the same schema', async () => {
    await using empty = await anEmptyDatabase();
    const { dataSource } = empty;
    const query: Query = (statement) => dataSource.query(statement);

    expect(await migrateUp(dataSource)).toEqual(migrations.map(({ name }) => name));
    const first = await describeSchema(query);
    for (const { name } of [...migrations].reverse()) expect(await migrateDown(dataSource)).toEqual([name]);
    expect(await describeSchema(query)).toEqual({
      columns: [],
      constraints: [],
      indexes: [],
      triggers: [],
      functions: [],
    });
    expect(await migrateDown(dataSource)).toEqual([]);
    expect(await isMigrated(dataSource)).toBe(false);

    await migrateUp(dataSource);
    expect(await describeSchema(query)).toEqual(first);
    expect(await isMigrated(dataSource)).toBe(true);
    expect(await migrateUp(dataSource)).toEqual([]);
  });

  test('create tables that match the mappings of TypeORM', async () => {
    await using empty = await anEmptyDatabase();
    await migrateUp(empty.dataSource);
    const { upQueries } = await empty.dataSource.driver.createSchemaBuilder().log();
    expect(upQueries.map(({ query }) => query)).toEqual([]);
  });

  test('run once if two instances start at the same time', async () => {
    await using empty = await anEmptyDatabase();
    const ran = await Promise.all([migrateUp(empty.dataSource), migrateUp(empty.dataSource)]);
    expect(ran.flat()).toEqual(migrations.map(({ name }) => name));
  });
});

describe('an order_item brought along', () => {
  const TABLE = `CREATE TABLE purchase_line (
    line_id uuid PRIMARY KEY, order_id text, product_id text, external_id text, status text, is_pre_order boolean,
    release_date date, quantity int, price_amount numeric(19,4), price_currency char(3), version int,
    created_at timestamptz, updated_at timestamptz)`;

  async function bring(statements: string[]) {
    const empty = await anEmptyDatabase();
    for (const statement of statements) await empty.dataSource.query(statement);
    return empty;
  }

  const VIEW = `CREATE VIEW order_item AS SELECT line_id AS id, order_id, product_id, external_id, status, is_pre_order,
    release_date, quantity, price_amount, price_currency, version, created_at, updated_at`;

  test('as a view is used unchanged, and stays when migrations are reverted', async () => {
    await using brought = await bring([
      TABLE.replace('quantity int', 'quantity int, cancelled_quantity int NOT NULL DEFAULT 0'),
      `${VIEW}, cancelled_quantity FROM purchase_line`,
    ]);
    const { dataSource } = brought;
    await migrateUp(dataSource);
    expect(await isMigrated(dataSource)).toBe(true);
    for (const _ of migrations) await migrateDown(dataSource);
    expect(await dataSource.query('SELECT count(*)::int AS count FROM order_item')).toEqual([{ count: 0 }]);
  });

  test('as a table gets the trigger, and keeps its rows when migrations are reverted', async () => {
    await using brought = await bring([
      TABLE.replace('purchase_line', 'order_item').replace('line_id', 'id'),
      `INSERT INTO order_item (id, status) VALUES ('0b5c3f5e-8f0a-5b0e-9d63-0123456789ab', 'cancelled')`,
    ]);
    const { dataSource } = brought;
    await migrateUp(dataSource);
    await expect(dataSource.query(`UPDATE order_item SET status = 'pending'`)).rejects.toMatchObject({
      constraint: 'order_item_stays_cancelled',
    });
    for (const _ of migrations) await migrateDown(dataSource);
    expect(await dataSource.query('SELECT status FROM order_item')).toEqual([{ status: 'cancelled' }]);
  });

  test.each([
    ['has no column cancelled_quantity', `${VIEW} FROM purchase_line`],
    ['does not let cancelled_quantity be updated', `${VIEW}, 0 AS cancelled_quantity FROM purchase_line`],
  ])('as a view that %s is refused, and migrates once it is mended', async (defect, view) => {
    await using brought = await bring([TABLE, view]);
    const { dataSource } = brought;
    await expect(migrateUp(dataSource)).rejects.toThrow(
      `The view order_item ${defect}. The column counts the cancelled units of an item`,
    );
    expect(await isMigrated(dataSource)).toBe(false);
    for (const statement of [
      'DROP VIEW order_item',
      'ALTER TABLE purchase_line ADD COLUMN cancelled_quantity int NOT NULL DEFAULT 0',
      `${VIEW}, cancelled_quantity FROM purchase_line`,
    ]) {
      await dataSource.query(statement);
    }
    await migrateUp(dataSource);
    expect(await isMigrated(dataSource)).toBe(true);
  });

  test('as a table keeps a column cancelled_quantity that it brings', async () => {
    const columns = 'id uuid PRIMARY KEY, quantity int, cancelled_quantity int NOT NULL DEFAULT 0';
    await using brought = await bring([
      TABLE.replace('purchase_line', 'order_item')
        .replace('line_id uuid PRIMARY KEY', columns)
        .replace(', quantity int,', ','),
    ]);
    const { dataSource } = brought;
    const hasColumn = `SELECT count(*)::int AS columns FROM information_schema.columns WHERE column_name = 'cancelled_quantity'`;
    await migrateUp(dataSource);
    for (const _ of migrations) await migrateDown(dataSource);
    expect(await dataSource.query(hasColumn)).toEqual([{ columns: 1 }]);
  });

  test('without a column is refused with the name of the column', async () => {
    await using brought = await bring(['CREATE TABLE order_item (id uuid PRIMARY KEY)']);
    await expect(migrateUp(brought.dataSource)).rejects.toThrow(/order_id/);
  });
});

import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { OrderItem1764000000000 } from '../../migrations/1764000000000-orderItem.ts';
import { OrderItemCancellation1764000001000 } from '../../migrations/1764000001000-orderItemCancellation.ts';
import { OrderItemEvent1764000002000 } from '../../migrations/1764000002000-orderItemEvent.ts';

/** In the order in which they run. */
export const migrations = [
  OrderItem1764000000000,
  OrderItemCancellation1764000001000,
  OrderItemEvent1764000002000,
] as const;

/** Of its own name: the database may be somebody's who keeps a table `migrations` already. */
export const MIGRATIONS_TABLE = 'order_item_migration';

/** An arbitrary number that every instance of the service shares. */
const MIGRATION_LOCK = 4_001_776_401;

/** How often whoever waits for a turn looks, in milliseconds. */
const TURN_MS = 100;

/**
 * Runs the migrations that have not run yet. Instances that start at the same time take turns.
 *
 * @param dataSource connected, without time limits: a turn can take as long as a migration does.
 * @returns the names of the migrations that ran.
 */
export async function migrateUp(dataSource: DataSource): Promise<string[]> {
  const run = await namesOfRun(dataSource);
  if (migrations.every(({ name }) => run.includes(name))) return [];
  return inTurn(dataSource, async () => {
    const ran = await dataSource.runMigrations();
    return ran.map(({ name }) => name);
  });
}

/**
 * Takes back the newest migration that has run.
 *
 * @returns its name, or nothing when none has run.
 */
export async function migrateDown(dataSource: DataSource): Promise<string[]> {
  return inTurn(dataSource, async () => {
    const before = await namesOfRun(dataSource);
    await dataSource.undoLastMigration();
    const after = await namesOfRun(dataSource);
    return before.filter((name) => !after.includes(name));
  });
}

/** Whether the database is reachable and every migration has run. @throws when the database cannot be asked. */
export async function isMigrated(dataSource: DataSource): Promise<boolean> {
  const [row] = await dataSource.query<{ missing: number }[]>(
    'SELECT count(*)::int AS missing FROM unnest($1::text[]) AS name WHERE name NOT IN (SELECT name FROM order_item_migration)',
    [migrations.map(({ name }) => name)],
  );
  return row?.missing === 0;
}

async function namesOfRun(dataSource: DataSource): Promise<string[]> {
  const [table] = await dataSource.query<{ exists: boolean }[]>(
    `SELECT to_regclass('order_item_migration') IS NOT NULL AS exists`,
  );
  if (table?.exists !== true) return [];
  const rows = await dataSource.query<{ name: string }[]>('SELECT name FROM order_item_migration');
  return rows.map(({ name }) => name);
}

/**
 * The lock lasts as long as a transaction, not a session, so that it holds behind a pooler too. Nobody waits in a session for
 * his turn: the pooler may have no other for whoever has it.
 */
async function inTurn<T>(dataSource: DataSource, act: () => Promise<T>): Promise<T> {
  for (;;) {
    const turn = await dataSource.transaction(async (manager) => {
      const [row] = await manager.query<{ taken: boolean }[]>('SELECT pg_try_advisory_xact_lock($1) AS taken', [
        MIGRATION_LOCK,
      ]);
      if (row?.taken !== true) return null;
      // A migration takes as long as it takes.
      await manager.query('SET LOCAL idle_in_transaction_session_timeout = 0');
      return { result: await act() };
    });
    if (turn !== null) return turn.result;
    await sleep(TURN_MS);
  }
}

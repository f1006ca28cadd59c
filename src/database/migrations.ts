import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { OperatorError } from '../work/operatorError.ts';
import { OrderItem1764000000000 } from '../../migrations/1764000000000-orderItem.ts';
import { OrderItemCancellation1764000001000 } from '../../migrations/1764000001000-orderItemCancellation.ts';
import { OrderItemEvent1764000002000 } from '../../migrations/1764000002000-orderItemEvent.ts';

/** In the order in which they run. */
export const migrations = [
  OrderItem1764000000000,
  OrderItemCancellation1764000001000,
  OrderItemEvent1764000002000,
] as const;

/** A specific name, because a shared database can already have a table `migrations`. */
export const MIGRATIONS_TABLE = 'order_item_migration';

/** The advisory lock of migrations, an arbitrary number that all instances share. */
const MIGRATION_LOCK = 4_001_776_401;

/** How often an instance retries the lock. */
const LOCK_RETRY_MS = 100;

/**
 * Runs the migrations that have not run yet. Instances that start at the same time take turns.
 *
 * @param dataSource is connected, without time limits, because another instance's migration can take long.
 * @returns the names of the migrations that ran.
 */
export async function migrateUp(dataSource: DataSource): Promise<string[]> {
  const run = await findCompleted(dataSource);
  if (migrations.every(({ name }) => run.includes(name))) return [];
  return runExclusively(dataSource, async () => {
    const ran = await dataSource.runMigrations();
    return ran.map(({ name }) => name);
  });
}

/**
 * Reverts the newest migration that has run.
 *
 * @returns its name, or an empty list if none has run.
 */
export async function migrateDown(dataSource: DataSource): Promise<string[]> {
  return runExclusively(dataSource, async () => {
    const before = await findCompleted(dataSource);
    await dataSource.undoLastMigration();
    const after = await findCompleted(dataSource);
    return before.filter((name) => !after.includes(name));
  });
}

/**
 * Whether every migration has run.
 *
 * @throws if the database is unreachable.
 */
export async function isMigrated(dataSource: DataSource): Promise<boolean> {
  const [row] = await dataSource.query<{ missing: number }[]>(
    'SELECT count(*)::int AS missing FROM unnest($1::text[]) AS name WHERE name NOT IN (SELECT name FROM order_item_migration)',
    [migrations.map(({ name }) => name)],
  );
  return row?.missing === 0;
}

/**
 * Requires that every migration has run.
 *
 * @throws OperatorError that names the pending migrations, or a database error.
 */
export async function requireMigrated(dataSource: DataSource): Promise<void> {
  const completed = await findCompleted(dataSource);
  const pending = migrations.map(({ name }) => name).filter((name) => !completed.includes(name));
  if (pending.length === 0) return;
  throw new OperatorError(
    `The database lacks the migrations ${pending.join(', ')}. Run npm run migrate, or set MIGRATE_ON_START=true.`,
  );
}

/** Finds migrations in the database that this version does not know. A newer version ran them. */
export async function findUnknownMigrations(dataSource: DataSource): Promise<string[]> {
  const known: readonly string[] = migrations.map(({ name }) => name);
  return (await findCompleted(dataSource)).filter((name) => !known.includes(name));
}

async function findCompleted(dataSource: DataSource): Promise<string[]> {
  const [table] = await dataSource.query<{ exists: boolean }[]>(
    `SELECT to_regclass('order_item_migration') IS NOT NULL AS exists`,
  );
  if (table?.exists !== true) return [];
  const rows = await dataSource.query<{ name: string }[]>('SELECT name FROM order_item_migration');
  return rows.map(({ name }) => name);
}

/**
 * Runs an action under the migration lock. The lock belongs to a transaction instead of a session, so it works behind a
 * pooler. Waiting instances hold no session, because a pooler can have too few for the one that migrates.
 */
async function runExclusively<T>(dataSource: DataSource, act: () => Promise<T>): Promise<T> {
  for (;;) {
    const done = await dataSource.transaction(async (manager) => {
      const [row] = await manager.query<{ isLocked: boolean }[]>('SELECT pg_try_advisory_xact_lock($1) AS "isLocked"', [
        MIGRATION_LOCK,
      ]);
      if (row?.isLocked !== true) return null;
      // A migration can take longer than an idle session is allowed.
      await manager.query('SET LOCAL idle_in_transaction_session_timeout = 0');
      return { result: await act() };
    });
    if (done !== null) return done.result;
    await sleep(LOCK_RETRY_MS);
  }
}

import type { DataSource } from 'typeorm';
import { type Clock, sleep, systemClock } from '../work/clock.ts';
import { OperatorError } from '../work/operatorError.ts';
import { isConflict, isLockTimeout } from './errors.ts';
import { OrderItem1764000000000 } from '../../migrations/1764000000000-orderItem.ts';
import { OrderItemCancellation1764000001000 } from '../../migrations/1764000001000-orderItemCancellation.ts';
import { OrderItemEvent1764000002000 } from '../../migrations/1764000002000-orderItemEvent.ts';
import { ItemKeys1764000003000 } from '../../migrations/1764000003000-itemKeys.ts';
import { Quantities1764000004000 } from '../../migrations/1764000004000-quantities.ts';
import { Customers1764000005000 } from '../../migrations/1764000005000-customers.ts';
import { Webhooks1764000006000 } from '../../migrations/1764000006000-webhooks.ts';
import { OrderItemStream1764000007000 } from '../../migrations/1764000007000-orderItemStream.ts';

/** In the order in which they run. */
export const migrations = [
  OrderItem1764000000000,
  OrderItemCancellation1764000001000,
  OrderItemEvent1764000002000,
  ItemKeys1764000003000,
  Quantities1764000004000,
  Customers1764000005000,
  Webhooks1764000006000,
  OrderItemStream1764000007000,
] as const;

/** A specific name, because a shared database can already have a table `migrations`. */
export const MIGRATIONS_TABLE = 'order_item_migration';

/** The advisory lock of migrations, an arbitrary number that all instances share. */
const MIGRATION_LOCK = 4_001_776_401;

/** How often an instance retries the lock. */
const LOCK_RETRY_MS = 100;

/** The pause after an attempt that found a table locked. Meanwhile nobody waits for the migration. */
const ATTEMPT_PAUSE_MS = 2_000;
const MAX_ATTEMPTS = 300;

export interface MigrationOptions {
  /** Called when another transaction has locked a table that a migration changes. The migration then runs again. */
  readonly onLocked?: () => void;
  readonly clock?: Clock;
}

/**
 * Runs the migrations that have not run yet. Instances that start at the same time take turns.
 *
 * @param dataSource is connected, without time limits, because another instance's migration can take long.
 * @returns the names of the migrations that ran.
 * @throws OperatorError if a table stays locked for about ten minutes, or an error of the database.
 */
export async function migrateUp(dataSource: DataSource, options?: MigrationOptions): Promise<string[]> {
  const before = await findCompleted(dataSource);
  if (migrations.every(({ name }) => before.includes(name))) return [];
  return runExclusively(dataSource, options, async () => {
    const completed = await findCompleted(dataSource);
    await retryWhileLocked(() => dataSource.runMigrations(), options);
    return (await findCompleted(dataSource)).filter((name) => !completed.includes(name));
  });
}

/**
 * Reverts the newest migration that has run.
 *
 * @returns its name, or an empty list if none has run.
 */
export async function migrateDown(dataSource: DataSource, options?: MigrationOptions): Promise<string[]> {
  return runExclusively(dataSource, options, async () => {
    const before = await findCompleted(dataSource);
    await retryWhileLocked(() => undoLastMigration(dataSource), options);
    const after = await findCompleted(dataSource);
    return before.filter((name) => !after.includes(name));
  });
}

/** TypeORM respects the mode of a migration only on its way up. */
async function undoLastMigration(dataSource: DataSource): Promise<void> {
  const completed = await findCompleted(dataSource);
  const last = dataSource.migrations.findLast(({ name }) => name !== undefined && completed.includes(name));
  await dataSource.undoLastMigration({ transaction: last?.transaction === false ? 'none' : 'each' });
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
async function runExclusively<T>(
  dataSource: DataSource,
  { clock = systemClock }: MigrationOptions = {},
  act: () => Promise<T>,
): Promise<T> {
  for (;;) {
    // With this isolation an idle transaction has no snapshot, for which the build of an index would wait.
    const done = await dataSource.transaction('READ COMMITTED', async (manager) => {
      const [row] = await manager.query<{ isLocked: boolean }[]>('SELECT pg_try_advisory_xact_lock($1) AS "isLocked"', [
        MIGRATION_LOCK,
      ]);
      if (row?.isLocked !== true) return null;
      // A migration can take longer than an idle session is allowed.
      await manager.query('SET LOCAL idle_in_transaction_session_timeout = 0');
      return { result: await act() };
    });
    if (done !== null) return done.result;
    await sleep(clock, LOCK_RETRY_MS);
  }
}

/** Runs migrations again while another transaction has locked a table. Those that have run are recorded, and do not repeat. */
async function retryWhileLocked(
  act: () => Promise<unknown>,
  { onLocked = () => undefined, clock = systemClock }: MigrationOptions = {},
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await act();
      return;
    } catch (error) {
      if (!isLockTimeout(error) && !isConflict(error)) throw error;
      if (attempt === MAX_ATTEMPTS) {
        throw new OperatorError(
          'A table stays locked by another transaction, which pg_stat_activity shows. End it, and migrate again.',
          { cause: error },
        );
      }
    }
    onLocked();
    await sleep(clock, ATTEMPT_PAUSE_MS);
  }
}

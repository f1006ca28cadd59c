import type { Config } from './config.ts';
import { requireSupportedServer } from './database/checkServer.ts';
import { describeReason, explainDatabaseFailure } from './database/databaseFailures.ts';
import { createDataSource, type DataSourceOptions } from './database/dataSource.ts';
import { isDistributed, requireTimesInUtc } from './database/distribution.ts';
import { retryAbsence } from './database/errors.ts';
import { migrateDatabase } from './database/migrateDatabase.ts';
import { findUnknownMigrations, requireMigrated } from './database/migrations.ts';
import type { Database } from './database/openDatabase.ts';
import { cancelDemonstrationItems, loadDemonstration } from './demonstration/loadDemonstration.ts';
import type { OrderItemDatabase } from './order-items/cancelTransaction.ts';
import { requireUsableTables } from './order-items/checkTables.ts';
import * as entities from './order-items/orderItemTables.ts';
import type { Logger } from './telemetry/logger.ts';

/** Returns the options of every connection. */
export function readConnectionOptions(config: Config): Omit<DataSourceOptions, 'url'> {
  return {
    entities: Object.values(entities),
    poolSize: config.databasePoolSize,
    lockTimeoutMs: config.lockTimeoutMs,
    statementTimeoutMs: config.requestTimeoutMs,
    pooled: config.pooled,
  };
}

/**
 * Migrates the database, connects to it, and checks that cancels can work there. Waits for a database that is not reachable
 * yet.
 *
 * @throws OperatorError that says what to do.
 */
export async function connectDatabase(
  options: DataSourceOptions,
  { migrateOnStart }: Config,
  { logger, signal }: { readonly logger: Logger; readonly signal?: AbortSignal },
): Promise<OrderItemDatabase> {
  const onLocked = (): void => {
    logger.warn('another transaction has locked a table, so the migration runs again');
  };
  const attempt = async (): Promise<OrderItemDatabase> => {
    const migrations = migrateOnStart ? await migrateDatabase(options.url, { ...options, onLocked }) : [];
    if (migrations.length > 0) logger.info({ migrations }, 'database migrated');
    signal?.throwIfAborted();
    await using opened = new AsyncDisposableStack();
    const database = await openDataSource(options);
    const { dataSource } = database;
    opened.defer(() => dataSource.destroy());
    if (!migrateOnStart) {
      await requireSupportedServer(dataSource);
      await requireMigrated(dataSource);
    }
    const unknown = await findUnknownMigrations(dataSource);
    if (unknown.length > 0) logger.warn({ migrations: unknown }, 'the database has migrations of a newer version');
    if (database.distributed) await requireTimesInUtc(dataSource);
    await requireUsableTables(database);
    opened.move();
    return database;
  };
  const onAbsent = (error: unknown): void => {
    logger.warn({ reason: describeReason(error) }, 'the database is not reachable yet');
  };
  try {
    return await retryAbsence(attempt, onAbsent, signal);
  } catch (error) {
    throw explainDatabaseFailure(error, options.url);
  }
}

/** Connects, and once more with other settings if the items are distributed. */
async function openDataSource(options: DataSourceOptions): Promise<OrderItemDatabase> {
  const { distributed = false } = options;
  const dataSource = createDataSource(options);
  await dataSource.initialize();
  try {
    if (distributed || !(await isDistributed(dataSource, 'order_item'))) return { dataSource, distributed };
  } catch (error) {
    await dataSource.destroy();
    throw error;
  }
  await dataSource.destroy();
  return openDataSource({ ...options, distributed: true });
}

/** Loads the demonstration data into an embedded database without items. */
export async function fillEmptyDatabase(
  connected: OrderItemDatabase,
  { url, embedded }: Database,
  config: Config,
  logger: Logger,
): Promise<void> {
  if (!embedded || config.production) return;
  const [row] = await connected.dataSource.query<{ empty: boolean }[]>(
    'SELECT NOT EXISTS (SELECT FROM order_item) AS empty',
  );
  if (row?.empty !== true) return;
  const items = await loadDemonstration(url);
  logger.info({ ...items, cancellations: await cancelDemonstrationItems(connected) }, 'demonstration data loaded');
}

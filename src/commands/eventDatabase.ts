import type { DataSource } from 'typeorm';
import type { Config } from '../config.ts';
import { readConnectionOptions } from '../connectDatabase.ts';
import { createDataSource } from '../database/dataSource.ts';
import { explainDatabaseFailure } from '../database/databaseFailures.ts';
import { isDistributed } from '../database/distribution.ts';
import { requireMigrated } from '../database/migrations.ts';
import { openDatabase } from '../database/openDatabase.ts';
import { OperatorError } from '../work/operatorError.ts';
import { readCommandConfig } from './commandConfig.ts';

/** A database with events, and the configuration. */
export interface EventDatabase {
  readonly dataSource: DataSource;
  readonly config: Config;
}

/**
 * Connects to the database of the configuration for one action.
 *
 * @throws OperatorError that says what to do if the database cannot be used or has no events with positions.
 */
export async function withEventDatabase<Result>(act: (database: EventDatabase) => Promise<Result>): Promise<Result> {
  const config = readCommandConfig();
  await using opened = new AsyncDisposableStack();
  const database = await openDatabase(config);
  opened.defer(() => database.stop());
  // A replay can read all events.
  const options = { ...readConnectionOptions(config), url: database.url, poolSize: 1, statementTimeoutMs: 0 };
  const dataSource = createDataSource(options);
  try {
    await dataSource.initialize();
    opened.defer(() => dataSource.destroy());
    await requireMigrated(dataSource);
    if (await isDistributed(dataSource, 'order_item')) {
      throw new OperatorError('There are no webhooks, because Citus has distributed the tables.');
    }
    return await act({ dataSource, config });
  } catch (error) {
    throw explainDatabaseFailure(error, database.url);
  }
}

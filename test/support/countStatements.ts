import type { DataSource, Logger } from 'typeorm';

/** The statements that number, send and delete events. A service runs them in the background. */
const BACKGROUND = /find_unnumbered_events|order_items\.is_sequencer|prune_events|order_item_webhook/;

/** Runs an action and returns the SQL statements that the data source ran for it, without those in the background. */
export async function listStatementsDuring(dataSource: DataSource, action: () => Promise<unknown>): Promise<string[]> {
  const statements: string[] = [];
  const own = dataSource.logger;
  const nothing = (): void => undefined;
  const recorder: Logger = {
    logQuery: (statement) => {
      if (!BACKGROUND.test(statement)) statements.push(statement);
    },
    logQueryError: nothing,
    logQuerySlow: nothing,
    logSchemaBuild: nothing,
    logMigration: nothing,
    log: nothing,
  };
  dataSource.logger = recorder;
  try {
    await action();
  } finally {
    dataSource.logger = own;
  }
  return statements;
}

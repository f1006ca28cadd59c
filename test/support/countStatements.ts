import type { DataSource, Logger } from 'typeorm';

/** Runs an action and returns the SQL statements that the data source ran meanwhile. */
export async function listStatementsDuring(dataSource: DataSource, action: () => Promise<unknown>): Promise<string[]> {
  const statements: string[] = [];
  const own = dataSource.logger;
  const nothing = (): void => undefined;
  const recorder: Logger = {
    logQuery: (statement) => statements.push(statement),
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

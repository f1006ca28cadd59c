import type { DataSource } from 'typeorm';

/** Whether Citus has distributed the rows of a table over several servers. */
export async function isDistributed(dataSource: DataSource, table: string): Promise<boolean> {
  const [citus] = await dataSource.query<{ isThere: boolean }[]>(
    `SELECT to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL AS "isThere"`,
  );
  if (citus?.isThere !== true) return false;
  const found = await dataSource.query<unknown[]>(
    "SELECT 1 FROM pg_dist_partition WHERE logicalrelid = to_regclass($1) AND partmethod = 'h'",
    [table],
  );
  return found.length > 0;
}

import type { DataSource } from 'typeorm';
import { OperatorError } from '../work/operatorError.ts';

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

/** A time before all time zones, so that only UTC gives it this text. */
const SAMPLE = '1600-07-01 00:00:00+00';

/**
 * Requires that the workers of Citus write times as the service reads them. They get no settings of its sessions, and a cancel
 * whose answer cannot be read is committed. A worker that is unreachable is not checked.
 *
 * @throws OperatorError that names the worker, or a database error.
 */
export async function requireTimesInUtc(dataSource: DataSource): Promise<void> {
  const workers = await dataSource.query<{ worker: string; text: string }[]>(
    `SELECT nodename || ':' || nodeport AS worker, result AS text
     FROM run_command_on_workers($$SELECT '${SAMPLE}'::timestamptz::text$$) WHERE success ORDER BY 1`,
  );
  const other = workers.find(({ text }) => text !== SAMPLE);
  if (other === undefined) return;
  throw new OperatorError(
    `The worker ${other.worker} of Citus writes the time ${SAMPLE} as ${other.text}. Set timezone = 'UTC' and datestyle = 'ISO' there.`,
  );
}

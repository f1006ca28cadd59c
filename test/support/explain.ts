import type { DataSource } from 'typeorm';
import { listStatementsDuring } from './countStatements.ts';

/** A step of a plan, and what it read. The number of rows is that of each loop. */
export interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Index Name'?: string;
  readonly 'Rows Removed by Filter'?: number;
  readonly Plans?: readonly PlanNode[];
}

/**
 * Runs a read, then prepares its statement and runs it again, so that PostgreSQL tells what the plan for any values read.
 *
 * @param parameters of the statement, in its order.
 * @returns the steps of the plan.
 */
export async function explain(
  dataSource: DataSource,
  run: () => Promise<unknown>,
  parameters: readonly (string | readonly string[])[],
): Promise<PlanNode[]> {
  const [statement = ''] = await listStatementsDuring(dataSource, run);
  return dataSource.transaction(async (manager) => {
    await manager.query(`PREPARE explained AS ${statement}`);
    const values = parameters.map((value) => `'${typeof value === 'string' ? value : `{${value.join()}}`}'`);
    const [row] = await manager.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }[]>(
      `EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE explained${values.length === 0 ? '' : `(${values.join(', ')})`}`,
    );
    await manager.query('DEALLOCATE explained');
    if (row === undefined) throw new Error('There was no plan.');
    return listNodes(row['QUERY PLAN'][0].Plan);
  });
}

function listNodes(plan: PlanNode): PlanNode[] {
  return [plan, ...(plan.Plans ?? []).flatMap(listNodes)];
}

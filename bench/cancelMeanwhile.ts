import { createDataSource } from '../src/database/dataSource.ts';
import { cancelAsEarlier } from './earlierCancel.ts';

const PAUSE_MS = 10;

export interface Cancels {
  readonly count: number;
  readonly slowestMs: number;
}

/**
 * Cancels single items, one after another, until the work has ended. It works while the newest migration is missing.
 *
 * @param nextId returns the next item to cancel.
 */
export async function cancelMeanwhile(
  databaseUrl: string,
  work: Promise<unknown>,
  nextId: (query: <Row>(statement: string) => Promise<Row[]>) => Promise<string>,
): Promise<Cancels> {
  const dataSource = createDataSource({
    url: databaseUrl,
    entities: [],
    poolSize: 2,
    lockTimeoutMs: 0,
    statementTimeoutMs: 0,
  });
  await dataSource.initialize();
  const state = { hasEnded: false };
  const end = (): void => {
    state.hasEnded = true;
  };
  // The caller waits for the work, too, and gets its error.
  work.then(end, end);
  let [count, slowestMs] = [0, 0];
  while (!state.hasEnded) {
    const id = await nextId((statement) => dataSource.query(statement));
    const startedAt = performance.now();
    await cancelAsEarlier((statement, parameters) => dataSource.query(statement, parameters), id);
    slowestMs = Math.max(slowestMs, performance.now() - startedAt);
    count += 1;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  await dataSource.destroy();
  return { count, slowestMs };
}

import { createDataSource } from '../src/database/dataSource.ts';
import { createCancelOrderItems } from '../src/order-items/cancelOrderItems.ts';
import { unwatchedQueue } from '../src/work/coalesce.ts';
import { unwatchedLockQueue } from '../src/work/lockQueue.ts';

const PAUSE_MS = 10;
const LOCK_TIMEOUT_MS = 60_000;

export interface Cancels {
  readonly count: number;
  readonly slowestMs: number;
}

/**
 * Cancels single items, one after another, until the work has ended.
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
  const cancel = createCancelOrderItems(dataSource, LOCK_TIMEOUT_MS, {
    queue: unwatchedQueue('cancel_order_items'),
    bulkQueue: unwatchedQueue('cancel_order_items_bulk'),
    lockQueue: unwatchedLockQueue(),
    observe: () => undefined,
  });
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
    await cancel({
      ids: [id],
      reason: 'Delivered too late',
      reasonCode: null,
      note: null,
      quantity: null,
      cancelledBy: 'customer',
      channel: 'rest',
      requestId: '0'.repeat(32),
      idempotencyKey: null,
    });
    slowestMs = Math.max(slowestMs, performance.now() - startedAt);
    count += 1;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  await dataSource.destroy();
  return { count, slowestMs };
}

import type { DataSource } from 'typeorm';
import { createCancelOrderItems } from '../../src/order-items/cancelOrderItems.ts';
import { NOTHING_CLOSED } from '../../src/order-items/eligibility.ts';
import type { CancelOutcome, CancelRequest } from '../../src/order-items/judgeCancels.ts';
import { unwatchedQueue } from '../../src/work/coalesce.ts';
import { unwatchedLockQueue } from '../../src/work/lockQueue.ts';
import { CITUS_URL } from './citus.ts';

/** Far above what a slow machine needs to release a lock. */
const LOCK_TIMEOUT_MS = 60_000;

type Outcomes = readonly CancelOutcome[];

/** Builds a valid request with the given changes. */
export function aRequest(ids: readonly string[], given: Partial<CancelRequest> = {}): CancelRequest {
  return {
    ids,
    order: null,
    reason: 'Changed my mind',
    reasonCode: null,
    note: null,
    quantity: null,
    idempotencyKey: null,
    cancelledBy: 'somebody',
    customer: null,
    channel: 'graphql',
    requestId: '0af7651916cd43dd8448eb211c80319c',
    closedWindows: NOTHING_CLOSED,
    ...given,
  };
}

interface Cancelling {
  /** Cancels in one batch. Returns a promise for each request. */
  readonly cancelAtOnce: (requests: readonly CancelRequest[]) => Promise<Outcomes>[];
  /** Cancels in one batch. Settles when all requests have settled. */
  readonly cancel: (...requests: CancelRequest[]) => Promise<Outcomes[]>;
  /** Runs an action while a separate session locks rows. */
  readonly whileLocked: <T>(ids: readonly string[], action: () => Promise<T>) => Promise<T>;
}

/** Creates cancels in one database, with the function that both doors call. */
export function cancellingIn(dataSource: DataSource, lockTimeoutMs = LOCK_TIMEOUT_MS): Cancelling {
  const observer = {
    queue: unwatchedQueue('cancel_order_items'),
    bulkQueue: unwatchedQueue('cancel_order_items_bulk'),
    lockQueue: unwatchedLockQueue(),
    observe: () => undefined,
  };
  const database = { dataSource, distributed: CITUS_URL !== undefined };
  const cancelOne = createCancelOrderItems(database, lockTimeoutMs, observer);
  const cancelAtOnce = (requests: readonly CancelRequest[]): Promise<Outcomes>[] => requests.map(cancelOne);
  return {
    cancelAtOnce,
    cancel: (...requests: CancelRequest[]): Promise<Outcomes[]> => Promise.all(cancelAtOnce(requests)),
    whileLocked: <T>(ids: readonly string[], action: () => Promise<T>): Promise<T> =>
      dataSource.transaction(async (manager) => {
        for (const id of ids) await manager.query('SELECT 1 FROM order_item WHERE id = $1 FOR UPDATE', [id]);
        return action();
      }),
  };
}

export function listCodes(outcomes: readonly Outcomes[]): string[][] {
  return outcomes.map((ofRequest) => ofRequest.map(({ code }) => code));
}

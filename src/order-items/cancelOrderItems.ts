import { isDatabaseUnavailable } from '../database/errors.ts';
import { type Clock, systemClock } from '../work/clock.ts';
import { coalesce, type CoalesceOptions, type QueueState } from '../work/coalesce.ts';
import type { Share } from '../work/fairQueue.ts';
import { type Attempt, createLockQueue, type LockQueueState } from '../work/lockQueue.ts';
import {
  type CancelAttempt,
  cancelInTransaction,
  type CancelOutcomes,
  type OrderItemDatabase,
} from './cancelTransaction.ts';
import type { CancelOutcome, CancelRequest } from './judgeCancels.ts';
import { createOrderedIds } from './orderedIds.ts';

/**
 * Cancels the items of one request. Both doors call it.
 *
 * @returns one outcome for each id, in order, after the commit.
 * @throws LockTimeout, Overloaded, DeadlineExceeded or a database error. Nothing of the request is written then, except if
 *   the answer to the commit was lost.
 */
export type CancelOrderItems = (request: CancelRequest) => Promise<CancelOutcomes>;

/** Receives what the metrics show. */
export interface CancelObserver {
  /** The queue of single cancels, and that of bulks. */
  readonly queue: QueueState;
  readonly bulkQueue: QueueState;
  readonly lockQueue: LockQueueState;
  readonly observe: (request: CancelRequest, outcome: CancelOutcome) => void;
}

/**
 * Batches of single cancels run one at a time, because two at once would wait for each other's items. So do batches of bulks,
 * beside them: a bulk can take ten times as long, and no single cancel should wait for it.
 */
const SINGLES: CoalesceOptions = { slots: 1, maxBatchSize: 200, maxWaiting: 10_000, deadline: 'earliest' };

/** The number of items bounds a batch of bulks, so that no caller waits for the bulks of all others. */
const BULKS: CoalesceOptions = { ...SINGLES, maxBatchWeight: 1_000 };

/** Callers share the batches equally. */
function measureShare({ cancelledBy, ids }: CancelRequest): Share {
  // The request for an order can have no item left, and a key to find.
  return { flow: cancelledBy, weight: Math.max(1, ids.length) };
}

/**
 * Creates the one way to cancel order items in a database. Requests that arrive together share a transaction.
 * A request that needs an item or key that another transaction has locked moves to the lock queue, so that it delays only
 * itself (no head-of-line blocking).
 *
 * @param lockTimeoutMs how long a request waits for locks, in milliseconds.
 */
export function createCancelOrderItems(
  database: OrderItemDatabase,
  lockTimeoutMs: number,
  observer: CancelObserver,
  clock: Clock = systemClock,
): CancelOrderItems {
  const newId = createOrderedIds(clock);
  const cancelAll: CancelAll = (requests) => cancelInTransaction(database, requests, newId, clock);
  const attemptAll = (requests: readonly CancelRequest[]): Promise<Attempt<CancelOutcomes>[]> =>
    attemptBatch(cancelAll, requests);
  const attemptSingle = coalesce(attemptAll, SINGLES, observer.queue, clock, { measureShare });
  const attemptBulk = coalesce(attemptAll, BULKS, observer.bulkQueue, clock, { measureShare });
  const waitForLocks = createLockQueue(attemptAll, observer.lockQueue, clock);
  return async (request) => {
    const lockDeadline = clock.now() + lockTimeoutMs;
    const first = await (request.ids.length === 1 && request.order === null ? attemptSingle : attemptBulk)(request);
    if (first.state === 'failed') throw first.error;
    const outcomes = first.state === 'locked' ? await waitForLocks(request, lockDeadline) : first.value;
    for (const outcome of outcomes) observer.observe(request, outcome);
    return outcomes;
  };
}

/** Cancels the items of requests in one transaction. */
type CancelAll = (requests: readonly CancelRequest[]) => Promise<CancelAttempt[]>;

/** Cancels a batch in one transaction. If that fails, each request gets a separate transaction. */
async function attemptBatch(
  cancelAll: CancelAll,
  requests: readonly CancelRequest[],
): Promise<Attempt<CancelOutcomes>[]> {
  try {
    return await cancelAll(requests);
  } catch (error) {
    // Retrying is useless without a database, and wrong after a commit whose answer was lost.
    if (requests.length === 1 || isDatabaseUnavailable(error)) throw error;
  }
  return retryIndividually(cancelAll, requests);
}

/** One bad request must not fail its neighbors. */
async function retryIndividually(
  cancelAll: CancelAll,
  requests: readonly CancelRequest[],
): Promise<Attempt<CancelOutcomes>[]> {
  const attempts: Attempt<CancelOutcomes>[] = [];
  for (const request of requests) {
    try {
      attempts.push(...(await cancelAll([request])));
    } catch (error) {
      attempts.push({ state: 'failed', error });
    }
  }
  return attempts;
}

import type { LockQueueState } from '../../src/work/lockQueue.ts';

/** The state of a lock queue that no metric shows. */
export function unwatchedLockQueue(): LockQueueState {
  return { waiting: 0, observeWait: () => undefined, observeShed: () => undefined };
}

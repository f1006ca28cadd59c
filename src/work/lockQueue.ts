import { type Clock, sleep, systemClock } from './clock.ts';
import { MIN_REMAINING_MS, Overloaded, runForAll } from './coalesce.ts';
import { currentWork, DeadlineExceeded, type Work, withinDeadline } from './deadline.ts';

/** The result of one try: `locked` if another transaction has locked something that it needs. */
export type Attempt<Value> =
  | { readonly state: 'done'; readonly value: Value }
  | { readonly state: 'locked' }
  | { readonly state: 'failed'; readonly error: unknown };

/** Lock wait exceeded the lock timeout. */
export class LockTimeout extends Error {
  /** PostgreSQL's `lock_not_available`, so that both kinds of lock timeout look alike. */
  readonly code = '55P03';

  constructor() {
    super('Another transaction held a lock for longer than the lock timeout.');
    this.name = 'LockTimeout';
  }
}

interface Waiter<Key, Value> {
  readonly key: Key;
  /** When the waiter gives up waiting for locks, as a time of {@link Clock.now}. */
  readonly lockDeadline: number;
  readonly work: Work;
  readonly since: number;
  readonly resolve: (value: Value) => void;
  readonly reject: (error: unknown) => void;
}

/** The state of a lock queue, for the metrics. */
export interface LockQueueState {
  waiting: number;
  readonly observeWait: (durationMs: number) => void;
  /** Called for each request that load shedding turns away. */
  readonly observeShed: () => void;
}

/** The state of a lock queue that no metric shows. */
export function unwatchedLockQueue(): LockQueueState {
  return { waiting: 0, observeWait: () => undefined, observeShed: () => undefined };
}

const RETRY_PAUSE_MS = 20;

/** One transaction tries all waiters. */
const MAX_WAITERS = 1_000;

/**
 * Retries requests whose rows are locked by other transactions, all on one connection, until each request's lock timeout.
 * Waiters hold no connection and no lock between tries.
 *
 * @param tryAll returns one attempt for each key, in order.
 * @param state is kept up to date.
 * @returns a function that waits until a lock deadline. It throws LockTimeout after the deadline, and Overloaded if too many
 *   requests wait.
 */
export function createLockQueue<Key, Value>(
  tryAll: (keys: readonly Key[]) => Promise<readonly Attempt<Value>[]>,
  state: LockQueueState,
  clock: Clock = systemClock,
): (key: Key, lockDeadline: number) => Promise<Value> {
  const waiters = new Set<Waiter<Key, Value>>();
  let phase: 'idle' | 'trying' = 'idle';

  const settle = (waiter: Waiter<Key, Value>, attempt: Attempt<Value>): void => {
    if (attempt.state === 'locked' && clock.now() < waiter.lockDeadline) return;
    waiters.delete(waiter);
    state.waiting = waiters.size;
    state.observeWait(clock.now() - waiter.since);
    switch (attempt.state) {
      case 'done':
        waiter.resolve(attempt.value);
        break;
      case 'locked':
        waiter.reject(new LockTimeout());
        break;
      case 'failed':
        waiter.reject(attempt.error);
    }
  };

  const run = async (): Promise<void> => {
    phase = 'trying';
    while (waiters.size > 0) {
      await sleep(clock, RETRY_PAUSE_MS);
      for (const waiter of waiters) {
        if (waiter.work.deadline > clock.now() + MIN_REMAINING_MS) continue;
        settle(waiter, { state: 'failed', error: new DeadlineExceeded() });
      }
      const tried = [...waiters];
      if (tried.length === 0) break;
      // The earliest deadline ends the try for all: a caller that gets a 503 should not have been served.
      const deadline = Math.min(...tried.map(({ work }) => work.deadline));
      const attempts = await runForAll(
        tried.map(({ work }) => work),
        { name: 'locked', deadline },
        () => tryAll(tried.map(({ key }) => key)),
      ).catch((error: unknown) => tried.map((): Attempt<Value> => ({ state: 'failed', error })));
      tried.forEach((waiter, position) => {
        settle(waiter, attempts[position] ?? { state: 'locked' });
      });
    }
    phase = 'idle';
  };

  return (key, lockDeadline) => {
    if (waiters.size >= MAX_WAITERS) {
      state.observeShed();
      return Promise.reject(new Overloaded());
    }
    const work = currentWork();
    const waiting = new Promise<Value>((resolve, reject) => {
      const since = clock.now();
      waiters.add({ key, lockDeadline: Math.min(lockDeadline, work.deadline), work, since, resolve, reject });
    });
    state.waiting = waiters.size;
    if (phase === 'idle') void run();
    return withinDeadline(waiting, clock);
  };
}

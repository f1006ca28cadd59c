import { setTimeout as sleep } from 'node:timers/promises';
import { doFor, Overloaded, SHORTEST_MS } from './coalesce.ts';
import { currentWork, DeadlineExceeded, type Work, withinDeadline } from './deadline.ts';
import { LockTimeout } from '../database/errors.ts';

interface Waiter<Key, Value> {
  readonly key: Key;
  /** When it gives up waiting for locks. */
  readonly lockDeadline: number;
  /** Its deadline is when its time is over altogether. */
  readonly work: Work;
  readonly since: number;
  readonly resolve: (value: Value) => void;
  readonly reject: (error: unknown) => void;
}

/** What a lane tells of itself, for the metrics. */
export interface LaneState {
  waiting: number;
  readonly observeWait: (durationMs: number) => void;
  /** Is told of whoever is turned away. */
  readonly observeShed: () => void;
}

/** How often those who wait look again, in milliseconds. */
const PAUSE_MS = 20;

/** All are tried in one transaction. */
const MAX_WAITERS = 1_000;

/**
 * A lane for those who need what other transactions have locked. They hold nothing while they wait, and however many they
 * are, they are tried together, on one connection.
 *
 * @param tryAll for each key, in order: its value, its own error, or null where what it needs is still locked.
 * @param state kept up to date.
 * @returns waits until a time; rejects with LockTimeout when it has passed, with Overloaded when too many wait.
 */
export function createLane<Key, Value>(
  tryAll: (keys: readonly Key[]) => Promise<readonly (Value | Error | null)[]>,
  state: LaneState = { waiting: 0, observeWait: () => undefined, observeShed: () => undefined },
): (key: Key, lockDeadline: number) => Promise<Value> {
  const waiters = new Set<Waiter<Key, Value>>();

  const settle = (waiter: Waiter<Key, Value>, result: Value | Error | null): void => {
    if (result === null && performance.now() < waiter.lockDeadline) return;
    waiters.delete(waiter);
    state.waiting = waiters.size;
    state.observeWait(performance.now() - waiter.since);
    if (result === null) waiter.reject(new LockTimeout());
    else if (Error.isError(result)) waiter.reject(result);
    else waiter.resolve(result);
  };

  const run = async (): Promise<void> => {
    while (waiters.size > 0) {
      await sleep(PAUSE_MS);
      for (const waiter of waiters) {
        if (waiter.work.deadline <= performance.now() + SHORTEST_MS) settle(waiter, new DeadlineExceeded());
      }
      const tried = [...waiters];
      // Nobody is told that time was over and served all the same.
      const end = Math.min(...tried.map(({ work }) => work.deadline));
      const results = await doFor(
        tried.map(({ work }) => work),
        { name: 'locked', deadline: end },
        () => tryAll(tried.map(({ key }) => key)),
      ).catch((error: unknown) => {
        const failure = Error.isError(error) ? error : new Error('The try failed.', { cause: error });
        return tried.map(() => failure);
      });
      tried.forEach((waiter, position) => {
        settle(waiter, results[position] ?? null);
      });
    }
  };

  return (key, lockDeadline) => {
    if (waiters.size >= MAX_WAITERS) {
      state.observeShed();
      return Promise.reject(new Overloaded());
    }
    const work = currentWork();
    const waiting = new Promise<Value>((resolve, reject) => {
      const since = performance.now();
      waiters.add({ key, lockDeadline: Math.min(lockDeadline, work.deadline), work, since, resolve, reject });
    });
    state.waiting = waiters.size;
    if (waiters.size === 1) void run();
    return withinDeadline(waiting);
  };
}

import { setTimeout as sleep } from 'node:timers/promises';
import { Overloaded, SHORTEST_MS } from './coalesce.ts';
import { deadline, DeadlineExceeded, withDeadline, withinDeadline } from './deadline.ts';
import { LockTimeout } from './faults.ts';

interface Waiter<Key, Value> {
  readonly key: Key;
  /** When it gives up waiting for locks. */
  readonly lockDeadline: number;
  /** When its time is over altogether. */
  readonly deadline: number;
  readonly resolve: (value: Value) => void;
  readonly reject: (error: unknown) => void;
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
 * @returns waits until a time; rejects with LockTimeout when it has passed, with Overloaded when too many wait.
 */
export function createLane<Key, Value>(
  tryAll: (keys: readonly Key[]) => Promise<readonly (Value | Error | null)[]>,
): (key: Key, lockDeadline: number) => Promise<Value> {
  const waiters = new Set<Waiter<Key, Value>>();

  const settle = (waiter: Waiter<Key, Value>, result: Value | Error | null): void => {
    if (result === null && performance.now() < waiter.lockDeadline) return;
    waiters.delete(waiter);
    if (result === null) waiter.reject(new LockTimeout());
    else if (Error.isError(result)) waiter.reject(result);
    else waiter.resolve(result);
  };

  const run = async (): Promise<void> => {
    while (waiters.size > 0) {
      await sleep(PAUSE_MS);
      for (const waiter of waiters) {
        if (waiter.deadline <= performance.now() + SHORTEST_MS) settle(waiter, new DeadlineExceeded());
      }
      const tried = [...waiters];
      // Nobody is told that time was over and served all the same.
      const end = Math.min(...tried.map((waiter) => waiter.deadline));
      const results = await withDeadline(end, () => tryAll(tried.map(({ key }) => key))).catch((error: unknown) => {
        const failure = Error.isError(error) ? error : new Error('The try failed.', { cause: error });
        return tried.map(() => failure);
      });
      tried.forEach((waiter, position) => {
        settle(waiter, results[position] ?? null);
      });
    }
  };

  return (key, lockDeadline) => {
    if (waiters.size >= MAX_WAITERS) return Promise.reject(new Overloaded());
    const end = deadline();
    const waiting = new Promise<Value>((resolve, reject) => {
      waiters.add({ key, lockDeadline: Math.min(lockDeadline, end), deadline: end, resolve, reject });
    });
    if (waiters.size === 1) void run();
    return withinDeadline(waiting);
  };
}

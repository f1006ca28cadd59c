import { AsyncLocalStorage } from 'node:async_hooks';

/** The time until which the work under way may use the database, on the clock of `performance.now()`. */
const deadlines = new AsyncLocalStorage<number>();

/** The work has had all the time that it was given. */
class DeadlineExceeded extends Error {
  /** As PostgreSQL calls a statement that was cancelled because its time was over. */
  readonly code = '57014';

  constructor() {
    super('The time for this work is over.');
    this.name = 'DeadlineExceeded';
  }
}

/**
 * Does something, however many statements it takes, within one limit of time: a statement that is still running then is
 * given up, and none is begun after it.
 *
 * @param timeMs from now, in milliseconds.
 */
export function withDeadline<T>(timeMs: number, act: () => T): T {
  return deadlines.run(performance.now() + timeMs, act);
}

/**
 * How long a statement may take that begins now, in milliseconds; null where nothing limits it.
 *
 * @throws DeadlineExceeded when no time is left.
 */
export function timeLeftMs(): number | null {
  const deadline = deadlines.getStore();
  if (deadline === undefined) return null;
  const leftMs = deadline - performance.now();
  if (leftMs <= 0) throw new DeadlineExceeded();
  return leftMs;
}

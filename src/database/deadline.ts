import { AsyncLocalStorage } from 'node:async_hooks';

/** The time until which the work under way may use the database, on the clock of `performance.now()`. */
const deadlines = new AsyncLocalStorage<number>();

/** Room for a statement to end, and to say how, once its time is over. */
const GIVING_UP_MS = 500;

/** The work has had all the time that it was given. */
export class DeadlineExceeded extends Error {
  /** As PostgreSQL calls a statement that was cancelled because its time was over. */
  readonly code = '57014';

  constructor() {
    super('The time for this work is over.');
    this.name = 'DeadlineExceeded';
  }
}

/** Until when the work under way may use the database, on the clock of `performance.now()`; Infinity where nothing limits it. */
export function deadline(): number {
  return deadlines.getStore() ?? Infinity;
}

/**
 * Does something, however many statements it takes, until a time: a statement that is still running then is given up, and
 * none is begun after it.
 *
 * @param time on the clock of `performance.now()`.
 */
export function withDeadline<T>(time: number, act: () => T): T {
  return deadlines.run(time, act);
}

/**
 * Waits for something that is done with a deadline of its own, which should have given up by then.
 *
 * @throws DeadlineExceeded a moment after the deadline.
 */
export function withinDeadline<T>(result: Promise<T>): Promise<T> {
  const leftMs = deadline() - performance.now();
  if (leftMs === Infinity) return result;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new DeadlineExceeded());
    }, leftMs + GIVING_UP_MS);
    result.then(resolve, reject).finally(() => {
      clearTimeout(timer);
    });
  });
}

/**
 * How long a statement may take that begins now, in milliseconds; Infinity where nothing limits it.
 *
 * @throws DeadlineExceeded when no time is left.
 */
export function timeLeftMs(): number {
  const leftMs = deadline() - performance.now();
  if (leftMs <= 0) throw new DeadlineExceeded();
  return leftMs;
}

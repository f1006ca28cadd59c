import { AsyncLocalStorage } from 'node:async_hooks';
import type { Span } from './span.ts';

/** What is done for a request, or for a batch of them. */
export interface Work {
  /** Until when it may use the database, on the clock of `performance.now()`; Infinity where nothing limits it. */
  readonly deadline: number;
  /** The statements that it has waited for so far; one that serves a batch counts for each request in it. */
  statements: number;
  /** Null where it is not traced. */
  readonly span: Span | null;
}

const works = new AsyncLocalStorage<Work>();

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

/** The work under way. */
export function currentWork(): Work {
  return works.getStore() ?? { deadline: Infinity, statements: 0, span: null };
}

/** The span of the work under way; null where it is not traced. */
export function currentSpan(): Span | null {
  return works.getStore()?.span ?? null;
}

/**
 * Does something, however many statements it takes, until a time: a statement that is still running then is given up, and
 * none is begun after it.
 *
 * @param time on the clock of `performance.now()`.
 */
export function withDeadline<T>(time: number, act: () => T): T {
  return doWork({ deadline: time, statements: 0, span: null }, act);
}

/** As {@link withDeadline}, for whoever wants to know afterwards what it took. */
export function doWork<T>(work: Work, act: () => T): T {
  return works.run(work, act);
}

/**
 * Waits for something that is done with a deadline of its own, which should have given up by then.
 *
 * @throws DeadlineExceeded a moment after the deadline.
 */
export function withinDeadline<T>(result: Promise<T>): Promise<T> {
  const leftMs = currentWork().deadline - performance.now();
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
 * Counts a statement that begins now.
 *
 * @returns how long it may take, in milliseconds; Infinity where nothing limits it.
 * @throws DeadlineExceeded when no time is left.
 */
export function beginStatement(): number {
  const work = currentWork();
  const leftMs = work.deadline - performance.now();
  if (leftMs <= 0) throw new DeadlineExceeded();
  work.statements += 1;
  return leftMs;
}

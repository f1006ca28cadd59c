import { AsyncLocalStorage } from 'node:async_hooks';
import { type Clock, systemClock } from './clock.ts';
import type { Span } from './span.ts';

/** The work for one request, or for a batch of them. */
export interface Work {
  /** The time limit for using the database, as a time of {@link Clock.now}. Infinity means no limit. */
  readonly deadline: number;
  /** The statements so far. A statement that serves a batch counts for each of its requests. */
  statements: number;
  /** Null if the work is not traced. */
  readonly span: Span | null;
}

const works = new AsyncLocalStorage<Work>();

/** A statement that reaches its deadline has this long to report its end. */
const GIVING_UP_MS = 500;

/** The deadline of the work has passed. */
export class DeadlineExceeded extends Error {
  /** PostgreSQL's `query_canceled`, its code for a statement timeout. */
  readonly code = '57014';

  constructor() {
    super('The deadline of the request has passed.');
    this.name = 'DeadlineExceeded';
  }
}

/** Returns the work that is running. */
export function currentWork(): Work {
  return works.getStore() ?? { deadline: Infinity, statements: 0, span: null };
}

/** Returns the span of the running work, or null if it is not traced. */
export function currentSpan(): Span | null {
  return works.getStore()?.span ?? null;
}

/**
 * Runs an action with a deadline for all of its statements. A statement that is running at the deadline is given up, and
 * none starts after it.
 *
 * @param time the deadline, as a time of {@link Clock.now}.
 */
export function withDeadline<T>(time: number, act: () => T): T {
  return doWork({ deadline: time, statements: 0, span: null }, act);
}

/** Runs an action as {@link withDeadline} does. The work counts its statements. */
export function doWork<T>(work: Work, act: () => T): T {
  return works.run(work, act);
}

/**
 * Waits for a result whose producer has the same deadline and should give up by itself.
 *
 * @throws DeadlineExceeded 500 ms after the deadline, if the producer did not give up.
 */
export function withinDeadline<T>(result: Promise<T>, clock: Clock = systemClock): Promise<T> {
  const leftMs = currentWork().deadline - clock.now();
  if (leftMs === Infinity) return result;
  return new Promise((resolve, reject) => {
    const cancelTimer = clock.setTimer(() => {
      reject(new DeadlineExceeded());
    }, leftMs + GIVING_UP_MS);
    result.then(resolve, reject).finally(cancelTimer);
  });
}

/**
 * Counts a statement that starts now.
 *
 * @returns its time limit in milliseconds, or Infinity.
 * @throws DeadlineExceeded if no time is left.
 */
export function beginStatement(clock: Clock = systemClock): number {
  const work = currentWork();
  const leftMs = work.deadline - clock.now();
  if (leftMs <= 0) throw new DeadlineExceeded();
  work.statements += 1;
  return leftMs;
}

import { type ClosedWindows, NOTHING_CLOSED } from './eligibility.ts';
import { toInstant } from './instant.ts';
import { createZonedDays, writeDay } from './zonedDays.ts';

/** How long items can be cancelled. Null turns a window off. */
export interface WindowLengths {
  /** How long after its creation an item can be cancelled. */
  readonly windowMs: number | null;
  /** How long before its release date begins the last chance to cancel an item ends. */
  readonly cutoffMs: number | null;
  /** The IANA name of the time zone in which release dates begin. */
  readonly timeZone: string;
}

/** The limits in time of a cancel. */
export interface CancellationWindows {
  /** Returns what is closed at an instant, in milliseconds since 1970-01-01 UTC. */
  readonly closedAt: (instantMs: number) => ClosedWindows;
}

/**
 * Creates the windows of one service. The window of an item ends `windowMs` after its creation, which is cut to milliseconds.
 * Its cut-off is `cutoffMs` before its release date begins. From its end on, each is closed.
 *
 * The comparison is turned around: the instant gives one creation time and one day, with which both judges compare items.
 * So PostgreSQL compares an indexed column with a parameter, and only Node's time zone data counts.
 */
export function createCancellationWindows({ windowMs, cutoffMs, timeZone }: WindowLengths): CancellationWindows {
  if (windowMs === null && cutoffMs === null) return { closedAt: () => NOTHING_CLOSED };
  const days = createZonedDays(timeZone);
  return {
    closedAt: (instantMs) => ({
      // A creation time that is cut to milliseconds is before a whole millisecond exactly when the whole time is.
      ...(windowMs === null ? {} : { createdBefore: toInstant(instantMs - windowMs + 1) }),
      ...(cutoffMs === null ? {} : { releasedBefore: writeDay(days.findNextDay(instantMs + cutoffMs)) }),
    }),
  };
}

/**
 * Turns what is closed into SQL expressions.
 *
 * @param bind returns the placeholder of a parameter.
 */
export function bindClosedWindows(
  { createdBefore, releasedBefore }: ClosedWindows,
  bind: (value: string) => string,
): ClosedWindows {
  return {
    ...(createdBefore === undefined ? {} : { createdBefore: `${bind(createdBefore)}::timestamptz` }),
    ...(releasedBefore === undefined ? {} : { releasedBefore: `${bind(releasedBefore)}::date` }),
  };
}

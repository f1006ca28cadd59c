const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** The pauses between the attempts of a delivery, in milliseconds. The last one repeats until the delivery is given up. */
export type RetrySchedule = readonly [number, ...number[]];

/** About twenty attempts in three days. */
export const DEFAULT_RETRY_SCHEDULE: RetrySchedule = [
  5 * SECOND,
  30 * SECOND,
  2 * MINUTE,
  10 * MINUTE,
  30 * MINUTE,
  HOUR,
  2 * HOUR,
  4 * HOUR,
  6 * HOUR,
];

/** Each pause is up to this part shorter or longer, so that an endpoint that is back does not get all retries at once. */
const JITTER = 0.2;

/**
 * Returns the pause after a failed attempt, in milliseconds.
 *
 * @param attempts how many attempts there were, at least one.
 * @param random a number from 0 to 1.
 */
export function nextPauseMs(schedule: RetrySchedule, attempts: number, random: number): number {
  const pauseMs = schedule[Math.min(attempts, schedule.length) - 1] ?? schedule[0];
  return pauseMs * (1 - JITTER + 2 * JITTER * random);
}

/**
 * A point in time as PostgreSQL writes it in UTC, such as `2026-03-04 05:06:07.123456+00`. It has microseconds, which `Date`
 * cannot hold. Most rows are read for other columns, so nothing parses it before it is asked for.
 */
export type Instant = string;

/** The constraints of the tables admit the years 1 to 9999. Zeros at the end of the fraction are left out. */
const INSTANT = /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2})(?:\.(\d{1,6}))?\+00$/;

/**
 * Writes an instant in RFC 3339 with milliseconds, as `Date.toISOString` does.
 *
 * @throws RangeError for an instant that RFC 3339 cannot express, such as `infinity`.
 */
export function toIsoString(instant: Instant): string {
  return `${writeIso(instant, 3)}Z`;
}

/** Writes an instant in RFC 3339 with microseconds. @throws RangeError as {@link toIsoString} does. */
export function toExactIsoString(instant: Instant): string {
  return `${writeIso(instant, 6)}Z`;
}

const FIRST_MS = Date.parse('0001-01-01T00:00:00Z');
const LAST_MS = Date.parse('9999-12-31T23:59:59.999Z');

/**
 * Writes an instant as PostgreSQL does. The texts of two instants sort as the instants do.
 *
 * @param epochMs whole milliseconds since 1970-01-01 UTC. Instants outside of the years 1 to 9999 are infinitely far away.
 */
export function toInstant(epochMs: number): Instant {
  if (epochMs < FIRST_MS) return '-infinity';
  if (epochMs > LAST_MS) return 'infinity';
  const iso = new Date(epochMs).toISOString();
  return `${iso.slice(0, 10)} ${iso.slice(11, -1).replace(/\.?0+$/, '')}+00`;
}

/** @param digits of the fraction of a second. Further digits are cut off. */
function writeIso(instant: Instant, digits: number): string {
  const [, day, time, fraction = ''] = INSTANT.exec(instant) ?? [];
  if (day === undefined) throw new RangeError(`The time ${instant} is not in the years 1 to 9999, in UTC.`);
  return `${day}T${time}.${fraction.slice(0, digits).padEnd(digits, '0')}`;
}

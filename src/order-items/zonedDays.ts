/** A day of the proleptic Gregorian calendar, as the number of days since 1970-01-01. */
type Day = number;

/** The days of a time zone. */
export interface ZonedDays {
  /**
   * Returns when a day begins, in milliseconds since 1970-01-01 UTC: at 00:00 as PostgreSQL's `AT TIME ZONE` reads it. If a
   * change of the clocks skips 00:00, the offset before the change counts. If 00:00 comes twice, the second one counts.
   */
  readonly findStart: (day: Day) => number;
  /** Returns the first day that begins after an instant, in milliseconds since 1970-01-01 UTC. */
  readonly findNextDay: (instantMs: number) => Day;
}

const DAY_MS = 86_400_000;

/** `Date` holds 100 million days before and after 1970. The margin leaves room for offsets and neighboring days. */
const MAX_INSTANT_MS = 8_640_000_000_000_000 - 5 * DAY_MS;

/** Zones had local mean time with seconds. */
const OFFSET = /^GMT(?:([+-])(\d{2}):(\d{2})(?::(\d{2}))?)?$/;

/** @param timeZone an IANA name. @throws RangeError if it is unknown. */
export function createZonedDays(timeZone: string): ZonedDays {
  const format = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' });
  const readOffset = (instantMs: number): number => {
    const name = format.formatToParts(instantMs).find(({ type }) => type === 'timeZoneName')?.value ?? '';
    const [match, sign, hours = 0, minutes = 0, seconds = 0] = OFFSET.exec(name) ?? [];
    if (match === undefined) throw new Error(`The offset ${name} of ${timeZone} is not readable.`);
    const offset = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1_000;
    return sign === '-' ? -offset : offset;
  };

  const findStart = (day: Day): number => {
    const midnight = day * DAY_MS;
    // Offsets are below 24 hours, and clocks change less often than every two days.
    const offsets = [readOffset(midnight - DAY_MS), readOffset(midnight + DAY_MS)];
    const candidates = offsets.map((offset) => midnight - offset);
    const valid = candidates.filter((candidate, position) => readOffset(candidate) === offsets[position]);
    return Math.max(...(valid.length > 0 ? valid : candidates));
  };

  /** The latest answer, and the instants that have it. Requests ask for the same day all day long. */
  let latest = { day: 0, from: Infinity, until: -Infinity };
  const findNextDay = (instantMs: number): Day => {
    if (latest.from <= instantMs && instantMs < latest.until) return latest.day;
    const instant = Math.max(-MAX_INSTANT_MS, Math.min(instantMs, MAX_INSTANT_MS));
    const today = Math.floor((instant + readOffset(instant)) / DAY_MS);
    // The local day has not begun yet if its 00:00 comes twice and this is before the second.
    let day = today - 1;
    while (findStart(day) <= instant) day += 1;
    latest = { day, from: findStart(day - 1), until: findStart(day) };
    return day;
  };
  return { findStart, findNextDay };
}

/** Writes a day as PostgreSQL does, in the years 1 to 9999. Days outside are infinitely far away. */
export function writeDay(day: Day): string {
  const date = new Date(day * DAY_MS);
  const year = date.getUTCFullYear();
  if (year < 1) return '-infinity';
  return year > 9_999 ? 'infinity' : date.toISOString().slice(0, 10);
}

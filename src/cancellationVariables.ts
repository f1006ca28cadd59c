import { z } from 'zod';
import { parseReasonCodes } from './order-items/reasonCodes.ts';

/** ISO 8601, without the units whose lengths vary. Only seconds have a fraction, of milliseconds at most. */
const DURATION = /^P(?!$)(?:(\d+)W)?(?:(\d+)D)?(?:T(?!$)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:[.,]\d{1,3})?)S)?)?$/;

/** A duration with years or months, which stand before the `T`. */
const CALENDAR_DURATION = /^P[^T]*\d[YM]/;

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const UNITS_MS = [7 * DAY_MS, DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS] as const;

/** A duration in ISO 8601, such as `P14D` or `PT36H`. Reads it as milliseconds. */
export const duration = z.string().transform((value, context) => {
  if (CALENDAR_DURATION.test(value)) {
    context.addIssue('must not have years or months, because their lengths vary. Use days of 24 hours, such as P30D');
    return z.NEVER;
  }
  const [match, ...numbers] = DURATION.exec(value) ?? [];
  if (match === undefined) {
    context.addIssue('must be an ISO 8601 duration of weeks, days, hours, minutes and seconds, such as P14D or PT36H');
    return z.NEVER;
  }
  const lengths = numbers.map((number: string | undefined, unit) => {
    return Number(number?.replace(',', '.') ?? 0) * (UNITS_MS[unit] ?? 0);
  });
  return Math.round(lengths.reduce((sum, length) => sum + length, 0));
});

/** A time zone by its IANA name. An offset such as `+01:00` has no place here, because it knows no daylight saving time. */
export const timeZone = z
  .string()
  .refine(
    (value) => /^[A-Za-z]/.test(value) && isTimeZone(value),
    'must be the name of a time zone, such as Europe/Berlin',
  );

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

/** The codes that cancels can state for their reasons. */
export const reasonCodes = z.string().transform((value, context) => {
  const codes = parseReasonCodes(value);
  if (codes === null) {
    context.addIssue(
      'must be codes with labels, such as late=Delivered too late,wrong=Ordered by mistake, or *. A code has 1 to 64 letters, digits, dots, hyphens or underscores, and occurs once',
    );
    return z.NEVER;
  }
  return codes;
});

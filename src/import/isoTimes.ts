const DATE = /^(\d{4})-(\d\d)-(\d\d)$/;
const TIMESTAMP =
  /^(\d{4})-(\d\d)-(\d\d)[T ](?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,6})?)?(?:Z|[+-](?:0\d|1[0-4])(?::?[0-5]\d)?)$/;

/** The table's bounds. Within them, a year has four digits in every time zone. */
const EARLIEST = Date.parse('0001-01-01T00:00:00Z');
const END = Date.parse('9999-12-31T00:00:00Z');

/** Whether the text is an existing date, `YYYY-MM-DD`, from year 1 on. */
export function isDate(text: string): boolean {
  return isReal(DATE.exec(text));
}

/**
 * Whether the text is a date and time with a zone, in ISO 8601 or in PostgreSQL's form (a space for the T, a zone without
 * minutes), with at most microseconds, within the table's bounds.
 */
export function isTimestamp(text: string): boolean {
  const parts = TIMESTAMP.exec(text);
  if (!isReal(parts)) return false;
  // Only in these years can the zone move the time across a bound.
  return (parts[1] !== '0001' && parts[1] !== '9999') || isWithinBounds(text);
}

function isReal(date: RegExpExecArray | null): date is RegExpExecArray {
  if (date === null) return false;
  const [year, month, day] = [Number(date[1]), Number(date[2]), Number(date[3])];
  return year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= countDays(year, month);
}

function isWithinBounds(text: string): boolean {
  const iso = text
    .replace(' ', 'T')
    .replace(/([+-]\d\d)$/, '$1:00')
    .replace(/([+-]\d\d)(\d\d)$/, '$1:$2');
  const time = Date.parse(iso);
  return time >= EARLIEST && time < END;
}

function countDays(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

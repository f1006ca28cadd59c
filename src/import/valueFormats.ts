/** How values of a file are written, where it is not as PostgreSQL writes them. */
export interface ValueFormats {
  /** Whether a comma, not a point, stands before the decimal places of an amount. */
  readonly decimalComma?: boolean;
  /** How dates without a time are written, beside `YYYY-MM-DD`. */
  readonly dateFormat?: DateFormat;
}

export const DATE_FORMATS = ['YYYY-MM-DD', 'DD.MM.YYYY', 'MM/DD/YYYY', 'DD/MM/YYYY'] as const;
export type DateFormat = (typeof DATE_FORMATS)[number];

export function isDateFormat(text: string): text is DateFormat {
  return DATE_FORMATS.some((format) => format === text);
}

const PATTERNS: Readonly<Record<DateFormat, RegExp | null>> = {
  'YYYY-MM-DD': null,
  'DD.MM.YYYY': /^(?<day>\d\d?)\.(?<month>\d\d?)\.(?<year>\d{4})$/,
  'MM/DD/YYYY': /^(?<month>\d\d?)\/(?<day>\d\d?)\/(?<year>\d{4})$/,
  'DD/MM/YYYY': /^(?<day>\d\d?)\/(?<month>\d\d?)\/(?<year>\d{4})$/,
};

/** Turns an amount with a decimal comma into PostgreSQL's form. A point, which would group thousands, becomes invalid. */
export function toAmount(text: string): string {
  return text.replaceAll(/[.,]/g, (sign) => (sign === ',' ? '.' : ','));
}

/** Turns a date into `YYYY-MM-DD`. A text that is not in the format is returned unchanged. */
export function toIsoDate(text: string, dateFormat: DateFormat): string {
  const parts = PATTERNS[dateFormat]?.exec(text)?.groups;
  if (parts === undefined) return text;
  const { year = '', month = '', day = '' } = parts;
  return `${year}-${month.padStart(2, '0')}-${day.padStart(2, '0')}`;
}

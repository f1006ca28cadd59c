import { parseOrderItemId, ORDER_ITEM_STATUSES } from '../order-items/orderItem.ts';
import { isStorableText } from '../order-items/cancelRequest.ts';
import { isDate, isTimestamp } from './isoTimes.ts';
import { COLUMN_NAMES, COLUMNS, type ColumnName, type FileRow, type RowValues } from './orderItemTable.ts';
import type { Defective } from './readLines.ts';
import { toAmount, toIsoDate, type ValueFormats } from './valueFormats.ts';

/** The rule for the values of a column: the table's checks, and no value that the column's type would round or cut. */
interface ValueRule {
  /** Completes the sentence "price_currency is not …". */
  readonly expected: string;
  readonly accepts: (text: string) => boolean;
}

const MAX_INTEGER = 2_147_483_647;
const MAX_NAME_LENGTH = 255;
/** The length of the quotation of an invalid value. */
const QUOTED_LENGTH = 40;

const STATUSES: ReadonlySet<string> = new Set(ORDER_ITEM_STATUSES);
/** What PostgreSQL reads: unique beginnings of words, in any case. https://www.postgresql.org/docs/18/datatype-boolean.html */
const BOOLEAN = /^\s*(?:t|tr|tru|true|y|ye|yes|on|1|f|fa|fal|fals|false|n|no|of|off|0)\s*$/i;

const name: ValueRule = {
  expected: `text of 1 to ${MAX_NAME_LENGTH} valid characters`,
  accepts: (text) =>
    text !== '' &&
    isStorableText(text) &&
    // PostgreSQL counts code points.
    (text.length <= MAX_NAME_LENGTH || (text.length <= 2 * MAX_NAME_LENGTH && [...text].length <= MAX_NAME_LENGTH)),
};

const countingNumber: ValueRule = {
  expected: `a whole number from 1 to ${MAX_INTEGER}`,
  accepts: (text) => /^\d{1,10}$/.test(text) && Number(text) >= 1 && Number(text) <= MAX_INTEGER,
};

const timestamp: ValueRule = {
  expected: 'a date and time with a time zone, such as 2025-11-30T09:00:00Z',
  accepts: isTimestamp,
};

const RULES: Readonly<Record<ColumnName, ValueRule>> = {
  id: { expected: 'a UUID', accepts: (text) => parseOrderItemId(text) !== null },
  order_id: name,
  product_id: name,
  external_id: name,
  customer_id: name,
  status: { expected: `one of ${ORDER_ITEM_STATUSES.join(', ')}`, accepts: (text) => STATUSES.has(text) },
  is_pre_order: { expected: 'true or false', accepts: (text) => BOOLEAN.test(text) },
  release_date: { expected: 'a date, such as 2025-11-30', accepts: isDate },
  quantity: countingNumber,
  price_amount: {
    expected: 'a decimal number from 0 with at most 15 digits before the point and 4 after it',
    accepts: (text) => /^\d{1,15}(?:\.\d{1,4})?$/.test(text),
  },
  price_currency: { expected: 'three capital letters', accepts: (text) => /^[A-Z]{3}$/.test(text) },
  version: countingNumber,
  created_at: timestamp,
  updated_at: timestamp,
};

/** The options of the command that read other forms of a value. */
const OTHER_FORMS: Readonly<Partial<Record<ColumnName, { readonly form: RegExp; readonly option: string }>>> = {
  release_date: { form: /^\d{1,2}[./-]\d{1,2}[./-]\d{2,4}$/, option: '--date-format' },
  price_amount: { form: /^\d+,\d+$/, option: '--decimal-comma' },
};

/**
 * Checks a row.
 *
 * @param formats how its values are written.
 * @returns the row, whose values PostgreSQL can read, or its first defect.
 */
export function checkRow(row: FileRow, formats: ValueFormats = {}): FileRow | Defective {
  const values = convert(row.values, formats);
  for (const column of COLUMN_NAMES) {
    const text = values[column];
    if (text === undefined || text === null) {
      if (COLUMNS[column].defaultSql === null) return { line: row.line, defect: `${column} is missing` };
    } else if (!RULES[column].accepts(text)) {
      const given = row.values[column] ?? '';
      const other = OTHER_FORMS[column];
      const hint = other?.form.test(given) === true ? ` (see ${other.option})` : '';
      return { line: row.line, defect: `${column} is not ${RULES[column].expected}: ${quote(given)}${hint}` };
    }
  }
  return values === row.values ? row : { line: row.line, values };
}

/** @returns the values themselves if they are written as PostgreSQL writes them. */
function convert(values: FileRow['values'], { decimalComma = false, dateFormat }: ValueFormats): FileRow['values'] {
  if (!decimalComma && dateFormat === undefined) return values;
  const converted: RowValues = { ...values };
  const { price_amount: amount, release_date: date } = values;
  if (decimalComma && amount != null) converted.price_amount = toAmount(amount);
  if (dateFormat !== undefined && date != null) converted.release_date = toIsoDate(date, dateFormat);
  return converted;
}

/** Quotes a value as JSON, so that no control character reaches a terminal (terminal injection). */
function quote(text: string): string {
  return text.length <= QUOTED_LENGTH ? JSON.stringify(text) : `${JSON.stringify(text.slice(0, QUOTED_LENGTH))}…`;
}

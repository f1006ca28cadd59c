import { parseOrderItemId, ORDER_ITEM_STATUSES } from '../order-items/orderItem.ts';
import { isStorableText } from '../order-items/cancelRequest.ts';
import { isDate, isTimestamp } from './isoTimes.ts';
import { COLUMN_NAMES, COLUMNS, type ColumnName, type FileRow } from './orderItemTable.ts';
import type { Defective } from './readLines.ts';

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
/** PostgreSQL exports booleans as `t` and `f`. */
const BOOLEANS: ReadonlySet<string> = new Set(['true', 'false', 't', 'f']);

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
  status: { expected: `one of ${ORDER_ITEM_STATUSES.join(', ')}`, accepts: (text) => STATUSES.has(text) },
  is_pre_order: { expected: 'true or false', accepts: (text) => BOOLEANS.has(text) },
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

/** Checks a row. @returns the row, whose values PostgreSQL can read, or its first defect. */
export function checkRow(row: FileRow): FileRow | Defective {
  for (const column of COLUMN_NAMES) {
    const text = row.values[column];
    if (text === undefined || text === null) {
      if (COLUMNS[column].defaultSql === null) return { line: row.line, defect: `${column} is missing` };
    } else if (!RULES[column].accepts(text)) {
      return { line: row.line, defect: `${column} is not ${RULES[column].expected}: ${quote(text)}` };
    }
  }
  return row;
}

/** Quotes a value as JSON, so that no control character reaches a terminal (terminal injection). */
function quote(text: string): string {
  return text.length <= QUOTED_LENGTH ? JSON.stringify(text) : `${JSON.stringify(text.slice(0, QUOTED_LENGTH))}…`;
}

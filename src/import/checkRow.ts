import { parseOrderItemId, ORDER_ITEM_STATUSES } from '../order-items/orderItem.ts';
import { isStorableText } from '../order-items/cancelRequest.ts';
import { isDate, isTimestamp } from './isoTimes.ts';
import { COLUMN_NAMES, COLUMNS, type ColumnName, type FileRow } from './orderItemTable.ts';
import type { Defective } from './readLines.ts';

/** What a value of a column has to be: the table's checks in words, and no value that its type would round or cut. */
interface ValueRule {
  /** Completes the sentence "price_currency is not …". */
  readonly expected: string;
  readonly isKeptBy: (text: string) => boolean;
}

const MAX_INTEGER = 2_147_483_647;
const MAX_NAME_LENGTH = 255;
/** How much of a bad value the reason quotes. */
const QUOTED_LENGTH = 40;

const STATUSES: ReadonlySet<string> = new Set(ORDER_ITEM_STATUSES);
/** `t` and `f` are how PostgreSQL exports them. */
const BOOLEANS: ReadonlySet<string> = new Set(['true', 'false', 't', 'f']);

const name: ValueRule = {
  expected: `text of 1 to ${MAX_NAME_LENGTH} valid characters`,
  isKeptBy: (text) =>
    text !== '' &&
    isStorableText(text) &&
    // In code points, as PostgreSQL counts.
    (text.length <= MAX_NAME_LENGTH || (text.length <= 2 * MAX_NAME_LENGTH && [...text].length <= MAX_NAME_LENGTH)),
};

const countingNumber: ValueRule = {
  expected: `a whole number from 1 to ${MAX_INTEGER}`,
  isKeptBy: (text) => /^\d{1,10}$/.test(text) && Number(text) >= 1 && Number(text) <= MAX_INTEGER,
};

const timestamp: ValueRule = {
  expected: 'a date and time with a time zone, such as 2025-11-30T09:00:00Z',
  isKeptBy: isTimestamp,
};

const RULES: Readonly<Record<ColumnName, ValueRule>> = {
  id: { expected: 'a UUID', isKeptBy: (text) => parseOrderItemId(text) !== null },
  order_id: name,
  product_id: name,
  external_id: name,
  status: { expected: `one of ${ORDER_ITEM_STATUSES.join(', ')}`, isKeptBy: (text) => STATUSES.has(text) },
  is_pre_order: { expected: 'true or false', isKeptBy: (text) => BOOLEANS.has(text) },
  release_date: { expected: 'a date, such as 2025-11-30', isKeptBy: isDate },
  quantity: countingNumber,
  price_amount: {
    expected: 'a decimal number from 0 with at most 15 digits before the point and 4 after it',
    isKeptBy: (text) => /^\d{1,15}(?:\.\d{1,4})?$/.test(text),
  },
  price_currency: { expected: 'three capital letters', isKeptBy: (text) => /^[A-Z]{3}$/.test(text) },
  version: countingNumber,
  created_at: timestamp,
  updated_at: timestamp,
};

/** @returns the row itself, which PostgreSQL can read as it is, or its first defect. */
export function checkRow(row: FileRow): FileRow | Defective {
  for (const column of COLUMN_NAMES) {
    const text = row.values[column];
    if (text === undefined || text === null) {
      if (COLUMNS[column].defaultSql === null) return { line: row.line, defect: `${column} is missing` };
    } else if (!RULES[column].isKeptBy(text)) {
      return { line: row.line, defect: `${column} is not ${RULES[column].expected}: ${quote(text)}` };
    }
  }
  return row;
}

/** As JSON, so that no control character of a file reaches a terminal. */
function quote(text: string): string {
  return text.length <= QUOTED_LENGTH ? JSON.stringify(text) : `${JSON.stringify(text.slice(0, QUOTED_LENGTH))}…`;
}

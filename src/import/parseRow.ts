import { parseOrderItemId, ORDER_ITEM_STATUSES } from '../order-items/orderItem.ts';
import { isStorableText } from '../order-items/cancelRequest.ts';
import { isDate, isTimestamp } from './isoTimes.ts';
import { COLUMN_NAMES, COLUMNS, type ColumnName, type FileRow, type RowValues } from './orderItemTable.ts';
import type { Defective } from './readLines.ts';

/** What a value of a column has to be: the table's checks in words, and no type that would round or cut it. */
interface ValueRule {
  /** Completes the sentence "price_currency is not …". */
  readonly expected: string;
  /** @returns the value as PostgreSQL reads it, or null when it breaks the rule. */
  readonly parse: (text: string) => string | null;
}

const MAX_INTEGER = 2_147_483_647;
const MAX_NAME_LENGTH = 255;
/** How much of a bad value the reason quotes. */
const QUOTED_LENGTH = 40;

const STATUSES: ReadonlySet<string> = new Set(ORDER_ITEM_STATUSES);
/** `t` and `f` are how PostgreSQL exports them. */
const BOOLEANS: ReadonlySet<string> = new Set(['true', 'false', 't', 'f']);

const matching = (expected: string, test: (text: string) => boolean): ValueRule => ({
  expected,
  parse: (text) => (test(text) ? text : null),
});

const name = matching(`text of 1 to ${MAX_NAME_LENGTH} valid characters`, (text) => {
  if (text === '' || text.length > 2 * MAX_NAME_LENGTH || !isStorableText(text)) return false;
  // In code points, as PostgreSQL counts.
  return text.length <= MAX_NAME_LENGTH || [...text].length <= MAX_NAME_LENGTH;
});

const countingNumber = matching(
  `a whole number from 1 to ${MAX_INTEGER}`,
  (text) => /^\d{1,10}$/.test(text) && Number(text) >= 1 && Number(text) <= MAX_INTEGER,
);

const timestamp = matching('a date and time with a time zone, such as 2025-11-30T09:00:00Z', isTimestamp);

const RULES: Readonly<Record<ColumnName, ValueRule>> = {
  id: { expected: 'a UUID', parse: parseOrderItemId },
  order_id: name,
  product_id: name,
  external_id: name,
  status: matching(`one of ${ORDER_ITEM_STATUSES.join(', ')}`, (text) => STATUSES.has(text)),
  is_pre_order: matching('true or false', (text) => BOOLEANS.has(text)),
  release_date: matching('a date, such as 2025-11-30', isDate),
  quantity: countingNumber,
  price_amount: matching('a decimal number from 0 with at most 15 digits before the point and 4 after it', (text) =>
    /^\d{1,15}(?:\.\d{1,4})?$/.test(text),
  ),
  price_currency: matching('three capital letters', (text) => /^[A-Z]{3}$/.test(text)),
  version: countingNumber,
  created_at: timestamp,
  updated_at: timestamp,
};

/** @returns the row, each value as PostgreSQL reads it, or the first defect. */
export function parseRow({ line, values }: FileRow): FileRow | Defective {
  const parsed: RowValues = {};
  for (const column of COLUMN_NAMES) {
    const text = values[column];
    if (text === undefined || text === null) {
      if (COLUMNS[column].defaultSql === null) return { line, defect: `${column} is missing` };
      if (text === null) parsed[column] = null;
    } else {
      const { expected, parse } = RULES[column];
      const value = parse(text);
      if (value === null) return { line, defect: `${column} is not ${expected}: ${quote(text)}` };
      parsed[column] = value;
    }
  }
  return { line, values: parsed };
}

/** As JSON, so that no control character of a file reaches a terminal. */
function quote(text: string): string {
  return text.length <= QUOTED_LENGTH ? JSON.stringify(text) : `${JSON.stringify(text.slice(0, QUOTED_LENGTH))}…`;
}

import { ORDER_ITEM_STATUSES } from '../../src/order-items/orderItem.ts';
import type { RowValues } from '../../src/import/orderItemTable.ts';
import { checkRow } from '../../src/import/checkRow.ts';

const REQUIRED = {
  id: '0b5c3f5e-8f0a-5b0e-9d63-0123456789ab',
  order_id: 'order-1',
  product_id: 'product-1',
  price_amount: '9.99',
  price_currency: 'GBP',
};

/** Checks a valid row with these values changed. Returns the accepted values or the defect. */
function check(values: RowValues): unknown {
  const row = checkRow({ line: 7, values: { ...REQUIRED, ...values } });
  expect(row.line).toBe(7);
  return 'defect' in row ? row.defect : row.values;
}

describe('checkRow', () => {
  test('returns a valid row unchanged', () => {
    const values = {
      ...REQUIRED,
      external_id: 'tab\t, "quote", \\ and 😀',
      status: 'on_hold',
      is_pre_order: 'true',
      release_date: '2024-02-29',
      quantity: '2147483647',
      version: '3',
      created_at: '2024-01-01T10:00:00.123456+05:30',
      updated_at: '2024-01-01 10:00:00+00',
    };
    expect(check(values)).toEqual(values);
  });

  test('accepts a UUID of any version and case', () => {
    expect(check({ id: '0B5C3F5E-8F0A-0B0E-0D63-0123456789AB' })).toMatchObject({
      id: '0B5C3F5E-8F0A-0B0E-0D63-0123456789AB',
    });
  });

  test('accepts missing and null values in optional columns', () => {
    expect(check({})).toEqual(REQUIRED);
    expect(check({ external_id: null, status: null })).toEqual({ ...REQUIRED, external_id: null, status: null });
  });

  test.each(Object.keys(REQUIRED))('rejects a row without %s', (column) => {
    expect(check({ [column]: null })).toBe(`${column} is missing`);
  });

  test.each(ORDER_ITEM_STATUSES)('accepts the status %s', (status) => {
    expect(check({ status })).toMatchObject({ status });
  });

  test.each([
    ['order_id', 'x'.repeat(255)],
    ['order_id', '😀'.repeat(255)],
    ['external_id', ' '],
    ['is_pre_order', 'false'],
    ['is_pre_order', 't'],
    ['release_date', '0001-01-01'],
    ['release_date', '9999-12-31'],
    ['quantity', '1'],
    ['price_amount', '0'],
    ['price_amount', '999999999999999.9999'],
    ['created_at', '0001-01-01T00:00:00Z'],
    ['created_at', '9999-12-30T23:59:59.999999Z'],
    ['created_at', '2024-01-01T10:00Z'],
    ['updated_at', '2024-01-01T10:00:00-0800'],
  ])('accepts the %s %j', (column, text) => {
    expect(check({ [column]: text })).toMatchObject({ [column]: text });
  });

  test.each([
    ['id', 'not-a-uuid', 'a UUID'],
    ['id', '{0b5c3f5e-8f0a-5b0e-9d63-0123456789ab}', 'a UUID'],
    ['order_id', '', 'text of 1 to 255 valid characters'],
    ['order_id', 'NUL\0', 'text of 1 to 255 valid characters'],
    ['external_id', 'half \ud800', 'text of 1 to 255 valid characters'],
    ['status', 'PENDING', 'one of pending, on_hold, in_fulfillment, complete, cancelled, returned'],
    ['status', 'shipped', 'one of pending, on_hold, in_fulfillment, complete, cancelled, returned'],
    ['is_pre_order', 'maybe', 'true or false'],
    ['release_date', '2023-02-29', 'a date, such as 2025-11-30'],
    ['release_date', '1900-02-29', 'a date, such as 2025-11-30'],
    ['release_date', '2023-04-31', 'a date, such as 2025-11-30'],
    ['release_date', '2023-13-01', 'a date, such as 2025-11-30'],
    ['release_date', '0000-01-01', 'a date, such as 2025-11-30'],
    ['quantity', '-3', 'a whole number from 1 to 2147483647'],
    ['quantity', '0', 'a whole number from 1 to 2147483647'],
    ['quantity', '2147483648', 'a whole number from 1 to 2147483647'],
    ['quantity', '1.5', 'a whole number from 1 to 2147483647'],
    ['quantity', '1e3', 'a whole number from 1 to 2147483647'],
    ['version', '0', 'a whole number from 1 to 2147483647'],
    ['price_amount', '-0.01', 'a decimal number from 0 with at most 15 digits before the point and 4 after it'],
    ['price_amount', '1.00001', 'a decimal number from 0 with at most 15 digits before the point and 4 after it'],
    [
      'price_amount',
      '1000000000000000',
      'a decimal number from 0 with at most 15 digits before the point and 4 after it',
    ],
    ['price_amount', 'NaN', 'a decimal number from 0 with at most 15 digits before the point and 4 after it'],
    ['price_currency', 'gbp', 'three capital letters'],
    ['created_at', '2024-01-01T10:00:00', 'a date and time with a time zone, such as 2025-11-30T09:00:00Z'],
    ['created_at', '2024-02-30T10:00:00Z', 'a date and time with a time zone, such as 2025-11-30T09:00:00Z'],
    ['created_at', '2024-01-01T24:00:00Z', 'a date and time with a time zone, such as 2025-11-30T09:00:00Z'],
    ['created_at', '2024-01-01T10:00:00.1234567Z', 'a date and time with a time zone, such as 2025-11-30T09:00:00Z'],
    ['created_at', '0001-01-01T00:00:00+01', 'a date and time with a time zone, such as 2025-11-30T09:00:00Z'],
    ['updated_at', '9999-12-31T00:00:00Z', 'a date and time with a time zone, such as 2025-11-30T09:00:00Z'],
    ['updated_at', '9999-12-30T23:30:00-0100', 'a date and time with a time zone, such as 2025-11-30T09:00:00Z'],
  ])('rejects the %s %j', (column, text, expected) => {
    expect(check({ [column]: text })).toBe(`${column} is not ${expected}: ${JSON.stringify(text)}`);
  });

  test('rejects a text that is one character too long and quotes its beginning', () => {
    const defect = `is not text of 1 to 255 valid characters: "${'x'.repeat(40)}"…`;
    expect(check({ product_id: 'x'.repeat(256) })).toBe(`product_id ${defect}`);
    expect(check({ product_id: '😀'.repeat(256) })).toBe(`product_id ${defect.replaceAll('xx', '😀')}`);
  });

  test('reports only the first defect of a row', () => {
    expect(check({ quantity: '0', status: 'nonsense' })).toMatch(/^status is not/);
  });

  test('escapes control characters in the defect, so they cannot reach a terminal', () => {
    expect(check({ status: '\u001b[2J' })).toMatch(/: "\\u001b\[2J"$/);
  });
});

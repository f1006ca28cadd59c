import { gzipSync } from 'node:zlib';
import { checkRow } from '../../src/import/checkRow.ts';
import { parseColumnMap } from '../../src/import/columns.ts';
import { type ReadOptions, readRows } from '../../src/import/readRows.ts';
import type { ValueFormats } from '../../src/import/valueFormats.ts';
import { temporaryFile } from '../support/temporaryFile.ts';

/* Files as spreadsheets and scripts write them. Each is read as the same two items. */

const ONE = '0b5c3f5e-8f0a-5b0e-9d63-0123456789ab';
const OTHER = '1b5c3f5e-8f0a-5b0e-9d63-0123456789ab';

const NAMES = ['id', 'order_id', 'product_id', 'is_pre_order', 'release_date', 'price_amount', 'price_currency'];
const ROWS = [
  [ONE, 'ä "1"', 'p, 1; x', 'true', '2026-12-01', '12.5', 'EUR'],
  [OTHER, 'b', 'p\n2', 'false', '', '7', 'EUR'],
];

/** Writes cells as LibreOffice does: in quotes only where the content needs them. */
function write(separator: string, lineEnd: string, cells: readonly (readonly string[])[] = [NAMES, ...ROWS]): string {
  const quote = (cell: string): string => (/[",;\t\n\r]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
  return cells.map((row) => row.map(quote).join(separator) + lineEnd).join('');
}

const PLAIN = write(',', '\n');
const utf16 = (text: string): Buffer => Buffer.from(`\ufeff${text}`, 'utf16le');

interface Read {
  readonly rows: unknown[];
  readonly guesses: string[];
}

async function read(
  name: string,
  content: string | Buffer,
  options: ReadOptions = {},
  formats: ValueFormats = {},
): Promise<Read> {
  const guesses: string[] = [];
  const onGuess = (sentence: string): void => {
    guesses.push(sentence);
  };
  const rows: unknown[] = [];
  for await (const row of await readRows(await temporaryFile(name, content), undefined, { ...options, onGuess })) {
    const checked = 'defect' in row ? row : checkRow(row, formats);
    rows.push('defect' in checked ? checked : Object.values(checked.values).map((value) => value ?? ''));
  }
  return { rows, guesses };
}

test('a plain file needs no guess', async () => {
  expect(await read('items.csv', PLAIN)).toEqual({ rows: ROWS, guesses: [] });
  expect(await read('items.csv', `\ufeff${write(',', '\r\n')}`)).toEqual({ rows: ROWS, guesses: [] });
});

describe('recognizes, and says so,', () => {
  const swapped = utf16(PLAIN).swap16();
  test.each([
    ['semicolons', 'items.csv', write(';', '\r\n'), 'CSV, separated by semicolons'],
    ['tabs', 'items.tsv', write('\t', '\n'), 'CSV, separated by tabs'],
    ['UTF-16', 'items.csv', utf16(PLAIN), 'CSV, in UTF-16'],
    ['UTF-16, the other way around', 'items.csv', swapped, 'CSV, in UTF-16'],
    [
      'UTF-16 with tabs, as Excel writes it',
      'items.txt',
      utf16(write('\t', '\r\n')),
      'CSV, in UTF-16, separated by tabs',
    ],
    ['lines that end with CR', 'items.csv', write(',', '\r'), 'CSV, in lines that end with CR'],
    ['gzip', 'items.csv.gz', gzipSync(PLAIN), 'CSV, compressed with gzip'],
    [
      'gzip under another name',
      'items.csv',
      gzipSync(utf16(write(';', '\n'))),
      'CSV, compressed with gzip, in UTF-16, separated by semicolons',
    ],
  ])('%s', async (_name, file, content, guess) => {
    expect(await read(file, content)).toEqual({ rows: ROWS, guesses: [`The file was read as ${guess}.`] });
  });

  test('NDJSON in gzip', async () => {
    const line = JSON.stringify(
      Object.fromEntries(NAMES.map((name, column) => [name.toUpperCase(), ROWS[0]?.[column]])),
    );
    expect(await read('items.ndjson.gz', gzipSync(line))).toEqual({
      rows: [ROWS[0]],
      guesses: ['The file was read as NDJSON, compressed with gzip.'],
    });
  });
});

test('names are recognized in any case and with blanks around them', async () => {
  const names = NAMES.map((name, column) => (column % 2 === 0 ? ` ${name.toUpperCase()} ` : name));
  expect((await read('items.csv', write(',', '\n', [names, ...ROWS]))).rows).toEqual(ROWS);
});

test('a large file of each kind keeps every row', async () => {
  const many = Array.from({ length: 20_000 }, (_, n) => [ONE, `ä€😀${n}`, 'p', 'true', '', '1', 'EUR']);
  for (const content of [utf16(write(';', '\r', [NAMES, ...many])), gzipSync(write('\t', '\n', [NAMES, ...many]))]) {
    expect((await read('items.csv', content)).rows).toEqual(many);
  }
});

describe('other columns', () => {
  const names = ['UUID', 'Order', 'product_id', 'is_pre_order', 'release_date', 'price_amount', 'price_currency'];
  const map = parseColumnMap('id=uuid, order_id=Order');
  const renamed = write(',', '\n', [['Color', ...names], ...ROWS.map((row) => ['red', ...row])]);

  test('are renamed and left out', async () => {
    expect(await read('items.csv', renamed, { map, ignoreUnknown: true })).toEqual({
      rows: ROWS,
      guesses: ['The file was read as CSV, with columns that are left out: "Color".'],
    });
  });

  test('are refused without the options, which the refusal names', async () => {
    await expect(read('items.csv', renamed, { map })).rejects.toThrow(
      /its header has "Color", which is none .*--map renames columns, --ignore-unknown leaves others out/,
    );
    await expect(read('items.csv', PLAIN, { map })).rejects.toThrow('its header lacks "uuid", "Order" of --map');
    const twice = write(',', '\n', [[...names, ' ORDER '], ...ROWS]);
    await expect(read('items.csv', twice, { map })).rejects.toThrow('its header has the column order_id twice');
  });

  test('are renamed and left out in NDJSON', async () => {
    const line = JSON.stringify(
      Object.fromEntries([['Color', 'red'], ...names.map((name, column) => [name, ROWS[0]?.[column]])]),
    );
    expect((await read('items.ndjson', line, { map, ignoreUnknown: true })).rows).toEqual([ROWS[0]]);
    expect((await read('items.ndjson', line)).rows).toMatchObject([
      { defect: expect.stringContaining('it has "Color"') },
    ]);
  });

  test.each(['id', 'id=', 'color=Color', 'id=a,id=b'])('--map refuses %s', (text) => {
    expect(() => parseColumnMap(text)).toThrow('--map');
  });
});

describe('values', () => {
  const withValues = (values: Record<string, string>, formats: ValueFormats = {}): unknown => {
    const row = { id: ONE, order_id: 'o', product_id: 'p', price_amount: '1', price_currency: 'EUR', ...values };
    const checked = checkRow({ line: 2, values: row }, formats);
    return 'defect' in checked ? checked.defect : checked.values;
  };

  test.each(['TRUE', 'True', '1', 'yes', 'Y', 'on', ' t ', 'FALSE', '0', 'no', 'N', 'off', 'f'])(
    'the boolean %j',
    (text) => {
      expect(withValues({ is_pre_order: text })).toMatchObject({ is_pre_order: text });
    },
  );

  test.each(['2', 'o', 'WAHR', 'x'])('no boolean: %j', (text) => {
    expect(withValues({ is_pre_order: text })).toContain('is_pre_order is not true or false');
  });

  test('an amount with a decimal comma needs the option', () => {
    expect(withValues({ price_amount: '12,50' })).toMatch(/"12,50" \(see --decimal-comma\)$/);
    expect(withValues({ price_amount: '12,50' }, { decimalComma: true })).toMatchObject({ price_amount: '12.50' });
    expect(withValues({ price_amount: '12' }, { decimalComma: true })).toMatchObject({ price_amount: '12' });
    expect(withValues({ price_amount: '1.234' }, { decimalComma: true })).toContain('is not a decimal number');
    expect(withValues({ price_amount: '1.234,50' }, { decimalComma: true })).toContain('is not a decimal number');
  });

  test.each([
    ['DD.MM.YYYY', '01.12.2026', '2026-12-01'],
    ['DD.MM.YYYY', '1.2.2026', '2026-02-01'],
    ['MM/DD/YYYY', '12/01/2026', '2026-12-01'],
    ['DD/MM/YYYY', '01/12/2026', '2026-12-01'],
    ['DD.MM.YYYY', '2026-12-01', '2026-12-01'],
  ] as const)('a date as %s: %s', (dateFormat, text, date) => {
    expect(withValues({ release_date: text }, { dateFormat })).toMatchObject({ release_date: date });
  });

  test('a date in another form is refused with the option', () => {
    expect(withValues({ release_date: '01.12.2026' })).toMatch(/"01\.12\.2026" \(see --date-format\)$/);
    expect(withValues({ release_date: '31.02.2026' }, { dateFormat: 'DD.MM.YYYY' })).toContain('is not a date');
    expect(withValues({ release_date: '13/01/2026' }, { dateFormat: 'MM/DD/YYYY' })).toContain('is not a date');
  });
});

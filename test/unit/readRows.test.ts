import { gzipSync } from 'node:zlib';
import { readRows } from '../../src/import/readRows.ts';
import { temporaryFile } from '../support/temporaryFile.ts';

const HEADER = 'id,order_id,product_id,price_amount,price_currency';

/** What the rows of a file are: line and order_id, or line and defect. */
async function read(name: string, content: string | Buffer): Promise<[number, unknown][]> {
  const rows: [number, unknown][] = [];
  for await (const row of await readRows(await temporaryFile(name, content))) {
    rows.push([row.line, 'defect' in row ? row.defect : row.values.order_id]);
  }
  return rows;
}

const csv = (...lines: string[]): Promise<[number, unknown][]> => read('items.csv', [HEADER, ...lines].join('\n'));

describe('a CSV file', () => {
  test('returns rows with their first lines', async () => {
    expect(await csv('1,A,x,1,GBP', '2,B,x,1,GBP', '')).toEqual([
      [2, 'A'],
      [3, 'B'],
    ]);
  });

  test('can have a byte-order mark, CRLF, and no final line end', async () => {
    expect(await read('items.csv', `\ufeff${HEADER}\r\n1,A,x,1,GBP\r\n2,B,x,1,GBP`)).toEqual([
      [2, 'A'],
      [3, 'B'],
    ]);
  });

  test('can quote commas, quotation marks and line ends, and counts each line once', async () => {
    expect(
      await csv('1,"A, ""big"" one",x,1,GBP', '2,"B', 'b",x,1,GBP', '3,"C\r', 'c\r', '",x,1,GBP\r', '4,D,x,1,"GBP"'),
    ).toEqual([
      [2, 'A, "big" one'],
      [3, 'B\nb'],
      [5, 'C\r\nc\r\n'],
      [8, 'D'],
    ]);
  });

  test('skips blank lines, which still count', async () => {
    expect(await csv('', '1,A,x,1,GBP', '\r', '2,B,x,1,GBP')).toEqual([
      [3, 'A'],
      [5, 'B'],
    ]);
  });

  test('treats an empty field as missing', async () => {
    const file = await temporaryFile('items.csv', `${HEADER},external_id,quantity\n1,A,x,1,GBP,,\n`);
    const [row] = await Array.fromAsync(await readRows(file));
    expect(row).toMatchObject({ values: { external_id: null, quantity: null } });
  });

  test('rejects only the line with too few or too many fields', async () => {
    expect(await csv('1,A,x,1,GBP,more', '2,B,x,1,GBP', '3,C,x')).toEqual([
      [2, "the number of its fields is 6, that of the header's 5"],
      [3, 'B'],
      [4, "the number of its fields is 3, that of the header's 5"],
    ]);
  });

  test('rejects only the line with an unclosed or misplaced quotation mark', async () => {
    expect(await csv('1,"A,x,1,GBP', '2,B,x,1,GBP', '3,"C')).toEqual([
      [2, 'a quotation mark is never closed, or out of place'],
      [3, 'B'],
      [4, 'a quotation mark is never closed, or out of place'],
    ]);
  });

  test('rejects only the lines with misplaced quotation marks', async () => {
    expect(await csv('1,A 5" long,x,1,GBP', '2,B,x,1,GBP', '3,"C"c,x,1,GBP', '4,"D",x,1,GBP')).toEqual([
      [2, 'a quotation mark is never closed, or out of place'],
      [3, 'B'],
      [4, 'a quotation mark is never closed, or out of place'],
      [5, 'D'],
    ]);
  });

  test('survives an unclosed quotation mark at any length', async () => {
    const good = Array.from({ length: 20_000 }, (_, i) => `${i},B,x,1,GBP`);
    const rows = await csv('1,"A,x,1,GBP', ...good);
    expect(rows.filter(([, text]) => text !== 'B')).toEqual([[2, 'a quotation mark is never closed, or out of place']]);
    expect(rows).toHaveLength(20_001);
  });

  test('rejects only the lines that are too long or not UTF-8', async () => {
    const lines = [HEADER, `1,${'A'.repeat(300_000)},x,1,GBP`, '2,B,x,1,GBP', '3,\xff,x,1,GBP', '4,D,x,1,GBP', '5,"'];
    expect(await read('items.csv', Buffer.from(lines.join('\n'), 'latin1'))).toEqual([
      [2, 'it is longer than 16384 bytes'],
      [3, 'B'],
      [4, 'it is not UTF-8'],
      [5, 'D'],
      [6, 'a quotation mark is never closed, or out of place'],
    ]);
  });

  test('keeps characters intact across chunks', async () => {
    const rows = await csv(...Array.from({ length: 20_000 }, (_, i) => `${i},${'é€😀'.repeat(1 + (i % 3))},x,1,GBP`));
    expect(new Set(rows.map(([, text]) => text))).toEqual(new Set(['é€😀', 'é€😀é€😀', 'é€😀é€😀é€😀']));
    expect(rows.at(-1)?.[0]).toBe(20_001);
  });

  test.each([
    ['an unknown column', `${HEADER},colour\n`, 'its header has "colour", which is none of the columns id, order_id'],
    ['a column twice', `${HEADER},id\n`, 'its header has the column id twice'],
    ['columns missing', 'id,order_id,product_id\n', 'its header lacks price_amount, price_currency'],
    [
      'a broken header',
      `${HEADER},"status\n`,
      'its header is not usable: a quotation mark is never closed, or out of place',
    ],
    ['half a character of two bytes', Buffer.from([0xff, 0xfe, 0x41]), 'The encoded data was not valid'],
    ['a damaged archive', Buffer.from([0x1f, 0x8b, 0x00, 0x00]), 'unknown compression method'],
    ['the end of an archive missing', gzipSync(`${HEADER}\n`).subarray(0, -12), 'unexpected end of file'],
    ['nothing in it', '', 'it is empty'],
    ['blank lines only', '\n\n', 'it is empty'],
  ])('is refused completely with %s', async (_case, content, message) => {
    await expect(read('items.csv', content)).rejects.toThrow(`items.csv cannot be imported: ${message}`);
  });
});

describe('an NDJSON file', () => {
  const item = (members: object): string => JSON.stringify({ id: '1', order_id: 'A', ...members });

  test('returns rows with their lines, and rejects only lines that are not flat objects', async () => {
    const lines = [item({}), '', '{"id": "2", "ord', '[]', 'null', item({ colour: 'red' }), item({ status: {} })];
    expect(await read('items.ndjson', `\ufeff${lines.join('\r\n')}\r\n${item({ order_id: 'B' })}`)).toEqual([
      [1, 'A'],
      [3, 'it is not valid JSON'],
      [4, 'it is not a JSON object'],
      [5, 'it is not a JSON object'],
      [6, expect.stringContaining('it has "colour", which is none of the columns id, order_id')],
      [7, 'status is not a plain value'],
      [8, 'B'],
    ]);
  });

  test('can lack different columns in each row, and keeps every digit of a number', async () => {
    const file = await temporaryFile(
      'items.jsonl',
      '{"price_amount": 123456789012345.6789, "quantity": 2.0}\n{"quantity": 2.0, "is_pre_order": true, "external_id": null}\n',
    );
    expect(await Array.fromAsync(await readRows(file))).toEqual([
      { line: 1, values: { price_amount: '123456789012345.6789', quantity: '2' } },
      { line: 2, values: { quantity: '2', is_pre_order: 'true', external_id: null } },
    ]);
  });

  test('is detected by its first brace without a known extension', async () => {
    expect(await read('items', `\ufeff\n ${item({})}\n`)).toEqual([[2, 'A']]);
    expect(await read('items.txt', `\ufeff\n${HEADER}\n1,A,x,1,GBP\n`)).toEqual([[3, 'A']]);
  });
});

test('refuses a missing file', async () => {
  await expect(readRows('/nowhere/items.csv')).rejects.toThrow('/nowhere/items.csv cannot be imported: ENOENT');
});

test('reports the bytes read, up to the last', async () => {
  const content = `${HEADER}\n${'1,A,x,1,GBP\n'.repeat(20_000)}`;
  const told: number[] = [];
  const file = await temporaryFile('items.csv', content);
  await Array.fromAsync(await readRows(file, (bytes) => told.push(bytes)));
  expect(told.length).toBeGreaterThan(2);
  expect(told).toEqual(told.toSorted((one, other) => one - other));
  expect(told.at(-1)).toBe(content.length);
});

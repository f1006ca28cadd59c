import { createColumnFinder, describeUnknown, type NameOptions } from './columns.ts';
import type { ColumnName, FileRow, RowValues } from './orderItemTable.ts';
import type { Defective, TextLine } from './readLines.ts';

/** Matches numbers that can have more than the 15 digits that a floating-point number keeps. */
const LONG_NUMBER = /[\d.]{16}/;

/** Reads one JSON object per line. It skips blank lines. */
export async function* readNdjson(
  lines: AsyncIterable<TextLine | Defective>,
  options: NameOptions,
): AsyncGenerator<FileRow | Defective, void> {
  const findColumn = createColumnFinder(options);
  for await (const line of lines) {
    if ('defect' in line) {
      yield line;
    } else if (line.text.trim() !== '') {
      const values = parseValues(line.text, findColumn, options.ignoreUnknown === true);
      yield typeof values === 'string' ? { line: line.line, defect: values } : { line: line.line, values };
    }
  }
}

/** Parses a line. @returns the values, or the defect. */
function parseValues(
  text: string,
  findColumn: (name: string) => ColumnName | null,
  ignoreUnknown: boolean,
): RowValues | string {
  let parsed: unknown;
  try {
    // Reading the source of each number takes six times as long, and few lines need it.
    parsed = LONG_NUMBER.test(text) ? JSON.parse(text, withExactNumber) : JSON.parse(text);
  } catch {
    return 'it is not valid JSON';
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return 'it is not a JSON object';
  const values: RowValues = {};
  for (const [name, value] of Object.entries(parsed)) {
    const column = findColumn(name);
    if (column === null && ignoreUnknown) continue;
    if (column === null) return `it has ${describeUnknown(name)}`;
    if (value !== null && typeof value === 'object') return `${column} is not a plain value`;
    if (column in values) return `it has ${column} twice`;
    values[column] = value === null ? null : String(value);
  }
  return values;
}

/** Keeps the text of a long number. @see LONG_NUMBER */
function withExactNumber(_key: string, value: unknown, { source = '' }: { readonly source?: string } = {}): unknown {
  return typeof value === 'number' && LONG_NUMBER.test(source) ? source : value;
}

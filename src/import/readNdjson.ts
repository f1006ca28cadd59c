import { type FileRow, isColumnName, type RowValues } from './orderItemTable.ts';
import type { Defective, TextLine } from './readLines.ts';

/** Reads one JSON object a line; blank lines are none. */
export async function* readNdjson(
  lines: AsyncIterable<TextLine | Defective>,
): AsyncGenerator<FileRow | Defective, void> {
  for await (const line of lines) {
    if ('defect' in line) {
      yield line;
    } else if (line.text.trim() !== '') {
      const values = parseValues(line.text);
      yield typeof values === 'string' ? { line: line.line, defect: values } : { line: line.line, values };
    }
  }
}

/** @returns the values, or the defect. */
function parseValues(text: string): RowValues | string {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text, withExactNumber);
  } catch {
    return 'it is not valid JSON';
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return 'it is not a JSON object';
  const values: RowValues = {};
  for (const [name, value] of Object.entries(parsed)) {
    if (!isColumnName(name)) return `it has ${JSON.stringify(name.slice(0, 100))}, which is no column`;
    if (value !== null && typeof value === 'object') return `${name} is not a plain value`;
    values[name] = value === null ? null : String(value);
  }
  return values;
}

/** Keeps a number as it is written: as a floating-point number a price would lose digits. */
function withExactNumber(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  return typeof value === 'number' ? context?.source : value;
}

import { type Defective, MAX_LINE_BYTES, type TextLine } from './readLines.ts';

export interface CsvRecord {
  /** The line of the file on which the record starts. */
  readonly line: number;
  readonly fields: readonly string[];
}

/** What stands between fields. Where the comma is the decimal sign, spreadsheets write semicolons. */
export const SEPARATORS = [',', ';', '\t'] as const;
export type Separator = (typeof SEPARATORS)[number];

/** A field and its separator. @see https://www.rfc-editor.org/rfc/rfc4180 */
const FIELDS: Readonly<Record<Separator, RegExp>> = {
  ',': /(?:"([^"]*(?:""[^"]*)*)"|([^",]*))(,|$)/y,
  ';': /(?:"([^"]*(?:""[^"]*)*)"|([^";]*))(;|$)/y,
  '\t': /(?:"([^"]*(?:""[^"]*)*)"|([^"\t]*))(\t|$)/y,
};

/**
 * Reads CSV in the form of RFC 4180. It skips blank lines.
 *
 * An unclosed quotation mark would swallow the lines after it, up to the next mark or the end of the file. So a record with
 * unbalanced marks costs only its first line, and reading goes on at the second. csv-parse has no such recovery, and counts
 * a CRLF inside quotes as two lines.
 */
export async function* readCsv(
  lines: AsyncIterable<TextLine | Defective>,
  separator: Separator,
): AsyncGenerator<CsvRecord | Defective, void> {
  /** The lines of a record whose last quotation mark is still open. */
  const open: TextLine[] = [];
  for await (const line of lines) {
    if ('defect' in line) {
      yield* takeRecords(open, separator, true);
      yield line;
    } else if (open.length === 0 && !line.text.includes('"')) {
      const text = withoutCarriageReturn(line.text);
      if (text !== '') yield { line: line.line, fields: text.split(separator) };
    } else {
      open.push(line);
      yield* takeRecords(open, separator, false);
    }
  }
  yield* takeRecords(open, separator, true);
}

/** Takes complete records from the front of the lines. At the end of the file, it takes everything. */
function* takeRecords(lines: TextLine[], separator: Separator, ended: boolean): Generator<CsvRecord | Defective, void> {
  for (let first = lines[0]; first !== undefined; first = lines[0]) {
    const length = countRecordLines(lines);
    if (length === null && !ended && !isTooLong(lines)) return;
    const record = lines.slice(0, length ?? 0).map(({ text }) => text);
    const fields = length === null ? null : parseFields(withoutCarriageReturn(record.join('\n')), FIELDS[separator]);
    if (fields === null) yield { line: first.line, defect: 'a quotation mark is never closed, or out of place' };
    else if (fields.length > 1 || fields[0] !== '') yield { line: first.line, fields };
    lines.splice(0, fields === null ? 1 : record.length);
  }
}

/** Counts the lines until all quotation marks are balanced. @returns null if they are not. */
function countRecordLines(lines: readonly TextLine[]): number | null {
  let even = true;
  for (const [position, { text }] of lines.entries()) {
    for (let mark = text.indexOf('"'); mark !== -1; mark = text.indexOf('"', mark + 1)) even = !even;
    if (even) return position + 1;
  }
  return null;
}

function isTooLong(lines: readonly TextLine[]): boolean {
  return lines.reduce((sum, { text }) => sum + text.length, 0) > MAX_LINE_BYTES;
}

/** Splits a record into fields. @returns null if a quotation mark is misplaced. */
function parseFields(record: string, pattern: RegExp): string[] | null {
  const fields: string[] = [];
  pattern.lastIndex = 0;
  for (let field = pattern.exec(record); field !== null; field = pattern.exec(record)) {
    const [, quoted, plain = '', delimiter] = field;
    fields.push(quoted?.replaceAll('""', '"') ?? plain);
    if (delimiter === '') return fields;
  }
  return null;
}

function withoutCarriageReturn(text: string): string {
  return text.endsWith('\r') ? text.slice(0, -1) : text;
}

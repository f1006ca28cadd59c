import { createColumnFinder, describeUnknown, type NameOptions } from './columns.ts';
import { type ColumnName, type FileRow, REQUIRED_COLUMNS, type RowValues } from './orderItemTable.ts';
import { type CsvRecord, readCsv, SEPARATORS, type Separator } from './readCsv.ts';
import type { Defective, TextLine } from './readLines.ts';

/** The header of a CSV file makes it unusable. */
export class UnusableHeader extends Error {}

type Lines = AsyncGenerator<TextLine | Defective, void>;

export interface CsvRows {
  readonly rows: AsyncIterable<FileRow | Defective>;
  /** What was recognized and is not the default, as parts of a sentence. */
  readonly guesses: readonly string[];
}

const SEPARATOR_NAMES: Readonly<Record<Separator, string>> = { ',': 'commas', ';': 'semicolons', '\t': 'tabs' };

/**
 * Reads the header at once and the rows later. The separator is the one that is most frequent in the header.
 *
 * @throws UnusableHeader
 */
export async function readCsvRows(lines: Lines, options: NameOptions): Promise<CsvRows> {
  const skipped: (TextLine | Defective)[] = [];
  let header = '';
  while (header.trim() === '') {
    const { value, done } = await lines.next();
    if (done === true) throw new UnusableHeader('it is empty');
    if ('defect' in value) throw new UnusableHeader(`its header is not usable: ${value.defect}`);
    skipped.push(value);
    header = value.text;
  }
  const separator = findSeparator(header);
  const records = readCsv(startingWith(skipped, lines), separator);
  const { value: first } = await records.next();
  if (first === undefined) throw new UnusableHeader('it is empty');
  if ('defect' in first) throw new UnusableHeader(`its header is not usable: ${first.defect}`);
  const columns = findColumns(first.fields, options);
  const ignored = first.fields.filter((_name, position) => columns[position] === null);
  return {
    rows: toRows(records, columns),
    guesses: [
      ...(separator === ',' ? [] : [`separated by ${SEPARATOR_NAMES[separator]}`]),
      ...(ignored.length === 0 ? [] : [`with columns that are left out: ${ignored.map(quoteName).join(', ')}`]),
    ],
  };
}

function findSeparator(header: string): Separator {
  const unquoted = header.replaceAll(/"[^"]*"/g, '');
  const count = (separator: Separator): number => unquoted.split(separator).length;
  return SEPARATORS.reduce((best, other) => (count(other) > count(best) ? other : best));
}

function quoteName(name: string): string {
  return JSON.stringify(name.slice(0, 100));
}

/** @returns the column of each field, or null if the field is left out. */
function findColumns(names: readonly string[], options: NameOptions): (ColumnName | null)[] {
  const given = names.map((name) => name.trim().toLowerCase());
  const missing = [...(options.map?.values() ?? [])].filter((name) => !given.includes(name.toLowerCase()));
  if (missing.length > 0) throw new UnusableHeader(`its header lacks ${missing.map(quoteName).join(', ')} of --map`);
  const findColumn = createColumnFinder(options);
  const columns = names.map((name) => {
    const column = findColumn(name);
    if (column === null && options.ignoreUnknown !== true) {
      throw new UnusableHeader(`its header has ${describeUnknown(name)}`);
    }
    return column;
  });
  const repeated = columns.find((name, position) => name !== null && columns.indexOf(name) !== position) ?? null;
  if (repeated !== null) throw new UnusableHeader(`its header has the column ${repeated} twice`);
  const required = REQUIRED_COLUMNS.filter((name) => !columns.includes(name));
  if (required.length > 0) throw new UnusableHeader(`its header lacks ${required.join(', ')}`);
  return columns;
}

async function* startingWith(first: readonly (TextLine | Defective)[], rest: Lines): Lines {
  yield* first;
  yield* rest;
}

async function* toRows(
  records: AsyncIterable<CsvRecord | Defective>,
  columns: readonly (ColumnName | null)[],
): AsyncGenerator<FileRow | Defective, void> {
  for await (const record of records) {
    if ('defect' in record) {
      yield record;
    } else if (record.fields.length !== columns.length) {
      const { line, fields } = record;
      yield { line, defect: `the number of its fields is ${fields.length}, that of the header's ${columns.length}` };
    } else {
      const values: RowValues = {};
      columns.forEach((name, position) => {
        if (name === null) return;
        const field = record.fields[position] ?? '';
        values[name] = field === '' ? null : field;
      });
      yield { line: record.line, values };
    }
  }
}

import { open } from 'node:fs/promises';
import { extname } from 'node:path';
import {
  COLUMN_NAMES,
  type ColumnName,
  type FileRow,
  isColumnName,
  REQUIRED_COLUMNS,
  type RowValues,
} from './orderItemTable.ts';
import { type CsvRecord, readCsv } from './readCsv.ts';
import { type Defective, readLines } from './readLines.ts';
import { readNdjson } from './readNdjson.ts';

/** The file as a whole cannot be imported. */
class UnusableFile extends Error {
  constructor(file: string, defect: string, options?: ErrorOptions) {
    super(`${file} cannot be imported: ${defect}.`, options);
    this.name = 'UnusableFile';
  }
}

type Format = 'csv' | 'ndjson';

const FORMATS: Readonly<Record<string, Format>> = { '.csv': 'csv', '.ndjson': 'ndjson', '.jsonl': 'ndjson' };

const CHUNK_BYTES = 65_536;
const OPENING_BRACE = 0x7b;
/** White space and the bytes of a byte-order mark. */
const BEFORE_CONTENT: readonly number[] = [0x09, 0x0a, 0x0d, 0x20, 0xef, 0xbb, 0xbf];

/**
 * Opens a file of order items, CSV with a header or NDJSON, and reads it row by row. The name's ending tells which;
 * where it tells nothing, NDJSON begins with a brace.
 *
 * @param onRead is told how many bytes have been read so far.
 * @throws UnusableFile before the first row, if the file cannot be read, is empty, or its header does not fit.
 */
export async function readRows(
  file: string,
  onRead: (bytes: number) => void = () => undefined,
): Promise<AsyncIterable<FileRow | Defective>> {
  const chunks = readChunks(file, onRead);
  try {
    const first = await firstOf(chunks, file);
    const lines = readLines(startingWith(first, chunks));
    const format = FORMATS[extname(file).toLowerCase()] ?? formatOf(first);
    return format === 'ndjson' ? readNdjson(lines) : await readCsvRows(readCsv(lines), file);
  } catch (error) {
    await chunks.return();
    throw error;
  }
}

async function firstOf(chunks: AsyncGenerator<Buffer, void>, file: string): Promise<Buffer> {
  try {
    const { value, done } = await chunks.next();
    if (done !== true) return value;
  } catch (error) {
    throw new UnusableFile(file, Error.isError(error) ? error.message : String(error), { cause: error });
  }
  throw new UnusableFile(file, 'it is empty');
}

async function* readChunks(file: string, onRead: (bytes: number) => void): AsyncGenerator<Buffer, void, void> {
  await using handle = await open(file);
  for (let total = 0; ;) {
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES);
    if (bytesRead === 0) return;
    total += bytesRead;
    onRead(total);
    yield buffer.subarray(0, bytesRead);
  }
}

async function* startingWith<T>(first: T, rest: AsyncIterable<T>): AsyncGenerator<T, void> {
  yield first;
  yield* rest;
}

function formatOf(chunk: Buffer): Format {
  return chunk.find((byte) => !BEFORE_CONTENT.includes(byte)) === OPENING_BRACE ? 'ndjson' : 'csv';
}

/** Reads the header now, the rows later. */
async function readCsvRows(
  records: AsyncGenerator<CsvRecord | Defective, void>,
  file: string,
): Promise<AsyncIterable<FileRow | Defective>> {
  const { value: header, done } = await records.next();
  if (done === true) throw new UnusableFile(file, 'it is empty');
  if ('defect' in header) throw new UnusableFile(file, `its header is not usable: ${header.defect}`);
  const columns = header.fields.map((name) => {
    if (isColumnName(name)) return name;
    throw new UnusableFile(
      file,
      `its header has ${JSON.stringify(name.slice(0, 100))}, which is none of the columns ${COLUMN_NAMES.join(', ')}`,
    );
  });
  const repeated = columns.find((name, position) => columns.indexOf(name) !== position);
  if (repeated !== undefined) throw new UnusableFile(file, `its header has the column ${repeated} twice`);
  const missing = REQUIRED_COLUMNS.filter((name) => !columns.includes(name));
  if (missing.length > 0) throw new UnusableFile(file, `its header lacks ${missing.join(', ')}`);
  return toRows(records, columns);
}

async function* toRows(
  records: AsyncIterable<CsvRecord | Defective>,
  columns: readonly ColumnName[],
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
        const field = record.fields[position] ?? '';
        values[name] = field === '' ? null : field;
      });
      yield { line: record.line, values };
    }
  }
}

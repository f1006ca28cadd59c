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

/** The file cannot be imported at all. */
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
/** White space and the bytes of a UTF-8 byte-order mark. */
const BEFORE_CONTENT: readonly number[] = [0x09, 0x0a, 0x0d, 0x20, 0xef, 0xbb, 0xbf];

/**
 * Opens a file of order items and reads it row by row. The file is CSV with a header, or NDJSON. The extension decides.
 * Without a known extension, a file that begins with a brace is NDJSON.
 *
 * @param onRead is called with the number of bytes that have been read so far.
 * @throws UnusableFile before the first row, if the file is unreadable or empty, or if its header is invalid.
 */
export async function readRows(
  file: string,
  onRead: (bytes: number) => void = () => undefined,
): Promise<AsyncIterable<FileRow | Defective>> {
  const chunks = readChunks(file, onRead);
  try {
    const first = await readFirstChunk(chunks, file);
    const lines = readLines(startingWith(first, chunks));
    const format = FORMATS[extname(file).toLowerCase()] ?? detectFormat(first);
    return format === 'ndjson' ? readNdjson(lines) : await readCsvRows(readCsv(lines), file);
  } catch (error) {
    await chunks.return();
    throw error;
  }
}

async function readFirstChunk(chunks: AsyncGenerator<Buffer, void>, file: string): Promise<Buffer> {
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

function detectFormat(chunk: Buffer): Format {
  return chunk.find((byte) => !BEFORE_CONTENT.includes(byte)) === OPENING_BRACE ? 'ndjson' : 'csv';
}

/** Reads the header at once and the rows later. */
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

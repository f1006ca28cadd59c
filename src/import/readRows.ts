import { extname } from 'node:path';
import type { NameOptions } from './columns.ts';
import type { FileRow } from './orderItemTable.ts';
import { readBytes, UnusableFile } from './readBytes.ts';
import { readCsvRows, UnusableHeader } from './readCsvRows.ts';
import { type Defective, readLines } from './readLines.ts';
import { readNdjson } from './readNdjson.ts';

export interface ReadOptions extends NameOptions {
  /** Called with a sentence if the file is not UTF-8 with commas, before the first row. */
  readonly onGuess?: (sentence: string) => void;
}

type Format = 'csv' | 'ndjson';

const FORMATS: Readonly<Record<string, Format>> = { '.csv': 'csv', '.ndjson': 'ndjson', '.jsonl': 'ndjson' };

const OPENING_BRACE = 0x7b;
/** White space and the bytes of a UTF-8 byte-order mark. */
const BEFORE_CONTENT: readonly number[] = [0x09, 0x0a, 0x0d, 0x20, 0xef, 0xbb, 0xbf];

/**
 * Opens a file of order items, or standard input, and reads it row by row. The file is CSV with a header, or NDJSON. The
 * extension decides. Without a known extension, a file that begins with a brace is NDJSON.
 *
 * @param file is a path, or `-` for standard input.
 * @param onRead is called with the number of bytes that have been read so far.
 * @throws UnusableFile before the first row, if the file is unreadable or empty, or if its header is invalid.
 */
export async function readRows(
  file: string,
  onRead: (bytes: number) => void = () => undefined,
  options: ReadOptions = {},
): Promise<AsyncIterable<FileRow | Defective>> {
  const { onGuess = () => undefined } = options;
  const { first, chunks, guesses, close } = await readBytes(file, onRead);
  try {
    const lines = readLines(chunks);
    const format = FORMATS[extname(file.replace(/\.gz$/i, '')).toLowerCase()] ?? detectFormat(first);
    const csv = format === 'csv' ? await readCsvRows(lines, options) : null;
    const all = [...guesses, ...(csv?.guesses ?? [])];
    if (all.length > 0) onGuess(`The file was read as ${format === 'csv' ? 'CSV' : 'NDJSON'}, ${all.join(', ')}.`);
    return csv === null ? readNdjson(lines, options) : csv.rows;
  } catch (error) {
    await close();
    if (error instanceof UnusableHeader) throw new UnusableFile(file, error.message, { cause: error });
    throw error;
  }
}

function detectFormat(chunk: Buffer): Format {
  return chunk.find((byte) => !BEFORE_CONTENT.includes(byte)) === OPENING_BRACE ? 'ndjson' : 'csv';
}

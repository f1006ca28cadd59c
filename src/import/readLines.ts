import { isUtf8 } from 'node:buffer';

/** A line of a text file without its line feed. A carriage return before it stays. */
export interface TextLine {
  /** Counts from 1, as editors do. */
  readonly line: number;
  readonly text: string;
}

/** A line, or a record that starts on it, that cannot be imported. */
export interface Defective {
  readonly line: number;
  /** The reason, as a clause without a period. */
  readonly defect: string;
}

/** Several times the length of the longest order item. The bound keeps a file from filling the memory with one line. */
export const MAX_LINE_BYTES = 16_384;

const LINE_FEED = 10;
const BYTE_ORDER_MARK = '\ufeff';

/** Splits a file into lines. A line that is too long or not UTF-8 is defective, and reading goes on after it. */
export async function* readLines(
  chunks: AsyncIterable<Buffer> | Iterable<Buffer>,
): AsyncGenerator<TextLine | Defective, void> {
  let line = 1;
  let unfinished: Buffer = Buffer.alloc(0);
  let dropped = false;
  for await (const chunk of chunks) {
    const bytes = unfinished.length === 0 ? chunk : Buffer.concat([unfinished, chunk]);
    let start = 0;
    for (let end = bytes.indexOf(LINE_FEED); end !== -1; end = bytes.indexOf(LINE_FEED, start)) {
      yield toLine(line, bytes.subarray(start, end), dropped);
      dropped = false;
      line += 1;
      start = end + 1;
    }
    unfinished = bytes.subarray(start);
    if (unfinished.length > MAX_LINE_BYTES) {
      unfinished = Buffer.alloc(0);
      dropped = true;
    }
  }
  if (unfinished.length > 0 || dropped) yield toLine(line, unfinished, dropped);
}

/** @param dropped whether the beginning of the line was dropped because it is too long. */
function toLine(line: number, bytes: Buffer, dropped: boolean): TextLine | Defective {
  if (dropped || bytes.length > MAX_LINE_BYTES) return { line, defect: `it is longer than ${MAX_LINE_BYTES} bytes` };
  if (!isUtf8(bytes)) return { line, defect: 'it is not UTF-8' };
  const text = bytes.toString('utf8');
  return { line, text: line === 1 && text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text };
}

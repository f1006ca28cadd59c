import { isUtf8 } from 'node:buffer';

/** A line of a text file as an editor counts them, without its line feed; a carriage return before that is kept. */
export interface TextLine {
  /** From 1. */
  readonly line: number;
  readonly text: string;
}

/** A line, or a record that starts on it, that cannot be used. */
export interface Defective {
  readonly line: number;
  /** Why not, as a clause without a full stop. */
  readonly defect: string;
}

/** Several times what the longest values of an order item take, so that no file can fill the memory with one line. */
export const MAX_LINE_BYTES = 16_384;

const LINE_FEED = 10;
const BYTE_ORDER_MARK = '\ufeff';

/** Splits a file into its lines. What is not text, or too long, costs only its own line. */
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

/** @param dropped whether the line's beginning is gone because it was too long. */
function toLine(line: number, bytes: Buffer, dropped: boolean): TextLine | Defective {
  if (dropped || bytes.length > MAX_LINE_BYTES) return { line, defect: `it is longer than ${MAX_LINE_BYTES} bytes` };
  if (!isUtf8(bytes)) return { line, defect: 'it is not UTF-8' };
  const text = bytes.toString('utf8');
  return { line, text: line === 1 && text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text };
}

import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';

/** The name that stands for standard input. */
const STANDARD_INPUT = '-';

/** The file cannot be imported at all. */
export class UnusableFile extends Error {
  constructor(file: string, defect: string, options?: ErrorOptions) {
    super(
      `${file === STANDARD_INPUT ? 'Standard input' : file} cannot be imported: ${defect.replace(/\.$/, '')}.`,
      options,
    );
    this.name = 'UnusableFile';
  }
}

const CHUNK_BYTES = 65_536;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const GZIP = Buffer.from([0x1f, 0x8b]);
const UTF_16_MARKS = [
  { encoding: 'utf-16le', mark: Buffer.from([0xff, 0xfe]) },
  { encoding: 'utf-16be', mark: Buffer.from([0xfe, 0xff]) },
] as const;

type Chunks = AsyncGenerator<Buffer, void, void>;

/** The content of a file. */
export interface Content {
  /** Its beginning, which is not empty. */
  readonly first: Buffer;
  /** All of it, as UTF-8 with lines that end with LF or CRLF. */
  readonly chunks: Chunks;
  /** What was recognized and is not the default, as parts of a sentence. */
  readonly guesses: readonly string[];
  /** Closes the file before its end. */
  readonly close: () => Promise<void>;
}

/**
 * Opens a file, or standard input, and turns its content into UTF-8 with ordinary line ends. It recognizes gzip and UTF-16 by
 * their first bytes, and lines that end with CR.
 *
 * @param onRead is called with the number of bytes that have been read so far.
 * @throws UnusableFile if the file is unreadable, empty, or damaged.
 */
export async function readBytes(file: string, onRead: (bytes: number) => void): Promise<Content> {
  const source = readChunks(file, onRead);
  const close = async (): Promise<void> => {
    await source.return();
  };
  try {
    return { ...(await recognize(file, source)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function recognize(file: string, source: Chunks): Promise<Omit<Content, 'close'>> {
  const guesses: string[] = [];
  let content = await peek(file, explain(file, source));
  if (content.first.subarray(0, GZIP.length).equals(GZIP)) {
    guesses.push('compressed with gzip');
    content = await peek(file, explain(file, decompress(content.chunks)));
  }
  const { first } = content;
  const utf16 = UTF_16_MARKS.find(({ mark }) => first.subarray(0, mark.length).equals(mark));
  if (utf16 !== undefined) {
    guesses.push('in UTF-16');
    content = await peek(file, explain(file, decode(content.chunks, utf16.encoding)));
  }
  if (endsLinesWithCarriageReturn(content.first)) {
    guesses.push('in lines that end with CR');
    content = await peek(file, replaceCarriageReturns(content.chunks));
  }
  return { ...content, guesses };
}

/** The end of the header decides. Cells below it can hold line feeds. */
function endsLinesWithCarriageReturn(chunk: Buffer): boolean {
  const end = chunk.findIndex((byte) => byte === CARRIAGE_RETURN || byte === LINE_FEED);
  return chunk[end] === CARRIAGE_RETURN && end + 1 < chunk.length && chunk[end + 1] !== LINE_FEED;
}

/** Reads the first chunk ahead. */
async function peek(file: string, chunks: Chunks): Promise<{ readonly first: Buffer; readonly chunks: Chunks }> {
  const { value: first, done } = await chunks.next();
  if (done === true) throw new UnusableFile(file, 'it is empty');
  return { first, chunks: startingWith(first, chunks) };
}

async function* startingWith(first: Buffer, rest: Chunks): Chunks {
  yield first;
  yield* rest;
}

async function* explain(file: string, chunks: Chunks): Chunks {
  try {
    yield* chunks;
  } catch (error) {
    if (error instanceof UnusableFile) throw error;
    throw new UnusableFile(file, Error.isError(error) ? error.message : String(error), { cause: error });
  }
}

async function* readChunks(file: string, onRead: (bytes: number) => void): Chunks {
  let total = 0;
  if (file === STANDARD_INPUT) {
    for await (const chunk of process.stdin) {
      total += (chunk as Buffer).length;
      onRead(total);
      yield chunk as Buffer;
    }
    return;
  }
  await using handle = await open(file);
  for (;;) {
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES);
    if (bytesRead === 0) return;
    total += bytesRead;
    onRead(total);
    yield buffer.subarray(0, bytesRead);
  }
}

async function* decompress(chunks: Chunks): Chunks {
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
  // A failure of either stream ends the other, and the reader gets it.
  const piped = pipeline(Readable.from(chunks), gunzip);
  piped.catch(() => undefined);
  for await (const chunk of gunzip) yield chunk as Buffer;
  await piped;
}

async function* decode(chunks: Chunks, encoding: string): Chunks {
  const decoder = new TextDecoder(encoding, { fatal: true });
  for await (const chunk of chunks) {
    const text = decoder.decode(chunk, { stream: true });
    if (text !== '') yield Buffer.from(text);
  }
  const rest = decoder.decode();
  if (rest !== '') yield Buffer.from(rest);
}

async function* replaceCarriageReturns(chunks: Chunks): Chunks {
  for await (const chunk of chunks) {
    for (let at = chunk.indexOf(CARRIAGE_RETURN); at !== -1; at = chunk.indexOf(CARRIAGE_RETURN, at + 1)) {
      chunk[at] = LINE_FEED;
    }
    yield chunk;
  }
}

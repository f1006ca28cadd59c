import { once } from 'node:events';
import { connect } from 'node:net';
import type { RestAnswer } from './testService.ts';

/** A connection on which a test writes raw bytes. */
export interface RawConnection {
  readonly write: (text: string | Uint8Array) => void;
  /** Reads the next answer. @throws if the connection ends before the answer is complete. */
  readonly readAnswer: () => Promise<RestAnswer>;
  /** Closes the sending side only. */
  readonly end: () => void;
  readonly destroy: () => void;
}

export async function openConnection(url: string): Promise<RawConnection> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  const chunks: AsyncIterator<Buffer> = socket[Symbol.asyncIterator]();
  let received = Buffer.alloc(0);
  return {
    write: (text) => {
      socket.write(text);
    },
    readAnswer: async () => {
      for (;;) {
        const answer = firstAnswerIn(received);
        if (answer !== null) {
          received = received.subarray(answer.length);
          return answer;
        }
        const chunk = await chunks.next();
        if (chunk.done === true) throw new Error(`The connection ended after: ${received.toString('latin1')}`);
        received = Buffer.concat([received, chunk.value]);
      }
    },
    end: () => {
      socket.end();
    },
    destroy: () => {
      socket.destroy();
    },
  };
}

/** Writes a raw request and reads its answer. */
export async function sendRaw(url: string, request: string | Uint8Array): Promise<RestAnswer> {
  const connection = await openConnection(url);
  try {
    connection.write(request);
    return await connection.readAnswer();
  } finally {
    connection.destroy();
  }
}

function firstAnswerIn(received: Buffer): (RestAnswer & { readonly length: number }) | null {
  const headLength = received.indexOf('\r\n\r\n');
  if (headLength === -1) return null;
  const [statusLine = '', ...lines] = received.toString('latin1', 0, headLength).split('\r\n');
  const headers = new Headers(
    lines.map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    }),
  );
  const start = headLength + 4;
  const length = start + Number(headers.get('content-length') ?? 0);
  if (received.length < length) return null;
  const text = received.toString('utf8', start, length);
  return { status: Number(statusLine.split(' ')[1]), headers, body: text === '' ? null : JSON.parse(text), length };
}

import { connect } from 'node:net';
import type { HttpRequest } from './arbitraryRequests.ts';
import type { RestAnswer } from './testService.ts';

/** How long to wait for an answer. */
const PATIENCE_MS = 15_000;

/** Sends a request on a new connection, and reads until the server closes it. */
export async function exchange(url: string, request: HttpRequest): Promise<RestAnswer> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error('The server neither answers nor closes.')));
  socket.write(toBytes(request));
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return parseAnswer(Buffer.concat(chunks), request.method);
}

function toBytes({ method, target, version, headers, body: text, chunked }: HttpRequest): Buffer {
  const body = text === null ? null : Buffer.from(text, 'latin1');
  const framing = body === null ? [] : [chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${body.length}`];
  const head = [
    `${method} ${target} HTTP/${version}`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
    ...framing,
    'Connection: close',
    '\r\n',
  ].join('\r\n');
  return Buffer.concat([
    Buffer.from(head, 'latin1'),
    body !== null && chunked ? inChunks(body) : (body ?? Buffer.of()),
  ]);
}

function inChunks(body: Buffer): Buffer {
  const half = body.length >> 1;
  const chunks = [body.subarray(0, half), body.subarray(half)].filter((chunk) => chunk.length > 0);
  return Buffer.concat([
    ...chunks.flatMap((chunk) => [Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n')]),
    Buffer.from('0\r\n\r\n'),
  ]);
}

/** Parses the only answer in the received bytes. It must be complete. */
function parseAnswer(received: Buffer, method: string): RestAnswer {
  const headLength = received.indexOf('\r\n\r\n');
  if (headLength === -1) throw new Error(`There is no answer in: ${JSON.stringify(received.toString('latin1'))}`);
  const [statusLine = '', ...lines] = received.toString('latin1', 0, headLength).split('\r\n');
  const rest = received.subarray(headLength + 4);
  const status = Number(statusLine.split(' ')[1]);
  if (status < 200) return parseAnswer(rest, method);
  const headers = new Headers(
    lines.map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    }),
  );
  if (method !== 'HEAD' && headers.get('content-length') !== String(rest.length)) {
    throw new Error(`The answer is not of the length that it tells: ${received.toString('latin1')}`);
  }
  return { status, headers, body: rest.length === 0 ? null : JSON.parse(rest.toString('utf8')) };
}

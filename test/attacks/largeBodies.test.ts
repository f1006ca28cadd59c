import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { startTestService } from '../support/testService.ts';

/* A client that sends a body beyond the limit gets 413, however it sends, and then the connection is closed. */

const service = await startTestService();
const token = await service.token();
const REST = '/v0/line_item/0198c0de-7a1b-7c3d-9e4f-5a6b7c8d9e0f/cancel';
const MEGABYTE = Buffer.alloc(1_000_000, ' ');

/**
 * Sends megabytes one after the other, and reads only when it has sent all.
 *
 * @returns everything that the server sent until it closed the connection.
 * @throws if a byte could not be sent.
 */
async function upload(
  path: string,
  { megabytes, chunked, pauseMs = 0 }: { megabytes: number; chunked: boolean; pauseMs?: number },
): Promise<string> {
  const { hostname, port } = new URL(service.url);
  const socket = connect(Number(port), hostname);
  const failed = once(socket, 'error').then(([error]) => Promise.reject(error as Error));
  failed.catch(() => undefined);
  const write = async (data: string | Buffer): Promise<void> => {
    if (!socket.write(data)) await Promise.race([once(socket, 'drain'), failed]);
  };
  const length = chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${megabytes * MEGABYTE.length}`;
  await write(
    `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\n${length}\r\n\r\n`,
  );
  for (let sent = 0; sent < megabytes; sent += 1) {
    if (chunked) await write(`${MEGABYTE.length.toString(16)}\r\n`);
    await write(MEGABYTE);
    if (chunked) await write('\r\n');
    if (pauseMs > 0) await sleep(pauseMs);
  }
  if (chunked) await write('0\r\n\r\n');
  const answer = socket.setEncoding('utf8').toArray() as Promise<string[]>;
  return (await Promise.race([answer, failed])).join('');
}

describe.each([REST, '/graphql'])('%s', (path) => {
  test.each([
    ['with its length', { chunked: false }],
    ['in chunks', { chunked: true }],
    ['in chunks, slowly', { chunked: true, pauseMs: 20 }],
    ['with its length, slowly', { chunked: false, pauseMs: 20 }],
  ])('a body of 5 to 10 MB %s', async (_name, how) => {
    const uploads = Array.from({ length: 40 }, (_, n) => upload(path, { megabytes: 5 + (n % 6), ...how }));
    for (const answer of await Promise.all(uploads)) {
      expect(answer).toMatch(/^HTTP\/1\.1 413 /);
      expect(answer).toMatch(/\r\nconnection: close\r\n/i);
      expect(answer).toContain('The body of the request is too large.');
    }
  });
});

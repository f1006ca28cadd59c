import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readConfig } from '../../src/config.ts';
import { startService } from '../../src/service.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { openHostile, statusesIn } from '../support/hostileHttp.ts';
import { expectServed } from '../support/servedClient.ts';
import { createTestDatabase } from '../support/testDatabase.ts';
import { startTestService } from '../support/testService.ts';

const service = await startTestService();
/** Not less: on a machine that stands still for a second, what has arrived would be late before it could be read. */
const HASTY = { REQUEST_TIMEOUT_MS: '2500' };
const hasty = await startTestService(HASTY);

const CANCEL_NOTHING = 'POST /v0/line_item/0198c0de-7a1b-7c3d-9e4f-5a6b7c8d9e0f/cancel HTTP/1.1\r\nHost: x\r\n';

describe('slowloris: slow clients are cut off, and others are served meanwhile', () => {
  const starts: [string, string, string][] = [
    ['nothing at all', '', ''],
    ['a head, a byte at a time', CANCEL_NOTHING, 'X'],
    ['a head that never ends', CANCEL_NOTHING, 'X-Header: x\r\n'],
    ['a body, a byte at a time', `${CANCEL_NOTHING}Content-Length: 1000\r\n\r\n{`, ' '],
    ['chunks, one at a time', `${CANCEL_NOTHING}Transfer-Encoding: chunked\r\n\r\n`, '1\r\n \r\n'],
  ];
  test.concurrent.each(starts)('%s', async (_, start, drop) => {
    // Without a token, a cancel would be answered before its body comes.
    const head = start.replace('Host: x\r\n', `Host: x\r\nAuthorization: Bearer ${await hasty.token()}\r\n`);
    const connections = await Promise.all(Array.from({ length: 100 }, () => openHostile(hasty.url)));
    for (const { socket } of connections) socket.write(head);
    const dripping = setInterval(() => {
      for (const { socket } of connections) if (socket.writable) socket.write(drop);
    }, 100);
    await expectServed(hasty);
    const received = await Promise.all(connections.map(({ ended }) => ended));
    clearInterval(dripping);
    expect(new Set(received.flatMap(statusesIn))).not.toContain(200);
    expect(new Set(received.flatMap(statusesIn))).not.toContain(500);
    await expectServed(hasty);
  });

  test('a client that does not read its answers', async () => {
    const connection = await openHostile(service.url);
    connection.socket.pause();
    connection.socket.write('GET /v0/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(500));
    await expectServed(service);
    connection.socket.destroy();
    await expectServed(service);
  });
});

describe('clients that never close their side of the connection', () => {
  const stubborn: Socket[] = [];
  afterAll(() => {
    for (const socket of stubborn) socket.destroy();
  });

  /** Answered with 400, to go by what is written, and told that nothing more will come. */
  const openStubborn = async (url: string, text: string): Promise<Socket> => {
    const { hostname, port } = new URL(url);
    const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
    stubborn.push(socket);
    socket.on('error', () => undefined).write(text);
    const told = new Promise((resolve) => socket.once('end', resolve));
    let received = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => (received += chunk));
    await told;
    expect(statusesIn(received)).toEqual([400]);
    return socket;
  };
  const ways: [string, string][] = [
    ['what is not HTTP', 'nonsense\r\n\r\n'],
    ['a head that never ends', `${CANCEL_NOTHING}X: `],
  ];

  test.each(ways)('are let go of all the same: %s', async (_, text) => {
    const socket = await openStubborn(hasty.url, text);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    // Whoever writes to a connection that is gone is told so.
    const dripping = setInterval(() => socket.write('x'), 100);
    await closed.finally(() => {
      clearInterval(dripping);
    });
    await expectServed(hasty);
  });

  test('do not delay the shutdown', async () => {
    const database = await createTestDatabase();
    const dataDir = await mkdtemp(path.join(tmpdir(), 'order-items-stubborn-'));
    const environment = { PORT: '0', DATABASE_URL: database.url, DATA_DIR: dataDir, LOG_LEVEL: 'silent' };
    const ending = await startService(readConfig({ ...environment, ...HASTY }), {
      logger: createLogger('silent'),
    });
    for (const [, text] of ways) await openStubborn(ending.url, text);
    await ending.stop();
    await database.drop();
    await rm(dataDir, { recursive: true });
  });
});

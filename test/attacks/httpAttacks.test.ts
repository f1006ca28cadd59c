import { startFlood } from '../support/flood.ts';
import {
  exchange,
  type Hostile,
  openHostile,
  pour,
  rawCancel,
  rawRequest,
  statusesIn,
} from '../support/hostileHttp.ts';
import { expectNothingWritten } from '../support/nothingWritten.ts';
import { expectErrorForm } from '../support/openApi.ts';
import { anOrderItem, findCancellations } from '../support/orderItems.ts';
import { openConnection, sendRaw } from '../support/rawHttp.ts';
import { expectError } from '../support/restContract.ts';
import { expectServed } from '../support/servedClient.ts';
import { startTestService } from '../support/testService.ts';

const service = await startTestService();
const narrow = await startTestService({ DATABASE_POOL_SIZE: '2' });
const impatient = await startTestService({ REQUEST_TIMEOUT_MS: '500' });
const { dataSource, url } = service;
const authorization = `Authorization: Bearer ${await service.token()}`;
const impatientAuthorization = `Authorization: Bearer ${await impatient.token()}`;

const CANCEL_NOTHING = 'POST /v0/line_item/0198c0de-7a1b-7c3d-9e4f-5a6b7c8d9e0f/cancel HTTP/1.1\r\nHost: x\r\n';

describe('oversized headers: 400, and the rest is not read', () => {
  test.each([
    ['one header of 20 kB', `${CANCEL_NOTHING}X: ${'x'.repeat(20_000)}\r\n\r\n`],
    ['a path of 20 kB', `GET /${'x'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`],
    ['a query of 20 kB', `GET /health/live?${'x'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`],
    ['a method of 20 kB', `${'X'.repeat(20_000)} / HTTP/1.1\r\nHost: x\r\n\r\n`],
    ['a header name of 20 kB', `${CANCEL_NOTHING}${'x'.repeat(20_000)}: x\r\n\r\n`],
  ])('%s', async (_, request) => {
    expectErrorForm(await sendRaw(url, request));
    expect(statusesIn(await exchange(url, request))).toEqual([400]);
    await expectServed(service);
  });

  test.each([
    ['10 MB of headers', CANCEL_NOTHING, `X-Header: ${'x'.repeat(1_000)}\r\n`],
    ['a header of 10 MB', `${CANCEL_NOTHING}X: `, 'x'.repeat(1_000)],
    ['a path of 10 MB', 'GET /', 'x'.repeat(1_000)],
    ['an id of 10 MB', 'POST /v0/line_item/', 'a'.repeat(1_000)],
    [
      'a trailer of 10 MB',
      `${CANCEL_NOTHING}${authorization}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: `,
      'x'.repeat(1_000),
    ],
    [
      'an extension of a chunk of 10 MB',
      `${CANCEL_NOTHING}${authorization}\r\nTransfer-Encoding: chunked\r\n\r\n1;`,
      'x'.repeat(1_000),
    ],
  ])('%s', async (_, head, chunk) => {
    const received = await expectNothingWritten(dataSource, () => pour(url, head, chunk, 10_000));
    expect([...new Set(statusesIn(received))]).toEqual([400]);
    await expectServed(service);
  });

  test('accepts 200 headers', async () => {
    const lines = Array.from({ length: 200 }, (_, index) => `X-Header-${index}: x`);
    const id = await anOrderItem(dataSource);
    expect((await sendRaw(url, rawCancel('rest', id, [...lines, authorization]))).status).toBe(200);
    expect((await sendRaw(url, rawCancel('graphql', id, [authorization, ...lines]))).status).toBe(200);
  });

  test('answers a request with 5,000 headers without an internal error', async () => {
    const id = await anOrderItem(dataSource);
    const lines = Array.from({ length: 5_000 }, () => 'x:');
    const answer = await sendRaw(url, rawCancel('rest', id, [...lines, authorization]));
    expect([400, 401]).toContain(answer.status);
    expectErrorForm(answer);
    expect(await findCancellations(dataSource, [id])).toEqual([]);
    await expectServed(service);
  });
});

describe('request smuggling: an ambiguous request gets one answer and executes nothing', () => {
  /** The second request, which somebody in front may have taken for the body of the first. */
  const smuggle = async (head: readonly string[], body: (hidden: string) => string): Promise<void> => {
    const [id, otherId] = [await anOrderItem(dataSource), await anOrderItem(dataSource)];
    const hidden = rawCancel('rest', otherId, [authorization]).toString('latin1');
    const start = `POST /v0/line_item/${id}/cancel HTTP/1.1\r\nHost: x\r\n${authorization}\r\n`;
    const request = `${start}${head.join('\r\n')}\r\n\r\n${body(hidden)}`;
    const received = await expectNothingWritten(dataSource, () => exchange(url, request));
    expect(statusesIn(received)).toEqual([400]);
    await expectServed(service);
  };
  const chunked = (hidden: string): string => `0\r\n\r\n${hidden}`;
  const withLength = (hidden: string): string => `{}${hidden}`;

  test.each([
    ['a length and chunks', ['Content-Length: 4', 'Transfer-Encoding: chunked'], chunked],
    ['chunks and a length', ['Transfer-Encoding: chunked', 'Content-Length: 4'], chunked],
    ['two lengths', ['Content-Length: 2', 'Content-Length: 200'], withLength],
    ['two equal lengths', ['Content-Length: 2', 'Content-Length: 2'], withLength],
    ['two lengths in one header', ['Content-Length: 2, 200'], withLength],
    ['a length with a sign', ['Content-Length: +2'], withLength],
    ['a negative length', ['Content-Length: -1'], withLength],
    ['a length in hexadecimal', ['Content-Length: 0x2'], withLength],
    ['a length beyond all numbers', ['Content-Length: 99999999999999999999999'], withLength],
    ['a length with a space before the colon', ['Content-Length : 2'], withLength],
    ['chunks and more', ['Transfer-Encoding: chunked, identity'], chunked],
    ['an unknown coding', ['Transfer-Encoding: xchunked'], chunked],
    ['a coding behind a control character', ['Transfer-Encoding: \x0bchunked'], chunked],
    ['a header on two lines', ['Transfer-Encoding:', ' chunked'], chunked],
    ['a line feed alone', ['X: x\nTransfer-Encoding: chunked', 'Content-Length: 0'], chunked],
    ['a carriage return alone', ['X: x\rTransfer-Encoding: chunked', 'Content-Length: 0'], chunked],
    ['a chunk size that is none', ['Transfer-Encoding: chunked'], (hidden: string) => `zz\r\n\r\n${hidden}`],
    ['a negative chunk size', ['Transfer-Encoding: chunked'], (hidden: string) => `-1\r\n\r\n${hidden}`],
    ['a chunk size with 0x', ['Transfer-Encoding: chunked'], (hidden: string) => `0x0\r\n\r\n${hidden}`],
    [
      'a chunk size beyond all numbers',
      ['Transfer-Encoding: chunked'],
      (hidden: string) => `${'f'.repeat(20)}\r\n${hidden}`,
    ],
    [
      'a chunk that is longer than it says',
      ['Transfer-Encoding: chunked'],
      (hidden: string) => `1\r\n{}\r\n0\r\n\r\n${hidden}`,
    ],
  ])('%s', async (_, head, body) => {
    await smuggle(head, body);
  });
});

describe('unusual HTTP', () => {
  test.each([['1.0'], ['1.1']])('HTTP/%s with a connection that closes after the answer', async (version) => {
    const request = `GET /health/live HTTP/${version}\r\nHost: x\r\nConnection: close\r\n\r\n`;
    expect(statusesIn(await exchange(url, request))).toEqual([200]);
  });

  test('a cancel through HTTP/1.0, without a host', async () => {
    const id = await anOrderItem(dataSource);
    const request = `POST /v0/line_item/${id}/cancel HTTP/1.0\r\n${authorization}\r\n\r\n`;
    expect(statusesIn(await exchange(url, request))).toEqual([200]);
    expect(await findCancellations(dataSource, [id])).toHaveLength(1);
  });

  test('an absolute request target: its path counts, or it is refused, for any host', async () => {
    for (const host of ['x', 'elsewhere.example', '169.254.169.254']) {
      const answer = await sendRaw(url, rawRequest(`GET http://${host}/nothing`, []));
      expectError(answer, 404, 'not_found');
    }
  });

  test.each([
    ['authority', 'CONNECT elsewhere.example:443 HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['asterisk', 'OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['no path', 'GET nothing HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['two slashes', 'GET //health/live HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['points', 'GET /v0/../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['escaped points', 'GET /v0/%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['a broken escape', 'GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['an escape of half a character', 'GET /v0/line_item/%c3/cancel HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['an unknown method', 'CANCEL / HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['a method in lower case', 'get / HTTP/1.1\r\nHost: x\r\n\r\n'],
  ])('refuses another form of request target: %s', async (_, request) => {
    const { socket, ended } = await openHostile(url);
    socket.end(request);
    const statuses = statusesIn(await ended);
    expect(statuses.filter((status) => status < 400 || status > 405)).toEqual([]);
    await expectServed(service);
  });

  test.each([
    ['h2c', ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA']],
    [
      'websocket',
      ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: eA=='],
    ],
    ['TLS', ['Connection: Upgrade', 'Upgrade: TLS/1.0']],
  ])('ignores an upgrade to %s and serves the request', async (_, lines) => {
    const id = await anOrderItem(dataSource);
    expect(await sendRaw(url, rawCancel('rest', id, lines))).toMatchObject({ status: 401 });
    expect(await sendRaw(url, rawCancel('rest', id, [...lines, authorization]))).toMatchObject({ status: 200 });
  });
});

describe('floods', () => {
  test('answers 100 pipelined requests in order', async () => {
    const ids = Array.from({ length: 100 }, (): string => crypto.randomUUID());
    const item = await anOrderItem(dataSource);
    ids[50] = item;
    const connection = await openConnection(url);
    connection.write(Buffer.concat(ids.map((id) => rawCancel('rest', id, [authorization]))));
    const statuses: number[] = [];
    for (const _id of ids) statuses.push((await connection.readAnswer()).status);
    connection.destroy();
    expect(statuses).toEqual(ids.map((id) => (id === item ? 200 : 404)));
    await expectServed(service);
  });

  test('closes a connection with 1,000 pipelined requests', async () => {
    const connection = await openConnection(url);
    connection.write(
      Buffer.concat(Array.from({ length: 1_000 }, () => rawCancel('rest', crypto.randomUUID(), [authorization]))),
    );
    await expect(connection.readAnswer()).rejects.toThrow();
    connection.destroy();
    await expectServed(service);
  });

  test('survives hundreds of clients that hang up in the middle of a request', async () => {
    const whole = rawCancel('graphql', crypto.randomUUID(), [authorization]);
    await expectNothingWritten(dataSource, async () => {
      for (let round = 0; round < 10; round += 1) {
        const connections: Hostile[] = await Promise.all(Array.from({ length: 50 }, () => openHostile(url)));
        connections.forEach(({ socket }, index) => {
          socket.write(whole.subarray(0, 1 + Math.floor((index / 50) * whole.length)), () => {
            if (index % 2 === 0) socket.destroy();
            else socket.resetAndDestroy();
          });
        });
        await Promise.all(connections.map(({ ended }) => ended));
      }
    });
    await expectServed(service);
  });

  test('500 concurrent readiness probes leave a pool of two connections to other requests', async () => {
    const flood = await startFlood(`${narrow.url}/health/ready`, 500);
    for (let round = 0; round < 5; round += 1) await expectServed(narrow);
    expect(await flood.stop()).toEqual([200]);
  });
});

describe('a body that never arrives whole gets one answer, and the connection is closed', () => {
  test.each([
    ['after an answer that needs no body', 'GET /health/live', 200],
    ['after an unknown path', 'POST /nowhere', 404],
    ['after a missing token', 'POST /v0/line_item/x/cancel', 401],
    ['without an answer before', `POST /graphql HTTP/1.1\r\n${impatientAuthorization}`, 400],
  ])('%s', async (_case, start, status) => {
    const [line = '', ...headers] = start.split(' HTTP/1.1\r\n');
    const request = [
      `${line} HTTP/1.1`,
      'Host: x',
      ...headers,
      'Content-Length: 100',
      'Content-Type: application/json',
    ];
    expect(statusesIn(await exchange(impatient.url, `${request.join('\r\n')}\r\n\r\n{`))).toEqual([status]);
  });
});

import { METHODS, request as httpRequest } from 'node:http';
import { text } from 'node:stream/consumers';
import { documentedExample, expectDocumented, expectErrorForm } from '../support/openApi.ts';
import { anOrderItem, findCancellations } from '../support/orderItems.ts';
import { expectNothingWritten } from '../support/nothingWritten.ts';
import { sendRaw } from '../support/rawHttp.ts';
import { cancel, CANCEL, expectError } from '../support/restContract.ts';
import { readRestAnswer, type RestAnswer, startTestService } from '../support/testService.ts';

const service = await startTestService();
const { dataSource, url } = service;

const LIMIT_BYTES = 1_048_576;

/** Sends a request with any method and path. `fetch` would refuse or normalize some. */
async function send(method: string, path: string, headers: Record<string, string> = {}): Promise<RestAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<RestAnswer>();
  httpRequest(url, { method, path, headers }, (response) => {
    text(response).then((body) => {
      resolve({
        status: response.statusCode ?? 0,
        headers: new Headers(response.headers as Record<string, string>),
        body: body === '' ? null : JSON.parse(body),
      });
    }, reject);
  })
    .on('error', reject)
    .end();
  return promise;
}

describe('405: another method than POST', () => {
  // CONNECT requests have no path.
  const methods = METHODS.filter((method) => method !== 'POST' && method !== 'CONNECT');
  test.each(methods)('refuses %s with an Allow header and writes nothing', async (method) => {
    const id = await anOrderItem(dataSource);
    const authorization = `Bearer ${await service.token()}`;
    const answer = await expectNothingWritten(dataSource, () =>
      send(method, `/v0/line_item/${id}/cancel`, { authorization }),
    );
    expect(answer.status).toBe(405);
    expect(answer.headers.get('allow')).toBe('POST');
    expectDocumented(method, CANCEL, answer);
    if (method !== 'HEAD') expectError(answer, 405, 'method_not_allowed', 'This path takes POST only.');
  });
});

describe('413: a body that is too large', () => {
  test('accepts a body at the limit', async () => {
    const id = await anOrderItem(dataSource);
    const body = '{"reason":"Late"}'.padEnd(LIMIT_BYTES);
    expect((await cancel(service, id, { body })).status).toBe(200);
  });

  test.each([
    ['with a Content-Length', (body: string) => ({ body })],
    ['in chunks', (body: string) => ({ body: new Blob([body]).stream(), duplex: 'half' as const })],
  ])('refuses a body one byte over the limit, sent %s', async (_, sent) => {
    const id = await anOrderItem(dataSource);
    const body = sent('{"reason":"Late"}'.padEnd(LIMIT_BYTES + 1));
    const answer = await expectNothingWritten(dataSource, () =>
      post(id, { ...body, headers: { 'content-type': 'application/json' } }),
    );
    expectError(answer, 413, 'payload_too_large', 'The body of the request is too large.');
    expect(documentedExample('POST', CANCEL, 413, 'payloadTooLarge')).toMatchObject({ message: answer.body.message });
  });
});

describe('415: a body that is not declared as JSON', () => {
  test.each([
    ['text/plain'],
    ['text/json'],
    ['application/x-www-form-urlencoded'],
    ['multipart/form-data; boundary=x'],
    ['application/jsonp'],
    ['application/merge-patch+json'],
    ['application/json, text/plain'],
    ['json'],
    [';'],
  ])('refuses the content type %s', async (contentType) => {
    const id = await anOrderItem(dataSource);
    const request = { body: '{"reason":"Late"}', headers: { 'content-type': contentType } };
    const answer = await expectNothingWritten(dataSource, () => cancel(service, id, request));
    expectError(
      answer,
      415,
      'unsupported_media_type',
      'The body of the request must be JSON (Content-Type: application/json).',
    );
    expect(documentedExample('POST', CANCEL, 415, 'unsupportedMediaType')).toMatchObject({
      message: answer.body.message,
    });
  });

  test('refuses a body without a content type', async () => {
    const id = await anOrderItem(dataSource);
    const answer = await expectNothingWritten(dataSource, () => post(id, { body: Buffer.from('{"reason":"Late"}') }));
    expectError(answer, 415, 'unsupported_media_type');
  });

  test.each([
    ['Content-Encoding: gzip', 'The content encoding gzip is not supported. Send none.'],
    ['Content-Encoding: gzip, br', 'The content encoding gzip,?br is not supported. Send none.'],
    ['Content-Type: application/json; charset=utf-16', 'The charset utf-16 is not supported. Send UTF-8.'],
    ['Content-Type: application/json;Charset="ISO-8859-1"', 'The charset iso-8859-1 is not supported. Send UTF-8.'],
  ])('refuses a body with %s and names the encoding', async (line, message) => {
    const id = await anOrderItem(dataSource);
    const answer = await expectNothingWritten(dataSource, () => sendLines(id, [line], '{"reason":"Late"}'));
    expectError(answer, 415, 'unsupported_media_type', message);
    expectDocumented('POST', CANCEL, answer);
    expect(answer.headers.get('accept-encoding')).toBe(line.startsWith('Content-Encoding') ? 'identity' : null);
    expect(documentedExample('POST', CANCEL, 415, 'unsupportedEncoding')).toMatchObject({
      message: 'The content encoding gzip is not supported. Send none.',
    });
  });

  test.each([
    ['Content-Encoding: identity'],
    ['Content-Encoding:'],
    ['Content-Type: application/json; charset=UTF-8'],
    ['Content-Type: application/json; charset="utf8"'],
    ['Content-Type: application/json; charset=us-ascii'],
  ])('accepts a body with %s', async (line) => {
    const answer = await sendLines(await anOrderItem(dataSource), [line], '{"reason":"Late"}');
    expect(answer.status).toBe(200);
  });

  test.each([
    ['an empty Content-Type', ['Content-Type:']],
    ['an empty Content-Type and a length of 0', ['Content-Type:', 'Content-Length: 0']],
    ['an encoding', ['Content-Type: application/json; charset=utf-16', 'Content-Encoding: gzip']],
  ])('a request without a body but with %s is a cancel without a reason', async (_, lines) => {
    const id = await anOrderItem(dataSource);
    expect((await sendLines(id, lines)).status).toBe(200);
    expect(await findCancellations(dataSource, [id])).toMatchObject([{ reason: null }]);
  });

  async function sendLines(id: string, lines: string[], body?: string): Promise<RestAnswer> {
    const type = lines.some((line) => line.startsWith('Content-Type')) ? [] : ['Content-Type: application/json'];
    const head = [
      `POST /v0/line_item/${id}/cancel HTTP/1.1`,
      'Host: x',
      `Authorization: Bearer ${await service.token()}`,
      ...(body === undefined ? [] : [`Content-Length: ${body.length}`, ...type]),
      ...lines,
    ];
    return sendRaw(url, `${head.join('\r\n')}\r\n\r\n${body ?? ''}`);
  }
});

describe('404: an unknown route', () => {
  const id = '0198c0de-7a1b-7c3d-9e4f-5a6b7c8d9e0f';
  test.each([
    ['GET', '/nothing'],
    ['POST', '/v0/line_item'],
    ['POST', `/v0/line_item/${id}/uncancel`],
    ['POST', `/v0/line_item/${id}/cancel/`],
    ['POST', `/v0/line_item/${id}/cancel/it`],
    ['POST', `/v0/line_item/${id}/Cancel`],
    ['POST', `/v1/line_item/${id}/cancel`],
    ['DELETE', '/health/live'],
    ['PUT', '/v0/openapi.json'],
    ['PROPFIND', '/'],
  ])('answers %s %s in the documented error form', (method, path) => expectNothingAt(method, path));

  test('answers a path of 10,000 characters in the documented error form', () =>
    expectNothingAt('GET', `/${'a'.repeat(10_000)}`));

  async function expectNothingAt(method: string, path: string): Promise<void> {
    const answer = await send(method, path);
    expectError(answer, 404, 'not_found', 'There is nothing at this path.');
    expectErrorForm(answer);
  }
});

describe('400: a request that is not valid HTTP', () => {
  const head = `POST /v0/line_item/0198c0de-7a1b-7c3d-9e4f-5a6b7c8d9e0f/cancel HTTP/1.1\r\nHost: x\r\n`;
  test.each([
    ['bytes without a request line', 'nonsense\r\n\r\n'],
    ['an unknown method', 'CANCEL / HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['an unknown version', 'GET / HTTP/9.9\r\nHost: x\r\n\r\n'],
    ['an HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['a request without Host', 'GET /health/live HTTP/1.1\r\n\r\n'],
    ['a header without a colon', `${head}nonsense\r\n\r\n`],
    ['a control character in a header', `${head}Idempotency-Key: a\x01b\r\n\r\n`],
    ['a head that is too large', `${head}X: ${'x'.repeat(20_000)}\r\n\r\n`],
    ['a Content-Length that is not a number', `${head}Content-Length: many\r\n\r\n`],
    ['two values of Content-Length', `${head}Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx`],
    [
      'Content-Length with Transfer-Encoding (request smuggling)',
      `${head}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
  ])('refuses %s and writes nothing', async (_, request) => {
    const answer = await expectNothingWritten(dataSource, () => sendRaw(url, request));
    expectError(answer, 400, 'bad_request');
    expectDocumented('POST', CANCEL, answer);
    expectErrorForm(answer);
  });

  test('refuses a malformed chunk and writes nothing', async () => {
    const id = await anOrderItem(dataSource);
    const request = [
      `POST /v0/line_item/${id}/cancel HTTP/1.1`,
      'Host: x',
      `Authorization: Bearer ${await service.token()}`,
      'Content-Type: application/json',
      'Transfer-Encoding: chunked',
      '',
      'nonsense',
      '',
    ].join('\r\n');
    const answer = await expectNothingWritten(dataSource, () => sendRaw(url, request));
    expectError(answer, 400, 'bad_request');
    expectDocumented('POST', CANCEL, answer);
  });
});

test('answers an Expect header that it cannot meet in the documented form', async () => {
  const answer = await sendRaw(
    url,
    `POST /v0/line_item/nonsense/cancel HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\n\r\n`,
  );
  expectErrorForm(answer);
  expectDocumented('POST', CANCEL, answer);
});

describe('the request id', () => {
  const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
  const newId = expect.stringMatching(/^(?!0{32}$)[0-9a-f]{32}$/);

  test.each([
    ['of version 00', `00-${traceId}-00f067aa0ba902b7-01`],
    ['not sampled', `00-${traceId}-00f067aa0ba902b7-00`],
    ['of a later version', `01-${traceId}-00f067aa0ba902b7-01`],
    ['of a later version with a further field', `cc-${traceId}-00f067aa0ba902b7-01-what-the-future-brings`],
  ])('is the trace id of a valid traceparent %s', async (_, traceparent) => {
    const id = await anOrderItem(dataSource);
    const answer = await cancel(service, id, { headers: { traceparent } });
    expect(answer.headers.get('x-request-id')).toBe(traceId);
    expect(answer.body.request_id).toBe(traceId);
    expect(await findCancellations(dataSource, [id])).toMatchObject([{ request_id: traceId }]);
  });

  test.each([
    ['empty', ''],
    ['a single word', 'nonsense'],
    ['the trace id alone', traceId],
    ['in upper case', `00-${traceId.toUpperCase()}-00f067aa0ba902b7-01`],
    ['with a trace id of zeros', `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`],
    ['with a parent id of zeros', `00-${traceId}-${'0'.repeat(16)}-01`],
    ['with a trace id that is too short', `00-${traceId.slice(1)}-00f067aa0ba902b7-01`],
    ['without flags', `00-${traceId}-00f067aa0ba902b7`],
    ['of version ff', `ff-${traceId}-00f067aa0ba902b7-01`],
    ['of version 00 with a further field', `00-${traceId}-00f067aa0ba902b7-01-what-the-future-brings`],
    ['of a later version with trailing text that no hyphen separates', `cc-${traceId}-00f067aa0ba902b7-01.what`],
    ['given twice', `00-${traceId}-00f067aa0ba902b7-01, 00-${traceId}-00f067aa0ba902b7-01`],
  ])('is new when the traceparent is invalid: %s', async (_, traceparent) => {
    const id = await anOrderItem(dataSource);
    const { headers, body } = await cancel(service, id, { headers: { traceparent } });
    expect(headers.get('x-request-id')).not.toBe(traceId);
    expect(headers.get('x-request-id')).toEqual(newId);
    expect(body.request_id).toBe(headers.get('x-request-id'));
    expect(await findCancellations(dataSource, [id])).toMatchObject([{ request_id: body.request_id }]);
  });

  test('is new for each request without a traceparent', async () => {
    const ids = await Promise.all(
      Array.from({ length: 20 }, async () => (await send('GET', '/health/live')).headers.get('x-request-id')),
    );
    expect(ids).toEqual(ids.map(() => newId));
    expect(new Set(ids).size).toBe(20);
  });

  test.each([
    ['200', '/health/live', 200],
    ['404', '/nothing', 404],
    ['400', '/%zz', 400],
    ['405', '/v0/line_item/nonsense/cancel', 405],
  ])('is in the header of a %s answer, and in the body of an error', async (_, path, status) => {
    const answer = await send('GET', path, { traceparent: `00-${traceId}-00f067aa0ba902b7-01` });
    expect(answer.status).toBe(status);
    expect(answer.headers.get('x-request-id')).toBe(traceId);
    if (status !== 200) expect(answer.body.request_id).toBe(traceId);
  });
});

/** Sends a cancel with exactly this body and these headers, plus a token. */
async function post(id: string, init: RequestInit): Promise<RestAnswer> {
  const authorization = `Bearer ${await service.token()}`;
  const answer = await readRestAnswer(
    fetch(`${url}/v0/line_item/${id}/cancel`, {
      ...init,
      method: 'POST',
      headers: { ...(init.headers as object), authorization },
    }),
  );
  expectDocumented('POST', CANCEL, answer);
  return answer;
}

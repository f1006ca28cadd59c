import { request as httpRequest } from 'node:http';
import { text } from 'node:stream/consumers';
import { listStatementsDuring } from '../support/countStatements.ts';
import { expectNothingWritten } from '../support/nothingWritten.ts';
import { anOrderItem, findOrderItem } from '../support/orderItems.ts';
import { sendRaw } from '../support/rawHttp.ts';
import { type RestAnswer, startTestService } from '../support/testService.ts';

const service = await startTestService({ MAX_BODY_BYTES: '2048' });
const limited = await startTestService({ RATE_LIMIT_PER_MINUTE: '1' });
const { dataSource } = service;
// A page cannot send a token without a CORS preflight. Some requests here carry one anyway, so that only the CSRF
// protection can refuse them.
const authorization = `Bearer ${await service.token()}`;

interface BrowserRequest {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Sends a request with the headers of a browser that shows a page of another site. */
async function send({ method, path, headers, body }: BrowserRequest, url = service.url): Promise<RestAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<RestAnswer>();
  const sent = httpRequest(url + path, {
    method,
    headers: {
      accept: '*/*',
      'accept-language': 'en-GB,en;q=0.9',
      cookie: 'session=1',
      origin: 'https://elsewhere.example',
      referer: 'https://elsewhere.example/',
      'sec-fetch-dest': 'empty',
      'sec-fetch-mode': 'no-cors',
      'sec-fetch-site': 'cross-site',
      'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0',
      ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
      ...headers,
    },
  });
  sent.on('error', reject);
  sent.on('response', (response) => {
    text(response).then((answer) => {
      resolve({
        status: response.statusCode ?? 0,
        headers: new Headers(response.headers as Record<string, string>),
        body: answer === '' ? null : JSON.parse(answer),
      });
    }, reject);
  });
  sent.end(body);
  return promise;
}

const buildCancel = (id: string): string =>
  `mutation { cancelOrderItem(input: { id: "${id}", reason: "Late" }) { __typename } }`;
const buildRead = (id: string): string => `{ orderItem(id: "${id}") { status } }`;

const json = (query: string): string => JSON.stringify({ query });
const form = (query: string): string => new URLSearchParams({ query }).toString();
const search = (query: string): string => `/graphql?${form(query)}`;

/** Encodes a document as `<form enctype="multipart/form-data">` does, together with the fields of a GraphQL upload. */
function multipart(query: string): string {
  const fields = { query, operations: json(query), map: '{}' };
  const parts = Object.entries(fields).map(
    ([name, value]) => `--x\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  return `${parts.join('')}--x--\r\n`;
}

/** Encodes a document as `<form enctype="text/plain">` does: the name of one field is the first half of the JSON. */
function plainForm(query: string): string {
  return `${JSON.stringify({ query, more: '' }).slice(0, -2)}="}\r\n`;
}

const NAVIGATION = {
  accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
  'sec-fetch-mode': 'navigate',
  'sec-fetch-dest': 'document',
};

/** The simple requests of the Fetch standard: a page of another site can send them without a CORS preflight (CSRF). */
const SIMPLE: readonly (readonly [string, (query: string) => BrowserRequest])[] = [
  ['a URL-encoded form', buildPost('application/x-www-form-urlencoded', form)],
  ['a URL-encoded form that holds JSON', buildPost('application/x-www-form-urlencoded', json)],
  ['a multipart form', buildPost('multipart/form-data; boundary=x', multipart)],
  ['JSON declared as a multipart form', buildPost('multipart/form-data; boundary=application/json', json)],
  ['a plain-text form', buildPost('text/plain', plainForm)],
  ['a script that sends plain text', buildPost('text/plain;charset=UTF-8', json)],
  ['a content type in capitals', buildPost('TEXT/PLAIN', json)],
  ['plain text with JSON as a parameter', buildPost('text/plain; application/json', json)],
  ['plain text with JSON as the charset', buildPost('text/plain; charset="application/json"', json)],
  ['a body without a content type', (query) => ({ method: 'POST', path: '/graphql', body: json(query) })],
  ['a POST with the document in the query string', (query) => ({ method: 'POST', path: search(query) })],
  ['a link', (query) => ({ method: 'GET', path: search(query), headers: NAVIGATION })],
  ['an image', (query) => ({ method: 'GET', path: search(query), headers: { 'sec-fetch-dest': 'image' } })],
  ['a HEAD request', (query) => ({ method: 'HEAD', path: search(query) })],
];

function buildPost(contentType: string, body: (query: string) => string): (query: string) => BrowserRequest {
  return (query) => ({
    method: 'POST',
    path: '/graphql',
    headers: { 'content-type': contentType },
    body: body(query),
  });
}

describe('a simple cross-site request', () => {
  const cases = SIMPLE.flatMap(([name, buildRequest]) => [
    [`cancels by ${name}`, buildRequest, buildCancel] as const,
    [`reads by ${name}`, buildRequest, buildRead] as const,
  ]);
  test.each(cases)('is refused before any statement runs when it %s', async (_, buildRequest, document) => {
    const request = buildRequest(document(await anOrderItem(dataSource)));
    let answer: RestAnswer | undefined;
    const statements = await expectNothingWritten(dataSource, () =>
      listStatementsDuring(dataSource, async () => {
        answer = await send({ ...request, headers: { ...request.headers, authorization } });
      }),
    );
    expect(statements).toEqual([]);
    expect([400, 405, 415]).toContain(answer?.status);
    expect(answer?.body?.data).toBeUndefined();
    if (request.method !== 'HEAD') {
      expect(answer?.body.errors).toEqual([
        {
          message: expect.any(String),
          extensions: {
            code: expect.stringMatching(/^[A-Z_]+$/),
            requestId: answer?.headers.get('x-request-id'),
          },
        },
      ]);
    }
  });

  test.each(SIMPLE)('gets 401 without a token when it cancels by %s', async (_, buildRequest) => {
    const id = await anOrderItem(dataSource);
    expect((await expectNothingWritten(dataSource, () => send(buildRequest(buildCancel(id))))).status).toBe(401);
  });

  test.each([
    ['no body', {}],
    ['a form', { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'reason=Late' }],
    ['plain text', { headers: { 'content-type': 'text/plain' }, body: '{"reason":"Late"}' }],
  ])('gets 401 for a REST cancel with %s, because a page cannot send a token', async (_, request) => {
    const path = `/v0/line_item/${await anOrderItem(dataSource)}/cancel`;
    const answer = await expectNothingWritten(dataSource, () => send({ method: 'POST', path, ...request }));
    expect(answer.status).toBe(401);
  });
});

describe('a request that needs a CORS preflight', () => {
  test('cancels with a JSON body', async () => {
    const id = await anOrderItem(dataSource);
    const headers = { 'content-type': 'application/json', 'sec-fetch-mode': 'cors', authorization };
    const answer = await send({ method: 'POST', path: '/graphql', headers, body: json(buildCancel(id)) });
    expect(answer.body).toEqual({ data: { cancelOrderItem: { __typename: 'CancelOrderItemSuccess' } } });
    expect(await findOrderItem(dataSource, id)).toMatchObject({ status: 'cancelled' });
  });

  const preflighted: [string, Record<string, string>][] = [
    ['a JSON content type', { 'content-type': 'application/json' }],
    ['a header that names the operation', { 'x-apollo-operation-name': 'Read' }],
    ['the header made for this purpose', { 'apollo-require-preflight': 'true' }],
  ];
  test.each(preflighted)('reads by GET with %s', async (_, headers) => {
    const path = search(buildRead(await anOrderItem(dataSource)));
    const answer = await send({ method: 'GET', path, headers: { ...headers, authorization } });
    expect({ status: answer.status, body: answer.body }).toEqual({
      status: 200,
      body: { data: { orderItem: { status: 'PENDING' } } },
    });
  });

  test.each(preflighted)('does not cancel by GET with %s', async (_, headers) => {
    const path = search(buildCancel(await anOrderItem(dataSource)));
    const answer = await expectNothingWritten(dataSource, () =>
      send({ method: 'GET', path, headers: { ...headers, authorization } }),
    );
    expect({ status: answer.status, allow: answer.headers.get('allow') }).toEqual({ status: 405, allow: 'POST' });
  });

  test('is refused when its only preflight header is empty', async () => {
    const path = search(buildRead(await anOrderItem(dataSource)));
    const headers = { 'apollo-require-preflight': '', authorization };
    expect((await send({ method: 'GET', path, headers })).status).toBe(400);
  });
});

test('refuses a cancel with 406 and writes nothing when the client cannot accept the answer', async () => {
  const id = await anOrderItem(dataSource);
  const headers = { 'content-type': 'application/json', accept: 'text/html', authorization };
  const answer = await expectNothingWritten(dataSource, () =>
    send({ method: 'POST', path: '/graphql', headers, body: json(buildCancel(id)) }),
  );
  expect(answer.status).toBe(406);
});

describe('every answer carries the security headers', () => {
  const UNKNOWN = '0198c0de-7a1b-7c3d-9e4f-5a6b7c8d9e0f';
  const REST = `/v0/line_item/${UNKNOWN}/cancel`;
  const JSON_TYPE = { 'content-type': 'application/json' };

  function expectSecurityHeaders({ headers }: RestAnswer): void {
    expect((headers.get('content-security-policy') ?? '').split(';').sort()).toEqual([
      "base-uri 'none'",
      "default-src 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ]);
    expect(Object.fromEntries(headers)).toMatchObject({
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'origin-agent-cluster': '?1',
      'referrer-policy': 'no-referrer',
      'strict-transport-security': 'max-age=31536000',
      'x-content-type-options': 'nosniff',
      'x-dns-prefetch-control': 'off',
      'x-download-options': 'noopen',
      'x-frame-options': 'SAMEORIGIN',
      'x-permitted-cross-domain-policies': 'none',
      'x-xss-protection': '0',
    });
    expect(headers.get('x-powered-by')).toBeNull();
    expect(headers.get('server')).toBeNull();
    // Without CORS_ORIGINS, no page of another origin may read an answer.
    expect([...headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([]);
    expect(headers.get('content-type')).toMatch(/^application\/(graphql-response\+)?json(;|$)/);
  }

  test.each([
    [200, 'GET', '/health/live', {}, undefined],
    [200, 'GET', '/health/ready', {}, undefined],
    [200, 'HEAD', '/health/live', {}, undefined],
    [200, 'GET', '/v0/openapi.json', {}, undefined],
    [200, 'POST', '/graphql', { ...JSON_TYPE, authorization }, '{"query":"{ __typename }"}'],
    [400, 'POST', '/graphql', { ...JSON_TYPE, authorization }, '{"query":"{"}'],
    [400, 'GET', '/graphql?query={__typename}', { authorization }, undefined],
    [401, 'POST', '/graphql', JSON_TYPE, '{"query":"{ __typename }"}'],
    [401, 'OPTIONS', '/graphql', { 'access-control-request-method': 'POST' }, undefined],
    [405, 'DELETE', '/graphql', { 'apollo-require-preflight': 'true', authorization }, undefined],
    [413, 'POST', '/graphql', { ...JSON_TYPE, authorization }, ' '.repeat(2_049)],
    [415, 'POST', '/graphql', { 'content-type': 'text/html', authorization }, 'x'],
    [400, 'POST', '/v0/line_item/nonsense/cancel', { authorization }, undefined],
    [400, 'GET', '/%zz', {}, undefined],
    [401, 'POST', REST, {}, undefined],
    [404, 'POST', REST, { authorization }, undefined],
    [404, 'GET', '/', {}, undefined],
    [404, 'GET', '/favicon.ico', {}, undefined],
    [405, 'GET', REST, {}, undefined],
    [405, 'OPTIONS', REST, { 'access-control-request-method': 'POST' }, undefined],
    [413, 'POST', REST, { ...JSON_TYPE, authorization }, ' '.repeat(2_049)],
    [415, 'POST', REST, { 'content-type': 'text/plain', authorization }, 'x'],
  ] as [number, string, string, Record<string, string>, string | undefined][])(
    'with status %i to %s %s',
    async (status, method, path, headers, body) => {
      const answer = await send({ method, path, headers, ...(body === undefined ? {} : { body }) });
      expect(answer.status).toBe(status);
      expectSecurityHeaders(answer);
    },
  );

  test('with status 200 and 400 to a REST cancel', async () => {
    const path = `/v0/line_item/${await anOrderItem(dataSource)}/cancel`;
    for (const status of [200, 400]) {
      const answer = await send({ method: 'POST', path, headers: { authorization } });
      expect(answer.status).toBe(status);
      expectSecurityHeaders(answer);
    }
  });

  test.each([['/graphql'], [REST]])('with status 429 to POST %s', async (path) => {
    let answer = await send({ method: 'POST', path }, limited.url);
    if (answer.status !== 429) answer = await send({ method: 'POST', path }, limited.url);
    expect(answer.status).toBe(429);
    expectSecurityHeaders(answer);
  });

  test.each([
    ['a path that is too long', { path: `/${'a'.repeat(20_000)}` }],
    ['cookies that are too long', { path: '/health/live', headers: { cookie: 'a'.repeat(20_000) } }],
  ])('with status 400 to %s', async (_, request) => {
    const answer = await send({ method: 'GET', ...request });
    expect(answer.status).toBe(400);
    expectSecurityHeaders(answer);
  });

  test('with status 400 to bytes that are not HTTP', async () => {
    const answer = await sendRaw(service.url, 'nonsense\r\n\r\n');
    expect(answer.status).toBe(400);
    expectSecurityHeaders(answer);
  });
});

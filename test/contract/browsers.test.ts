import { request as httpRequest } from 'node:http';
import { text } from 'node:stream/consumers';
import { statementsDuring } from '../support/countStatements.ts';
import { expectNothingWritten } from '../support/nothingWritten.ts';
import { anOrderItem, findOrderItem } from '../support/orderItems.ts';
import { sendRaw } from '../support/rawHttp.ts';
import { type RestAnswer, startTestService } from '../support/testService.ts';

const service = await startTestService({ MAX_BODY_BYTES: '2048' });
const limited = await startTestService({ RATE_LIMIT_PER_MINUTE: '1' });
const { dataSource } = service;
// A page cannot send a token without asking first. These have one all the same, so that nothing else refuses them.
const authorization = `Bearer ${await service.token()}`;

interface BrowserRequest {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Sends a request as a browser does for a page of another site. */
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

const cancelling = (id: string): string =>
  `mutation { cancelOrderItem(input: { id: "${id}", reason: "Late" }) { __typename } }`;
const reading = (id: string): string => `{ orderItem(id: "${id}") { status } }`;

const json = (query: string): string => JSON.stringify({ query });
const form = (query: string): string => new URLSearchParams({ query }).toString();
const search = (query: string): string => `/graphql?${form(query)}`;

/** As `<form enctype="multipart/form-data">` has it, with the fields of a GraphQL upload beside the document. */
function multipart(query: string): string {
  const fields = { query, operations: json(query), map: '{}' };
  const parts = Object.entries(fields).map(
    ([name, value]) => `--x\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  return `${parts.join('')}--x--\r\n`;
}

/** As `<form enctype="text/plain">` has it: a field whose name is the first half of the JSON. */
function plainForm(query: string): string {
  return `${JSON.stringify({ query, more: '' }).slice(0, -2)}="}\r\n`;
}

const NAVIGATION = {
  accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
  'sec-fetch-mode': 'navigate',
  'sec-fetch-dest': 'document',
};

/** Whatever a page of another site can make a browser send without asking first. */
const SIMPLE: readonly (readonly [string, (query: string) => BrowserRequest])[] = [
  ['a form', posted('application/x-www-form-urlencoded', form)],
  ['a form that says JSON', posted('application/x-www-form-urlencoded', json)],
  ['a form with files', posted('multipart/form-data; boundary=x', multipart)],
  ['JSON called a form with files', posted('multipart/form-data; boundary=application/json', json)],
  ['a form in plain text', posted('text/plain', plainForm)],
  ['a script, plain text', posted('text/plain;charset=UTF-8', json)],
  ['plain text in capitals', posted('TEXT/PLAIN', json)],
  ['plain text with the word JSON behind it', posted('text/plain; application/json', json)],
  ['plain text with JSON for a charset', posted('text/plain; charset="application/json"', json)],
  ['a body without a type', (query) => ({ method: 'POST', path: '/graphql', body: json(query) })],
  ['no body, the document in the path', (query) => ({ method: 'POST', path: search(query) })],
  ['a link', (query) => ({ method: 'GET', path: search(query), headers: NAVIGATION })],
  ['an image', (query) => ({ method: 'GET', path: search(query), headers: { 'sec-fetch-dest': 'image' } })],
  ['a HEAD', (query) => ({ method: 'HEAD', path: search(query) })],
];

function posted(contentType: string, body: (query: string) => string): (query: string) => BrowserRequest {
  return (query) => ({
    method: 'POST',
    path: '/graphql',
    headers: { 'content-type': contentType },
    body: body(query),
  });
}

describe('CSRF: a simple request is refused before anything runs', () => {
  const cases = SIMPLE.flatMap(([name, requestOf]) => [
    [`a cancel by ${name}`, requestOf, cancelling] as const,
    [`a query by ${name}`, requestOf, reading] as const,
  ]);
  test.each(cases)('%s', async (_, requestOf, document) => {
    const request = requestOf(document(await anOrderItem(dataSource)));
    let answer: RestAnswer | undefined;
    const statements = await expectNothingWritten(dataSource, () =>
      statementsDuring(dataSource, async () => {
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

  test.each(SIMPLE)('%s as it comes, without a token, is 401', async (_, requestOf) => {
    const id = await anOrderItem(dataSource);
    expect((await expectNothingWritten(dataSource, () => send(requestOf(cancelling(id))))).status).toBe(401);
  });

  test.each([
    ['no body', {}],
    ['a form', { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'reason=Late' }],
    ['plain text', { headers: { 'content-type': 'text/plain' }, body: '{"reason":"Late"}' }],
  ])('a REST cancel with %s is 401, because a page cannot send the token', async (_, request) => {
    const path = `/v0/line_item/${await anOrderItem(dataSource)}/cancel`;
    const answer = await expectNothingWritten(dataSource, () => send({ method: 'POST', path, ...request }));
    expect(answer.status).toBe(401);
  });
});

describe('a request that needs a preflight is served', () => {
  test('a cancel as JSON', async () => {
    const id = await anOrderItem(dataSource);
    const headers = { 'content-type': 'application/json', 'sec-fetch-mode': 'cors', authorization };
    const answer = await send({ method: 'POST', path: '/graphql', headers, body: json(cancelling(id)) });
    expect(answer.body).toEqual({ data: { cancelOrderItem: { __typename: 'CancelOrderItemSuccess' } } });
    expect(await findOrderItem(dataSource, id)).toMatchObject({ status: 'cancelled' });
  });

  const preflighted: [string, Record<string, string>][] = [
    ['a type', { 'content-type': 'application/json' }],
    ['the name of the operation', { 'x-apollo-operation-name': 'Read' }],
    ['a header for the purpose', { 'apollo-require-preflight': 'true' }],
  ];
  test.each(preflighted)('a query by GET with %s', async (_, headers) => {
    const path = search(reading(await anOrderItem(dataSource)));
    const answer = await send({ method: 'GET', path, headers: { ...headers, authorization } });
    expect({ status: answer.status, body: answer.body }).toEqual({
      status: 200,
      body: { data: { orderItem: { status: 'PENDING' } } },
    });
  });

  test.each(preflighted)('but never a cancel by GET, with %s', async (_, headers) => {
    const path = search(cancelling(await anOrderItem(dataSource)));
    const answer = await expectNothingWritten(dataSource, () =>
      send({ method: 'GET', path, headers: { ...headers, authorization } }),
    );
    expect({ status: answer.status, allow: answer.headers.get('allow') }).toEqual({ status: 405, allow: 'POST' });
  });

  test('an empty header counts as missing', async () => {
    const path = search(reading(await anOrderItem(dataSource)));
    const headers = { 'apollo-require-preflight': '', authorization };
    expect((await send({ method: 'GET', path, headers })).status).toBe(400);
  });
});

test('406: cancels nothing for a client that accepts no answer', async () => {
  const id = await anOrderItem(dataSource);
  const headers = { 'content-type': 'application/json', accept: 'text/html', authorization };
  const answer = await expectNothingWritten(dataSource, () =>
    send({ method: 'POST', path: '/graphql', headers, body: json(cancelling(id)) }),
  );
  expect(answer.status).toBe(406);
});

describe('the security headers are on every answer', () => {
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
    // Without CORS_ORIGINS no page of another origin may read an answer.
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
    '%i to %s %s',
    async (status, method, path, headers, body) => {
      const answer = await send({ method, path, headers, ...(body === undefined ? {} : { body }) });
      expect(answer.status).toBe(status);
      expectSecurityHeaders(answer);
    },
  );

  test('200 and 400 to cancels', async () => {
    const path = `/v0/line_item/${await anOrderItem(dataSource)}/cancel`;
    for (const status of [200, 400]) {
      const answer = await send({ method: 'POST', path, headers: { authorization } });
      expect(answer.status).toBe(status);
      expectSecurityHeaders(answer);
    }
  });

  test.each([['/graphql'], [REST]])('429 to POST %s', async (path) => {
    let answer = await send({ method: 'POST', path }, limited.url);
    if (answer.status !== 429) answer = await send({ method: 'POST', path }, limited.url);
    expect(answer.status).toBe(429);
    expectSecurityHeaders(answer);
  });

  test.each([
    ['a link as long as its page likes', { path: `/${'a'.repeat(20_000)}` }],
    ['cookies that are too many', { path: '/health/live', headers: { cookie: 'a'.repeat(20_000) } }],
  ])('400 to %s', async (_, request) => {
    const answer = await send({ method: 'GET', ...request });
    expect(answer.status).toBe(400);
    expectSecurityHeaders(answer);
  });

  test('400 to what is not HTTP', async () => {
    const answer = await sendRaw(service.url, 'nonsense\r\n\r\n');
    expect(answer.status).toBe(400);
    expectSecurityHeaders(answer);
  });
});

import { rawCancel, rawRequest } from '../support/hostileHttp.ts';
import { expectNothingWritten } from '../support/nothingWritten.ts';
import { anOrderItem, findCancellations } from '../support/orderItems.ts';
import { openConnection, sendRaw } from '../support/rawHttp.ts';
import { expectError } from '../support/restContract.ts';
import { type RestAnswer, startTestService, type TestService } from '../support/testService.ts';

const SHOP = 'https://shop.example';
const ROUTER_SECRET = 'a secret of the router';
const LIMIT = 5;

const service = await startTestService();
const open = await startTestService({ CORS_ORIGINS: `${SHOP},https://other.example` });
const limited = await startTestService({ RATE_LIMIT_PER_MINUTE: String(LIMIT) });
const routed = await startTestService({ ROUTER_SECRET });
const busy = await startTestService({ MAX_CONCURRENT_REQUESTS: '1' });

const CANCEL_PATH = '/v0/line_item/0198c0de-7a1b-7c3d-9e4f-5a6b7c8d9e0f/cancel';
const JSON_TYPE = 'Content-Type: application/json';

const findHeaders = ({ headers }: RestAnswer, name: RegExp): string[] =>
  [...headers.keys()].filter((key) => name.test(key));

async function bearer(by: TestService, claims = {}): Promise<string> {
  return `Authorization: Bearer ${await by.token(claims)}`;
}

describe('every answer has the security headers for browsers', () => {
  const kinds: [string, number, () => Promise<RestAnswer>][] = [
    ['200 of a probe', 200, () => sendRaw(service.url, rawRequest('GET /health/live', []))],
    ['200 of the API description', 200, () => sendRaw(service.url, rawRequest('GET /v0/openapi.json', []))],
    ['200 of a cancel', 200, async () => cancelOne()],
    ['200 of GraphQL', 200, async () => ask(service, '{ __typename }')],
    ['200 of GraphQL with an error', 200, async () => ask(service, '{ orderItems(first: 0) { edges { cursor } } }')],
    ['400 of GraphQL', 400, async () => ask(service, '{ nothing }')],
    ['400 of REST', 400, async () => sendRaw(service.url, rawCancel('rest', 'x', [await bearer(service)]))],
    ['400 of a path with a broken escape', 400, () => sendRaw(service.url, rawRequest('GET /%zz', []))],
    ['400 of what is not HTTP', 400, () => sendRaw(service.url, 'nonsense\r\n\r\n')],
    ['400 of a head without measure', 400, () => sendRaw(service.url, rawRequest(`GET /${'x'.repeat(20_000)}`, []))],
    ['400 of a request without a host', 400, () => sendRaw(service.url, 'GET / HTTP/1.1\r\n\r\n')],
    ['401 of REST', 401, () => sendRaw(service.url, rawRequest(`POST ${CANCEL_PATH}`, []))],
    ['401 of GraphQL', 401, () => sendRaw(service.url, rawRequest('POST /graphql', [JSON_TYPE], '{}'))],
    ['403', 403, async () => sendRaw(service.url, rawCancel('rest', 'x', [await bearer(service, { scope: '' })]))],
    ['404 of a path', 404, () => sendRaw(service.url, rawRequest('GET /nothing', []))],
    ['405 of REST', 405, () => sendRaw(service.url, rawRequest(`GET ${CANCEL_PATH}`, []))],
    [
      '405 of GraphQL',
      405,
      async () => sendRaw(service.url, rawRequest('PUT /graphql', [await bearer(service), JSON_TYPE], '{}')),
    ],
    ['413', 413, async () => tooLarge('/graphql')],
    ['413 of REST', 413, async () => tooLarge(CANCEL_PATH)],
    [
      '415 of GraphQL',
      415,
      async () =>
        sendRaw(service.url, rawRequest('POST /graphql', [await bearer(service), 'Content-Type: text/x'], 'x')),
    ],
    ['429', 429, async () => useUp(`Authorization: Bearer ${await limited.token({ subject: 'browser' })}`)],
    ['503', 503, () => overload()],
  ];
  test.each(kinds)('%s', async (_, status, answer) => {
    const answered = await answer();
    expect(answered.status).toBe(status);
    expect(Object.fromEntries(answered.headers)).toMatchObject({
      'content-security-policy': "default-src 'none';base-uri 'none';form-action 'none';frame-ancestors 'none'",
      'content-type': expect.stringContaining('json'),
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'SAMEORIGIN',
    });
    expect(findHeaders(answered, /^(x-powered-by|server)$/)).toEqual([]);
  });
});

describe('CORS without configured origins', () => {
  test.each([
    ['GET', '/health/live', 200],
    ['GET', '/v0/openapi.json', 200],
    ['GET', '/nothing', 404],
    ['POST', '/graphql', 401],
    ['POST', CANCEL_PATH, 401],
    ['OPTIONS', CANCEL_PATH, 405],
    ['OPTIONS', '/health/live', 404],
    ['OPTIONS', '/nothing', 404],
    ['OPTIONS', '/graphql', 401],
  ])('allows no page to call: %s %s', async (method, path, status) => {
    const answer = await sendRaw(service.url, rawRequest(`${method} ${path}`, preflight(SHOP)));
    expect(answer.status).toBe(status);
    expect(findHeaders(answer, /^access-control-/)).toEqual([]);
  });
});

describe('CORS, with two origins', () => {
  const paths = [['/graphql'], [CANCEL_PATH]];

  test.each(paths)('the preflight of an allowed page is answered without a token: %s', async (path) => {
    const answer = await sendRaw(open.url, rawRequest(`OPTIONS ${path}`, preflight(SHOP)));
    expect(answer).toMatchObject({ status: 204, body: null });
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'access-control-allow-origin': SHOP,
      'access-control-allow-headers': 'authorization,content-type',
      'access-control-max-age': '600',
      vary: expect.stringMatching(/origin/i),
      'x-request-id': expect.stringMatching(/^[0-9a-f]{32}$/),
    });
    expect(answer.headers.get('access-control-allow-methods')?.split(/, ?/)).toEqual(['GET', 'POST']);
    expect(answer.headers.get('access-control-allow-credentials')).toBeNull();
  });

  test.each(paths.flatMap(([path = '']) => foreign().map((origin) => [path, origin] as const)))(
    'the preflight of a foreign page allows nothing: %s %s',
    async (path, origin) => {
      const answer = await sendRaw(open.url, rawRequest(`OPTIONS ${path}`, preflight(origin)));
      expect(answer.headers.get('access-control-allow-origin')).toBeNull();
    },
  );

  test.each(paths)('an allowed page may read the answer, errors and the headers that matter too: %s', async (path) => {
    const answer = await sendRaw(open.url, rawRequest(`POST ${path}`, [`Origin: ${SHOP}`, JSON_TYPE], '{}'));
    expect(answer.status).toBe(401);
    expect(answer.headers.get('access-control-allow-origin')).toBe(SHOP);
    expect(answer.headers.get('access-control-expose-headers')).toMatch(/x-request-id/);
    expect(answer.headers.get('access-control-expose-headers')).toMatch(/retry-after/);
  });

  test.each(paths)('a foreign page may not: %s', async (path) => {
    for (const origin of foreign()) {
      const answer = await sendRaw(open.url, rawRequest(`POST ${path}`, [`Origin: ${origin}`, JSON_TYPE], '{}'));
      expect(answer.headers.get('access-control-allow-origin')).toBeNull();
    }
  });

  test('refuses an OPTIONS request that is not a preflight with 405', async () => {
    for (const lines of [[], [`Origin: ${SHOP}`], ['Origin: https://elsewhere.example']]) {
      const answer = await sendRaw(open.url, rawRequest(`OPTIONS ${CANCEL_PATH}`, lines));
      expectError(answer, 405, 'method_not_allowed');
      expect(answer.headers.get('allow')).toBe('POST');
    }
  });

  test('a preflight grants no access: the cancel itself still needs a token', async () => {
    const id = await anOrderItem(open.dataSource);
    await expectNothingWritten(open.dataSource, async () => {
      const path = `/v0/line_item/${id}/cancel`;
      await sendRaw(open.url, rawRequest(`OPTIONS ${path}`, [...preflight(SHOP), await bearer(open)]));
      expect((await sendRaw(open.url, rawCancel('rest', id, [`Origin: ${SHOP}`]))).status).toBe(401);
    });
    const answer = await sendRaw(open.url, rawCancel('rest', id, [`Origin: ${SHOP}`, await bearer(open)]));
    expect(answer.status).toBe(200);
    expect(await findCancellations(open.dataSource, [id])).toHaveLength(1);
  });
});

describe('too many requests', () => {
  test.each([['rest'], ['graphql']] as const)('of one subject, whatever its token: 429 through %s', async (door) => {
    const claims = { subject: `hasty ${door}` };
    for (let sent = 0; sent < LIMIT; sent += 1) {
      expect((await sendRaw(limited.url, rawCancel(door, 'x', [await bearer(limited, claims)]))).status).not.toBe(429);
    }
    const answer = await sendRaw(limited.url, rawCancel(door, 'x', [await bearer(limited, claims)]));
    expect(answer.status).toBe(429);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    const other = await bearer(limited, { subject: `calm ${door}` });
    expect((await sendRaw(limited.url, rawCancel(door, 'x', [other]))).status).not.toBe(429);
  });

  test('counts callers without a token by address, and ignores forged X-Forwarded-For headers', async () => {
    const bad = 'Authorization: Bearer bad';
    const lines = ['X-Forwarded-For: 10.0.0.', 'Forwarded: for=10.0.0.', 'X-Real-IP: 10.0.0.'];
    const answers: RestAnswer[] = [];
    for (let sent = 0; sent <= LIMIT; sent += 1) {
      const disguise = lines.map((line) => `${line}${sent}`);
      answers.push(await sendRaw(limited.url, rawCancel('rest', 'x', [bad, ...disguise])));
    }
    expect(answers.map(({ status }) => status)).toEqual([...Array.from({ length: LIMIT }, () => 401), 429]);
    expect((await sendRaw(limited.url, rawCancel('graphql', 'x', []))).status).toBe(429);
    expect((await sendRaw(limited.url, rawCancel('rest', 'x', [await bearer(limited)]))).status).toBe(400);
  });
});

describe('the secret of the router', () => {
  test.each([
    ['missing', []],
    ['empty', ['Router-Authorization:']],
    ['wrong', ['Router-Authorization: another secret!!!!!!']],
    ['a prefix', [`Router-Authorization: ${ROUTER_SECRET.slice(0, -1)}`]],
    ['longer', [`Router-Authorization: ${ROUTER_SECRET}x`]],
    ['in another case', [`Router-Authorization: ${ROUTER_SECRET.toUpperCase()}`]],
    ['with a scheme', [`Router-Authorization: Bearer ${ROUTER_SECRET}`]],
    ['twice', [`Router-Authorization: ${ROUTER_SECRET}`, `Router-Authorization: ${ROUTER_SECRET}`]],
    ['good and bad', [`Router-Authorization: ${ROUTER_SECRET}`, 'Router-Authorization: x']],
    ['in Authorization', [`Authorization: ${ROUTER_SECRET}`]],
  ])('%s: 401', async (_, lines) => {
    const id = await anOrderItem(routed.dataSource);
    const answer = await expectNothingWritten(routed.dataSource, async () =>
      sendRaw(routed.url, rawCancel('graphql', id, [...lines, await bearer(routed)])),
    );
    expect(answer).toMatchObject({ status: 401, body: { errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] } });
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer /);
    expect(JSON.stringify(answer.body)).not.toContain(ROUTER_SECRET);
  });

  test('admits only a valid token to /graphql', async () => {
    const id = await anOrderItem(routed.dataSource);
    const line = `Router-Authorization: ${ROUTER_SECRET}`;
    expect((await sendRaw(routed.url, rawCancel('graphql', id, [line]))).status).toBe(401);
    expect((await sendRaw(routed.url, rawCancel('graphql', id, [line, await bearer(routed)]))).status).toBe(200);
    expect(await findCancellations(routed.dataSource, [id])).toHaveLength(1);
  });
});

function preflight(origin: string): string[] {
  const asked = ['Access-Control-Request-Method: POST', 'Access-Control-Request-Headers: authorization,content-type'];
  return [`Origin: ${origin}`, ...asked];
}

/** Pages that look allowed, or are none. */
function foreign(): string[] {
  const disguised = [`${SHOP}.evil.example`, `${SHOP}:8443`, 'http://shop.example', 'https://SHOP.example'];
  return ['https://elsewhere.example', 'null', '*', ...disguised];
}

async function cancelOne(): Promise<RestAnswer> {
  return sendRaw(service.url, rawCancel('rest', await anOrderItem(service.dataSource), [await bearer(service)]));
}

async function ask(by: TestService, query: string): Promise<RestAnswer> {
  return sendRaw(by.url, rawRequest('POST /graphql', [JSON_TYPE, await bearer(by)], JSON.stringify({ query })));
}

function tooLarge(path: string): Promise<RestAnswer> {
  return bearer(service).then((line) =>
    sendRaw(
      service.url,
      `POST ${path} HTTP/1.1\r\nHost: x\r\n${line}\r\n${JSON_TYPE}\r\nContent-Length: 10485760\r\n\r\n{`,
    ),
  );
}

async function useUp(line: string): Promise<RestAnswer> {
  for (let sent = 0; sent < LIMIT; sent += 1) await sendRaw(limited.url, rawCancel('rest', 'x', [line]));
  return sendRaw(limited.url, rawCancel('rest', 'x', [line]));
}

/** What a second request gets while the first, whose body has not come, takes the only place. */
async function overload(): Promise<RestAnswer> {
  const first = await openConnection(busy.url);
  const head = `POST ${CANCEL_PATH} HTTP/1.1\r\nHost: x\r\n${await bearer(busy)}\r\n`;
  first.write(`GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n${head}Content-Length: 9\r\n\r\n{`);
  await first.readAnswer();
  const answer = await sendRaw(busy.url, rawRequest('GET /v0/openapi.json', []));
  first.destroy();
  return answer;
}

import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { startTestService } from '../support/testService.ts';

const AUTH = { AUTH_ISSUER: 'https://issuer.example', AUTH_AUDIENCE: 'order-items', INTROSPECTION: 'true' };
const [development, withoutPlayground, production, productionPlayground, limited] = await Promise.all([
  startTestService({ PLAYGROUND: '' }),
  startTestService({ PLAYGROUND: 'false' }),
  startTestService({ NODE_ENV: 'production', PLAYGROUND: '', ...AUTH }),
  startTestService({ NODE_ENV: 'production', PLAYGROUND: 'true', ...AUTH }),
  startTestService({ PLAYGROUND: 'true', RATE_LIMIT_PER_MINUTE: '3' }),
]);

const PAGES = ['/', '/docs', '/graphql'];
const TOKEN = /name="development-token" content="([^"]*)"/;

interface Page {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly html: string;
}

/** Opens a page as a browser that navigates there. `fetch` cannot: it sets some of these headers itself. */
function open(url: string, headers: Record<string, string> = {}): Promise<Page> {
  return new Promise((resolve, reject) => {
    const accept = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
    request(url, { headers: { accept, 'sec-fetch-dest': 'document', ...headers } }, (response) => {
      let html = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (html += chunk));
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, html });
      });
    })
      .on('error', reject)
      .end();
  });
}

test.each([
  ['development', development, [200, 200, 200]],
  ['development with PLAYGROUND=false', withoutPlayground, [404, 404, 401]],
  ['production', production, [404, 404, 401]],
  ['production with PLAYGROUND=true', productionPlayground, [404, 200, 200]],
])('serves its pages in %s', async (_, service, statuses) => {
  const pages = await Promise.all(PAGES.map((path) => open(service.url + path)));
  expect(pages.map(({ status }) => status)).toEqual(statuses);
  const overview = await fetch(`${service.url}/pages/overview`);
  expect(overview.status).toBe(statuses[0] === 200 ? 401 : 404);
  expect((await fetch(`${service.url}/pages/start.ts`)).status).toBe(statuses[0]);
});

test.each(PAGES)('%s runs only scripts that this service serves', async (path) => {
  const { headers, html } = await open(development.url + path);
  const policy = String(headers['content-security-policy']);
  expect(policy).toContain("default-src 'none'");
  expect(policy).toMatch(/script-src 'self'(;|$)/);
  expect(policy).toContain("frame-ancestors 'none'");
  expect(headers['cache-control']).toBe('no-store');
  expect(html).not.toMatch(/<script(?![^>]* src="\/pages\/)|\son\w+=|(?:src|href)="(?:https?:|\/\/)/);
});

test('serves every file that the pages load, with its type and an ETag', async () => {
  const pages = await Promise.all(PAGES.map((path) => open(development.url + path)));
  const files = new Set(
    pages.flatMap(({ html }) => [...html.matchAll(/="(\/pages\/[^"]+)"/g)].map(([, file]) => file)),
  );
  expect(files.size).toBeGreaterThan(8);
  for (const file of files) {
    const answer = await fetch(development.url + String(file));
    expect([file, answer.status]).toEqual([file, 200]);
    expect(answer.headers.get('content-type')).toMatch(/^(text\/(javascript|css)|image\/svg\+xml); charset=utf-8$/);
    const again = await fetch(development.url + String(file), {
      headers: { 'if-none-match': String(answer.headers.get('etag')) },
    });
    expect(again.status).toBe(304);
  }
});

describe('the development token in a page', () => {
  test.each(PAGES)('%s contains a token that works', async (path) => {
    const { html } = await open(development.url + path);
    const answer = await fetch(`${development.url}/pages/overview`, {
      headers: { authorization: `Bearer ${String(TOKEN.exec(html)?.[1])}` },
    });
    expect(answer.status).toBe(200);
  });

  test.each<[string, Record<string, string>]>([
    ['under another host name (DNS rebinding)', { host: 'evil.example:4001' }],
    ['from a page of another origin', { origin: 'https://evil.example' }],
    ['with a malformed host', { host: 'localhost:4001@evil.example' }],
    ['through a proxy', { 'x-forwarded-for': '203.0.113.7' }],
    ['by a client that is not a browser', { 'sec-fetch-dest': '' }],
    ['by a script', { 'sec-fetch-dest': 'empty' }],
    ['in a frame', { 'sec-fetch-dest': 'iframe' }],
  ])('is missing when the page is requested %s', async (_, headers) => {
    for (const path of PAGES) {
      const { status, html } = await open(development.url + path, headers);
      expect([status, TOKEN.exec(html)?.[1]]).toEqual([200, '']);
    }
  });

  test('is missing in production', async () => {
    for (const path of ['/docs', '/graphql'])
      expect(TOKEN.exec((await open(productionPlayground.url + path)).html)?.[1]).toBe('');
  });
});

test('a GET with a query reaches GraphQL instead of the page', async () => {
  const token = await development.token();
  const answer = await open(`${development.url}/graphql?query=%7B__typename%7D`, {
    authorization: `Bearer ${token}`,
    'apollo-require-preflight': 'true',
    accept: 'text/html, application/json;q=0.5',
  });
  expect(JSON.parse(answer.html)).toEqual({ data: { __typename: 'Query' } });
});

test('the overview is refused without the read scope', async () => {
  const token = await development.token({ scope: 'order-items:cancel' });
  const answer = await fetch(`${development.url}/pages/overview`, { headers: { authorization: `Bearer ${token}` } });
  expect(answer.status).toBe(403);
});

test('the pages count toward the rate limit', async () => {
  const statuses: number[] = [];
  for (const path of ['/', '/docs', '/graphql', '/pages/page.css'])
    statuses.push((await open(limited.url + path)).status);
  expect(statuses).toEqual([200, 200, 200, 429]);
});

test('clients that read slowly share one copy of a file in memory', async () => {
  const before = process.memoryUsage().rss;
  const sockets = Array.from({ length: 60 }, () => connect(Number(new URL(development.url).port), '127.0.0.1').pause());
  for (const socket of sockets) {
    await once(socket, 'connect');
    socket.write('GET /pages/graphiql.js HTTP/1.1\r\nHost: localhost\r\n\r\n');
  }
  // The first bytes of an answer arrive after the service has handed over all of it. The rest stays in the service.
  await Promise.all(sockets.map((socket) => once(socket, 'readable')));
  // A copy for each client would take 300 MB.
  expect(process.memoryUsage().rss - before).toBeLessThan(150_000_000);
  for (const socket of sockets) socket.destroy();
});

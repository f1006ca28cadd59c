import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, exportSPKI, generateKeyPair, type JWK, SignJWT, type GenerateKeyPairResult } from 'jose';
import { startTestService } from '../support/testService.ts';

const AUDIENCE = 'order-items';

/** An issuer of tokens as the service sees one: an OpenID configuration, a key set, over HTTP. */
class Issuer {
  readonly url: string;
  requests = 0;
  private readonly server: Server;
  private readonly keys = new Map<string, GenerateKeyPairResult & { readonly jwk: JWK }>();

  private constructor(server: Server) {
    this.server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(): Promise<Issuer> {
    const server = createServer((request, response) => {
      issuer.requests += 1;
      const body =
        request.url === '/.well-known/openid-configuration'
          ? { issuer: issuer.url, jwks_uri: `${issuer.url}/keys` }
          : { keys: [...issuer.keys.values()].map(({ jwk }) => jwk) };
      response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const issuer: Issuer = new Issuer(server);
    return issuer;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** Publishes a new key. */
  async publish(kid: string, alg = 'RS256'): Promise<void> {
    const pair = await generateKeyPair(alg, { extractable: true });
    this.keys.set(kid, { ...pair, jwk: { ...(await exportJWK(pair.publicKey)), kid, alg, use: 'sig' } });
  }

  keyOf(kid: string): GenerateKeyPairResult {
    const key = this.keys.get(kid);
    if (key === undefined) throw new Error(`No key ${kid}.`);
    return key;
  }

  async token(
    claims: object = {},
    { kid = 'first', alg = 'RS256', typ = 'at+jwt', named = true } = {},
  ): Promise<string> {
    return new SignJWT({
      iss: this.url,
      aud: AUDIENCE,
      sub: 'somebody',
      exp: now() + 60,
      scope: 'order-items:read order-items:cancel',
      ...claims,
    })
      .setProtectedHeader({ alg, typ, ...(named ? { kid } : {}) })
      .sign(this.keyOf(kid).privateKey);
  }
}

const now = (): number => Math.floor(Date.now() / 1_000);

const issuer = await Issuer.start();
await issuer.publish('first');
const service = await startTestService({ AUTH_ISSUER: issuer.url, AUTH_AUDIENCE: AUDIENCE });
const developmentService = await startTestService();
const rotating = await Issuer.start();
const rotatingService = await startTestService({ AUTH_ISSUER: rotating.url, AUTH_AUDIENCE: AUDIENCE });
const away = await Issuer.start();
const awayService = await startTestService({ AUTH_ISSUER: away.url, AUTH_AUDIENCE: AUDIENCE });
const undiscovered = 'https://issuer.example/without-discovery';
const undiscoveredService = await startTestService({
  AUTH_ISSUER: undiscovered,
  AUTH_AUDIENCE: AUDIENCE,
  AUTH_JWKS_URL: `${issuer.url}/keys`,
});
const routerSecret = 'a secret of the router';
const routedService = await startTestService({ ROUTER_SECRET: routerSecret });
afterAll(() => issuer.stop());

async function ask(
  token: string,
  url = service.url,
): Promise<{ status: number; code: unknown; challenge: string | null }> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query: '{ orderItems(first: 1) { edges { cursor } } }' }),
  });
  const { errors = [] } = (await response.json()) as { errors?: { extensions: { code: string } }[] };
  return {
    status: response.status,
    code: errors[0]?.extensions.code ?? null,
    challenge: response.headers.get('www-authenticate'),
  };
}

const ACCEPTED = { status: 200, code: null };
const REFUSED = { status: 401, code: 'UNAUTHENTICATED' };

function unsigned(claims: object, header: object): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part(header)}.${part(claims)}.`;
}

describe('a token of the configured issuer', () => {
  test('is accepted', async () => {
    expect(await ask(await issuer.token())).toMatchObject(ACCEPTED);
  });

  test.each([
    ['scp as an array, as Okta sends it', { scope: undefined, scp: ['order-items:read'] }],
    ['scp as a string, as Entra ID sends it', { scope: undefined, scp: 'openid order-items:read' }],
    ['scope as an array', { scope: ['openid', 'order-items:read'] }],
    ['the scope in scp beside others in scope', { scope: 'openid', scp: 'order-items:read' }],
    ['several audiences', { aud: ['other', AUDIENCE] }],
    ['expired within the clock tolerance', { exp: now() + 2 }],
    ['not valid before a moment within the clock tolerance', { nbf: now() + 3 }],
  ])('is accepted with %s', async (_, claims) => {
    expect(await ask(await issuer.token(claims))).toMatchObject(ACCEPTED);
  });

  test.each([
    ['another issuer', { iss: 'https://issuer.example' }],
    ['another audience', { aud: 'something-else' }],
    ['no audience', { aud: undefined }],
    ['the past in exp', { exp: now() - 60 }],
    ['no exp', { exp: undefined }],
    ['the future in nbf', { nbf: now() + 60 }],
    ['no sub', { sub: undefined }],
    ['an empty sub', { sub: '' }],
    ['a NUL in sub', { sub: 'some\0body' }],
    ['a sub of 256 characters', { sub: 'x'.repeat(256) }],
  ])('is refused with %s', async (_, claims) => {
    expect(await ask(await issuer.token(claims))).toMatchObject(REFUSED);
  });

  test('without a scope fails the field, with status 200', async () => {
    expect(await ask(await issuer.token({ scope: 'order-items:cancel profile' }))).toMatchObject({
      status: 200,
      code: 'FORBIDDEN',
    });
  });

  test('is refused if it is not an access token', async () => {
    expect(await ask(await issuer.token({}, { typ: 'logout+jwt' }))).toMatchObject(REFUSED);
  });

  test('is refused unsigned, or signed symmetrically with the public key', async () => {
    const claims = { iss: issuer.url, aud: AUDIENCE, sub: 'somebody', exp: now() + 60, scope: 'order-items:read' };
    expect(await ask(unsigned(claims, { alg: 'none' }))).toMatchObject(REFUSED);
    const publicKey = new TextEncoder().encode(await exportSPKI(issuer.keyOf('first').publicKey));
    const forged = await new SignJWT(claims).setProtectedHeader({ alg: 'HS256', kid: 'first' }).sign(publicKey);
    expect(await ask(forged)).toMatchObject(REFUSED);
  });

  test('is refused with a challenge after a bit flip', async () => {
    const [header = '', , signature = ''] = (await issuer.token()).split('.');
    const [, payload = ''] = unsigned({ iss: issuer.url, aud: AUDIENCE, sub: 'admin', exp: now() + 60 }, {}).split('.');
    const answer = await ask([header, payload, signature].join('.'));
    expect(answer).toMatchObject(REFUSED);
    expect(answer.challenge).toBe(
      'Bearer realm="order-items", error="invalid_token", error_description="The token is not valid"',
    );
  });

  test('a token of the development issuer is refused', async () => {
    expect(await ask(await developmentService.token())).toMatchObject(REFUSED);
  });
});

describe('keys', () => {
  test('rotate without a restart, and stay known while the issuer is down', async () => {
    await rotating.publish('first');
    const { url } = rotatingService;
    // Before the first token comes, the issuer is asked for its configuration at most.
    expect(rotating.requests).toBeLessThanOrEqual(1);
    await rotating.publish('second', 'ES256');
    expect(await ask(await rotating.token({}, { kid: 'second', alg: 'ES256' }), url)).toMatchObject(ACCEPTED);

    const token = await rotating.token({ exp: now() + 3_600 });
    await rotating.stop();
    expect(await ask(token, url)).toMatchObject(ACCEPTED);
    // Past the age at which the keys would be fetched again.
    const { now: realNow } = Date;
    Date.now = () => realNow() + 20 * 60_000;
    try {
      expect(await ask(token, url)).toMatchObject(ACCEPTED);
      expect(await ask(token, url)).toMatchObject(ACCEPTED);
    } finally {
      Date.now = realNow;
    }
  });

  test('are each tried for a token that names none', async () => {
    await issuer.publish('second');
    for (const kid of ['first', 'second']) {
      expect(await ask(await issuer.token({}, { kid, named: false }), undiscoveredService.url)).toMatchObject(REFUSED);
      const token = await issuer.token({ iss: undiscovered }, { kid, named: false });
      expect(await ask(token, undiscoveredService.url)).toMatchObject(ACCEPTED);
    }
  });

  test('that cannot be fetched give 503, not 401', async () => {
    await away.publish('first');
    const token = await away.token();
    await away.stop();
    expect(await ask(token, awayService.url)).toMatchObject({ status: 503, code: 'SERVICE_UNAVAILABLE' });
  });

  test('come from AUTH_JWKS_URL if it is set, without discovery', async () => {
    expect(await ask(await issuer.token({ iss: undiscovered }), undiscoveredService.url)).toMatchObject(ACCEPTED);
  });
});

test('a configured router secret is required at /graphql only', async () => {
  const token = await routedService.token();
  const send = (headers: Record<string, string>): Promise<Response> =>
    fetch(`${routedService.url}/graphql`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
      body: '{"query":"{ __typename }"}',
    });
  expect((await send({})).status).toBe(401);
  expect((await send({ 'router-authorization': 'another' })).status).toBe(401);
  expect((await send({ 'router-authorization': routerSecret })).status).toBe(200);
  expect((await routedService.cancelByRest('0b5c3f5e-8f0a-5b0e-9d63-0123456789ab')).status).toBe(404);
});

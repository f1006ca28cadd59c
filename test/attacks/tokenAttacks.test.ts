import { randomBytes } from 'node:crypto';
import { CompactEncrypt } from 'jose';
import { AUDIENCE, ChangingIssuer, newKey, part, signed, signedWithText } from '../support/changingIssuer.ts';
import { type Door, DOORS, exchange, rawCancel, statusesIn } from '../support/hostileHttp.ts';
import { expectNothingWritten } from '../support/nothingWritten.ts';
import { expectDocumented } from '../support/openApi.ts';
import { anOrderItem, findCancellations } from '../support/orderItems.ts';
import { sendRaw } from '../support/rawHttp.ts';
import { CANCEL, expectError } from '../support/restContract.ts';
import { type RestAnswer, startTestService } from '../support/testService.ts';

const issuer = await ChangingIssuer.start();
const attacker = await ChangingIssuer.start();
const service = await startTestService(issuer.environment);
const { dataSource, url } = service;
const [ours = newKey('')] = issuer.keys;
const [theirs = newKey('')] = attacker.keys;
const pem = ours.publicKey.export({ format: 'pem', type: 'spki' }).toString();
const good = issuer.token({ sub: 'a normal client' });

const now = Math.floor(Date.now() / 1_000);
const HEADER = { alg: 'ES256', kid: ours.kid, typ: 'at+jwt' };
const CLAIMS = issuer.claims();
const NULL_SIGNATURE = Buffer.alloc(64).toString('base64url');

function expectUnauthorized(door: Door, answer: RestAnswer): void {
  if (door === 'rest') {
    expectDocumented('POST', CANCEL, answer);
    expectError(answer, 401, 'unauthorized');
  } else {
    expect(answer).toMatchObject({
      status: 401,
      body: { errors: [{ extensions: { code: 'UNAUTHENTICATED', requestId: answer.headers.get('x-request-id') } }] },
    });
    expect(answer.body).not.toHaveProperty('data');
  }
  expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer realm="order-items"/);
}

/** What a normal client notices of it all. */
async function expectServed(): Promise<void> {
  expect(await service.graphql('{ orderItems(first: 1) { edges { cursor } } }', {}, good)).toMatchObject({
    status: 200,
    errors: [],
  });
}

/** Sends a cancel that would succeed but for these lines, while a normal client is served. */
async function expectRefused(door: Door, lines: readonly string[], body = {}): Promise<RestAnswer> {
  const id = await anOrderItem(dataSource);
  const answer = await expectNothingWritten(dataSource, async () => {
    const [attacked] = await Promise.all([sendRaw(url, rawCancel(door, id, lines, body)), expectServed()]);
    return attacked;
  });
  expectUnauthorized(door, answer);
  return answer;
}

const bearer = (token: string): string[] => [`Authorization: Bearer ${token}`];

test.each(DOORS)('the token that the attacks change is accepted: %s', async (door) => {
  const id = await anOrderItem(dataSource);
  expect((await sendRaw(url, rawCancel(door, id, bearer(signed(HEADER, CLAIMS, ours.privateKey))))).status).toBe(200);
  expect(await findCancellations(dataSource, [id])).toMatchObject([{ cancelled_by: 'caller-1' }]);
});

const tokens: [string, string][] = [
  ['alg none, not signed', `${part({ alg: 'none' })}.${part(CLAIMS)}.`],
  ['alg None', `${part({ ...HEADER, alg: 'None' })}.${part(CLAIMS)}.`],
  ['alg nOnE', `${part({ ...HEADER, alg: 'nOnE' })}.${part(CLAIMS)}.`],
  ['alg none with a good signature', signed({ ...HEADER, alg: 'none' }, CLAIMS, ours.privateKey)],
  ['no alg', signed({ kid: ours.kid, typ: 'at+jwt' }, CLAIMS, ours.privateKey)],
  ['alg in two values', signed('{"alg":"ES256","alg":"none","kid":"key-1"}', CLAIMS, ours.privateKey)],
  ['an empty signature', `${part(HEADER)}.${part(CLAIMS)}.`],
  ['a signature of zeros', `${part(HEADER)}.${part(CLAIMS)}.${NULL_SIGNATURE}`],
  ['HS256 with the public key as PEM', signedWithText({ ...HEADER, alg: 'HS256' }, CLAIMS, pem)],
  ['HS256 with the public key as PEM, trimmed', signedWithText({ ...HEADER, alg: 'HS256' }, CLAIMS, pem.trim())],
  ['HS256 with the public JWK', signedWithText({ ...HEADER, alg: 'HS256' }, CLAIMS, JSON.stringify(ours.jwk))],
  ['HS256 with an empty secret', signedWithText({ ...HEADER, alg: 'HS256' }, CLAIMS, '')],
  ['RS256 with a key for ES256', signed({ ...HEADER, alg: 'RS256' }, CLAIMS, ours.privateKey)],
  ['another issuer', issuer.token({ iss: 'https://issuer.example' })],
  ['the issuer with a slash more', issuer.token({ iss: `${issuer.url}/` })],
  ['several issuers', issuer.token({ iss: [issuer.url] })],
  ['another audience', issuer.token({ aud: 'elsewhere' })],
  ['a longer audience', issuer.token({ aud: `${AUDIENCE}-2` })],
  ['no audience', issuer.token({ aud: [] })],
  ['expired', issuer.token({ exp: now - 60 })],
  ['expired exactly at the tolerance', issuer.token({ exp: now - 5 })],
  ['exp as text', issuer.token({ exp: String(now + 60) })],
  ['exp as null', issuer.token({ exp: null })],
  ['not yet valid', issuer.token({ nbf: now + 3_600 })],
  ['no exp', issuer.token({ exp: undefined })],
  ['no sub', issuer.token({ sub: undefined })],
  ['sub as a number', issuer.token({ sub: 1 })],
  ['sub as an object', issuer.token({ sub: { toString: 'caller-1' } })],
  ['a stranger’s key under our key’s name', issuer.token({}, { kid: ours.kid }, theirs)],
  ['a stranger’s key under its own name', issuer.token({}, { kid: 'stranger' }, theirs)],
  ['the attacker’s own issuer', attacker.token()],
  ['jku', issuer.token({}, { jku: `${attacker.url}/keys`, kid: 'stranger' }, theirs)],
  ['jku under our key’s name', issuer.token({}, { jku: `${attacker.url}/keys`, kid: ours.kid }, theirs)],
  ['x5u', issuer.token({}, { x5u: `${attacker.url}/keys`, kid: ours.kid }, theirs)],
  ['x5c', issuer.token({}, { x5c: [randomBytes(100).toString('base64')], kid: ours.kid }, theirs)],
  ['an embedded jwk', issuer.token({}, { jwk: theirs.jwk, kid: ours.kid }, theirs)],
  ['an embedded jwk and no kid', issuer.token({}, { jwk: theirs.jwk, kid: undefined }, theirs)],
  ['kid with a path', issuer.token({}, { kid: '../../../../dev/null' }, theirs)],
  ['kid with a URL', issuer.token({}, { kid: `${attacker.url}/keys` }, theirs)],
  ['kid with SQL', issuer.token({}, { kid: "' OR 1=1; DROP TABLE order_item; --" }, theirs)],
  ['kid with NUL', issuer.token({}, { kid: 'key-1\0' }, ours)],
  ['a very long kid', issuer.token({}, { kid: 'k'.repeat(5_000) }, theirs)],
  ['kid __proto__', issuer.token({}, { kid: '__proto__' }, theirs)],
  ['kid as an object', issuer.token({}, { kid: { $ne: '' } }, theirs)],
  ['an unknown crit', issuer.token({}, { crit: ['urn:example:must'], 'urn:example:must': true })],
  ['crit b64', issuer.token({}, { crit: ['b64'], b64: false })],
  ['an empty crit', issuer.token({}, { crit: [] })],
  ['cut short by a character', issuer.token().slice(0, -1)],
  ['cut to its claims', issuer.token().split('.').slice(0, 2).join('.')],
  ['cut to a point', '.'],
  ['two points', '..'],
  ['a fourth part', `${issuer.token()}.${part({})}`],
  ['an encrypted token', await encrypted()],
  ['five parts', `${issuer.token()}.e30.e30`],
  ['claims twice, the first not expired', doubled('exp', now + 60, now - 60)],
  ['claims twice, the first for us', doubled('aud', AUDIENCE, 'elsewhere')],
  ['claims twice, the first of our issuer', doubled('iss', issuer.url, attacker.url)],
  ['claims that are an array', signed(HEADER, '[]', ours.privateKey)],
  ['claims that are null', signed(HEADER, 'null', ours.privateKey)],
  ['claims that are no JSON', signed(HEADER, '{"iss":', ours.privateKey)],
  ['a header that is no object', signed('"ES256"', CLAIMS, ours.privateKey)],
  ['an ID token', issuer.token({}, { typ: 'id_token+jwt' })],
  ['above 8,192 characters', issuer.token({ padding: 'x'.repeat(8_192) })],
];

describe.each(DOORS)('refused with 401 through %s', (door) => {
  test.each(tokens)('%s', async (_, token) => {
    await expectRefused(door, bearer(token));
  });

  test('two Authorization headers, good and bad', async () => {
    await expectRefused(door, [...bearer(good), ...bearer('bad')]);
  });

  test('two Authorization headers, bad and good', async () => {
    await expectRefused(door, [...bearer('bad'), ...bearer(good)]);
  });

  test('two Authorization headers, good and good', async () => {
    await expectRefused(door, [...bearer(good), ...bearer(good)]);
  });

  test('two Authorization headers, good and empty', async () => {
    await expectRefused(door, [...bearer(good), 'Authorization:']);
  });

  test('ignores a token in the query', async () => {
    const answer = await expectRefused(door, [], { query: `?access_token=${good}&authorization=Bearer%20${good}` });
    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="order-items"');
  });

  test('ignores a token in the body', async () => {
    const answer = await expectRefused(door, [], { extra: { access_token: good, authorization: `Bearer ${good}` } });
    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="order-items"');
  });

  test.each([
    ['Cookie', `Cookie: access_token=${good}; Authorization=Bearer ${good}`],
    ['Proxy-Authorization', `Proxy-Authorization: Bearer ${good}`],
    ['X-Authorization', `X-Authorization: Bearer ${good}`],
    ['another scheme', `Authorization: Token ${good}`],
    ['no scheme', `Authorization: ${good}`],
    ['Latin-1 behind the token', `Authorization: Bearer ${good}\u00e9`],
    ['Latin-1 in the scheme', `Authorization: B\u00e9arer ${good}`],
    ['a C1 control character', `Authorization: Bearer ${good}\u0085`],
    ['a no-break space for the space', `Authorization: Bearer\u00a0${good}`],
    ['UTF-8 in the token', `Authorization: Bearer ${Buffer.from('\u2028').toString('latin1')}${good}`],
    ['a scheme in another case with a bad token', 'Authorization: bEARER nonsense'],
  ])('refuses a token in the wrong place or form: %s', async (_, line) => {
    const answer = await expectRefused(door, [line]);
    expect(JSON.stringify([answer.body, ...answer.headers])).not.toContain(good);
  });

  test.each([['Bearer'], ['bearer'], ['BEARER'], ['bEaReR']])('accepts the scheme %s', async (scheme) => {
    const id = await anOrderItem(dataSource);
    const answer = await sendRaw(url, rawCancel(door, id, [`Authorization: ${scheme} ${good}`]));
    expect(answer.status).toBe(200);
    expect(await findCancellations(dataSource, [id])).toHaveLength(1);
  });

  test('a token above the limit of all headers: 400', async () => {
    const id = await anOrderItem(dataSource);
    const token = issuer.token({ padding: 'x'.repeat(20_000) });
    const received = await expectNothingWritten(dataSource, async () => {
      const [attacked] = await Promise.all([exchange(url, rawCancel(door, id, bearer(token))), expectServed()]);
      return attacked;
    });
    expect(statusesIn(received)).toEqual([400]);
  });
});

test('both doors use the last of two claims with the same name (RFC 7519)', async () => {
  for (const [door] of DOORS) {
    const id = await anOrderItem(dataSource);
    const answer = await sendRaw(url, rawCancel(door, id, bearer(doubled('sub', 'the first', 'the last'))));
    expect(answer.status).toBe(200);
    expect(await findCancellations(dataSource, [id])).toMatchObject([{ cancelled_by: 'the last' }]);
  }
});

test('a manipulated scope text grants no scope', async () => {
  for (const scope of ['order-items:cancel\u00a0', 'order-items:cancel\tx', [['order-items:cancel']], { a: 1 }, true]) {
    const id = await anOrderItem(dataSource);
    const answer = await expectNothingWritten(dataSource, () =>
      sendRaw(url, rawCancel('rest', id, bearer(issuer.token({ scope })))),
    );
    expectError(answer, 403, 'forbidden');
  }
});

test('never contacts the attacker’s server (SSRF), and rarely the issuer', () => {
  expect(attacker.requests).toBe(0);
  // The OpenID configuration, the keys, and the keys again when a token named one that was not there.
  expect(issuer.requests).toBeLessThanOrEqual(4);
});

/** A good signature over claims in which one name stands twice. */
function doubled(name: string, first: unknown, last: unknown): string {
  const others = JSON.stringify(issuer.claims({ [name]: undefined })).slice(1);
  const claims = `{"${name}":${JSON.stringify(first)},"${name}":${JSON.stringify(last)},${others}`;
  return signed(HEADER, claims, ours.privateKey);
}

/** For the issuer's public key, which is all that a stranger has. */
async function encrypted(): Promise<string> {
  return new CompactEncrypt(new TextEncoder().encode(JSON.stringify(CLAIMS)))
    .setProtectedHeader({ alg: 'ECDH-ES', enc: 'A256GCM', kid: ours.kid, typ: 'at+jwt' })
    .encrypt(ours.publicKey);
}

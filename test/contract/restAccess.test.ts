import { randomUUID } from 'node:crypto';
import { generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { findFreePort } from '../../src/embedded-postgres/postgresProcesses.ts';
import { documentedExample, expectDocumented } from '../support/openApi.ts';
import { anOrderItem, findCancellations } from '../support/orderItems.ts';
import { expectNothingWritten } from '../support/nothingWritten.ts';
import { cancel, CANCEL, expectError, VALIDATION_FAILED } from '../support/restContract.ts';
import { answerOf, type RestRequest, startTestService } from '../support/testService.ts';
import { startTokenIssuer } from '../support/tokenIssuer.ts';

const issuer = await startTokenIssuer();
const service = await startTestService(issuer.environment);
const { dataSource } = service;
const nowhere = `http://127.0.0.1:${await findFreePort()}`;
const orphaned = await startTestService({ ...issuer.environment, AUTH_ISSUER: nowhere });
const stranger = await generateKeyPair('ES256');

const now = Math.floor(Date.now() / 1_000);
const CHALLENGE = 'Bearer realm="order-items"';

/** Sends a cancel that would succeed but for its `Authorization`. */
async function cancelWith(authorization: string): ReturnType<typeof cancel> {
  const id = await anOrderItem(dataSource);
  return expectNothingWritten(dataSource, () => cancel(service, id, { token: null, headers: { authorization } }));
}

describe('200 the token is valid', () => {
  test.each([
    ['with both scopes', {}, {}],
    ['with the scope for cancels alone', { scope: 'order-items:cancel' }, {}],
    ['with the scope among others', { scope: 'openid order-items:cancel profile' }, {}],
    ['with the scope in scp', { scope: undefined, scp: ['openid', 'order-items:cancel'] }, {}],
    ['for several audiences', { aud: ['elsewhere', issuer.environment.AUTH_AUDIENCE] }, {}],
    ['of type JWT', {}, { typ: 'JWT' }],
    ['of no type', {}, { typ: undefined }],
    ['without a key id', {}, { kid: undefined }],
  ])('%s', async (_, claims, header) => {
    const id = await anOrderItem(dataSource);
    const answer = await cancel(service, id, { token: await issuer.token(claims, header) });
    expect(answer.status).toBe(200);
    expect(await findCancellations(dataSource, [id])).toMatchObject([{ cancelled_by: 'caller-1' }]);
  });

  test('expired for less than the tolerance of 5 s', async () => {
    const id = await anOrderItem(dataSource);
    const token = await issuer.token({ exp: Math.floor(Date.now() / 1_000) - 1 });
    expect((await cancel(service, id, { token })).status).toBe(200);
  });

  test('the scheme is Bearer in any case', async () => {
    const id = await anOrderItem(dataSource);
    const authorization = `bearer ${await issuer.token()}`;
    expect((await cancel(service, id, { token: null, headers: { authorization } })).status).toBe(200);
  });
});

describe('401 there is no valid token', () => {
  test('no token: a challenge without an error', async () => {
    const id = await anOrderItem(dataSource);
    const answer = await expectNothingWritten(dataSource, () => cancel(service, id, { token: null }));
    expectError(answer, 401, 'unauthorized', 'A bearer token is required.');
    expect(answer.headers.get('www-authenticate')).toBe(CHALLENGE);
  });

  const invalid: [string, string, () => string | Promise<string>][] = [
    ['another scheme', 'headerMalformed', () => 'Basic ZGV2ZWxvcGVyOnNlY3JldA=='],
    ['the scheme alone', 'headerMalformed', () => 'Bearer'],
    ['two tokens', 'headerMalformed', async () => `Bearer ${await issuer.token()} ${await issuer.token()}`],
    ['a word for a token', 'tokenInvalid', () => 'Bearer nonsense'],
    ['three words for a token', 'tokenInvalid', () => 'Bearer no.such.token'],
    ['a token cut short', 'tokenInvalid', async () => `Bearer ${(await issuer.token()).slice(0, -10)}`],
    [
      'a token whose claims were changed',
      'tokenInvalid',
      async () => `Bearer ${tamper(await issuer.token({ scope: '' }))}`,
    ],
    ['expired', 'tokenExpired', async () => `Bearer ${await issuer.token({ exp: now - 60 })}`],
    ['not yet valid', 'claimMismatch', async () => `Bearer ${await issuer.token({ nbf: now + 60 })}`],
    ['without an expiry', 'claimMismatch', async () => `Bearer ${await issuer.token({ exp: undefined })}`],
    ['of another issuer', 'claimMismatch', async () => `Bearer ${await issuer.token({ iss: 'https://elsewhere' })}`],
    ['of no issuer', 'claimMismatch', async () => `Bearer ${await issuer.token({ iss: undefined })}`],
    ['for another audience', 'claimMismatch', async () => `Bearer ${await issuer.token({ aud: 'elsewhere' })}`],
    ['for no audience', 'claimMismatch', async () => `Bearer ${await issuer.token({ aud: undefined })}`],
    ['without a subject', 'claimMismatch', async () => `Bearer ${await issuer.token({ sub: undefined })}`],
    ['with an empty subject', 'subjectMissing', async () => `Bearer ${await issuer.token({ sub: '' })}`],
    ['an ID token', 'notAccessToken', async () => `Bearer ${await issuer.token({}, { typ: 'id_token+jwt' })}`],
    [
      'signed by a stranger with our key id',
      'tokenInvalid',
      async () => `Bearer ${await issuer.token({}, {}, stranger.privateKey)}`,
    ],
    [
      'signed by a stranger',
      'keyUnknown',
      async () => `Bearer ${await issuer.token({}, { kid: 'other' }, stranger.privateKey)}`,
    ],
    ['signed symmetrically with the public key', 'tokenInvalid', async () => `Bearer ${await symmetric()}`],
    ['not signed', 'tokenInvalid', () => `Bearer ${unsigned()}`],
  ];
  test.each(invalid)('%s: a challenge that says what is wrong', async (_, example, authorization) => {
    const answer = await cancelWith(await authorization());
    expectError(answer, 401, 'unauthorized');
    const { message } = answer.body as { message: string };
    expect(answer.headers.get('www-authenticate')).toBe(
      `${CHALLENGE}, error="invalid_token", error_description="${message}"`,
    );
    // The last word may name a claim; what the token says of it is never repeated.
    const documented = documentedExample('POST', CANCEL, 401, example) as { message: string };
    expect(message.replace(/: (iss|aud|exp|nbf|sub)$/, '')).toBe(documented.message.replace(/: aud$/, ''));
  });

  test('ignores a token in the query or the body', async () => {
    const id = await anOrderItem(dataSource);
    const token = await issuer.token();
    const answer = await expectNothingWritten(dataSource, () =>
      answerOf(
        fetch(`${service.url}/v0/line_item/${id}/cancel?access_token=${token}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ reason: 'Late', access_token: token }),
        }),
      ),
    );
    expectDocumented('POST', CANCEL, answer);
    expectError(answer, 401, 'unauthorized');
  });
});

describe('403 the token lacks the scope', () => {
  test.each([
    ['reads only', { scope: 'order-items:read' }],
    ['no scope', { scope: undefined }],
    ['an empty scope', { scope: '' }],
    ['a longer scope', { scope: 'order-items:cancel-all' }],
    ['the scope in another case', { scope: 'Order-Items:Cancel' }],
    ['scopes separated by commas', { scope: 'order-items:read,order-items:cancel' }],
    ['another scope in scp', { scope: undefined, scp: ['order-items:read'] }],
  ])('%s', async (_, claims) => {
    const answer = await cancelWith(`Bearer ${await issuer.token(claims)}`);
    expectError(answer, 403, 'forbidden', 'The token lacks the scope order-items:cancel.');
    expect(answer.headers.get('www-authenticate')).toBe(
      `${CHALLENGE}, error="insufficient_scope", scope="order-items:cancel"`,
    );
  });
});

describe('503 the issuer does not answer and the token’s key is unknown', () => {
  const message = 'The token cannot be checked, because its issuer does not answer.';

  test('a cancel', async () => {
    const id = await anOrderItem(orphaned.dataSource);
    const token = await issuer.token();
    const answer = await expectNothingWritten(orphaned.dataSource, () => cancel(orphaned, id, { token }));
    expectError(answer, 503, 'service_unavailable', message);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(documentedExample('POST', CANCEL, 503, 'issuerUnreachable')).toMatchObject({ message });
  });

  test('a GraphQL query', async () => {
    const { status, headers, errors } = await orphaned.graphql('{ __typename }', {}, await issuer.token());
    expect(status).toBe(503);
    expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    const requestId = headers.get('x-request-id');
    expect(errors).toEqual([{ message, extensions: { code: 'SERVICE_UNAVAILABLE', requestId } }]);
  });

  test('refuses a request without a token, without the issuer', async () => {
    expectError(await cancel(orphaned, 'nonsense', { token: null }), 401, 'unauthorized');
  });
});

describe('the order of the checks', () => {
  const TOO_LARGE = 'x'.repeat(1_048_577);
  const readOnly = (): Promise<string> => issuer.token({ scope: 'order-items:read' });
  const notCancelable = (): Promise<string> => anOrderItem(dataSource, { isPreOrder: false, status: 'complete' });
  const unknown = (): Promise<string> => Promise.resolve(randomUUID());
  const malformed = (): Promise<string> => Promise.resolve('nonsense');
  const badKey = { 'idempotency-key': '' };
  const text = { 'content-type': 'text/plain' };

  type Case = [string, () => Promise<string>, () => Promise<string | null>, RestRequest, number, string | null];
  const none = (): Promise<null> => Promise.resolve(null);
  const cases: Case[] = [
    ['token before path, body and key', malformed, none, { body: '{', headers: badKey }, 401, null],
    ['token before the type of the body', malformed, none, { body: 'x', headers: text }, 401, null],
    ['token before the size of the body', malformed, none, { body: TOO_LARGE }, 401, null],
    ['token before existence', unknown, none, {}, 401, null],
    ['token before blockers', notCancelable, none, {}, 401, null],
    ['scope before path, body and key', malformed, readOnly, { body: '{', headers: badKey }, 403, null],
    ['scope before the type of the body', malformed, readOnly, { body: 'x', headers: text }, 403, null],
    ['scope before the size of the body', malformed, readOnly, { body: TOO_LARGE }, 403, null],
    ['scope before existence', unknown, readOnly, {}, 403, null],
    ['scope before blockers', notCancelable, readOnly, {}, 403, null],
    [
      'body before existence',
      unknown,
      issuer.token,
      { body: {} },
      400,
      `${VALIDATION_FAILED}'reason' is a required property.`,
    ],
    ['type of the body before existence', unknown, issuer.token, { body: 'x', headers: text }, 415, null],
    ['size of the body before existence', unknown, issuer.token, { body: TOO_LARGE }, 413, null],
    [
      'key before existence',
      unknown,
      issuer.token,
      { headers: badKey },
      400,
      `${VALIDATION_FAILED}the idempotency key does not have 1 to 255 printable characters.`,
    ],
    [
      'body before blockers',
      notCancelable,
      issuer.token,
      { body: { reason: ' ' } },
      400,
      `${VALIDATION_FAILED}'reason' is empty.`,
    ],
    ['existence before blockers', unknown, issuer.token, {}, 404, 'Order item with provided UUID was not found.'],
    ['not pre-ordered before terminal', notCancelable, issuer.token, {}, 400, "The Order item can't be canceled."],
  ];
  test.each(cases)('%s', async (_, id, token, request, status, message) => {
    const given = { ...request, token: await token() };
    const uuid = await id();
    const answer = await expectNothingWritten(dataSource, () => cancel(service, uuid, given));
    expect(answer.status).toBe(status);
    if (message !== null) expect(answer.body.message).toBe(message);
  });
});

/** The claims say more than what was signed. */
function tamper(token: string): string {
  const [header = '', payload = '', signature = ''] = token.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object;
  const changed = Buffer.from(JSON.stringify({ ...claims, scope: 'order-items:cancel' })).toString('base64url');
  return [header, changed, signature].join('.');
}

function validClaims(): Record<string, unknown> {
  const { AUTH_ISSUER: iss, AUTH_AUDIENCE: aud } = issuer.environment;
  return { iss, aud, sub: 'caller-1', exp: now + 60, scope: 'order-items:cancel' };
}

/** The classic confusion: the public key, known to all, taken for a shared secret. */
function symmetric(): Promise<string> {
  const secret = new TextEncoder().encode(JSON.stringify(issuer.publicKey));
  return new SignJWT(validClaims()).setProtectedHeader({ alg: 'HS256', kid: 'key-1', typ: 'at+jwt' }).sign(secret);
}

function unsigned(): string {
  return new UnsecuredJWT(validClaims()).encode();
}

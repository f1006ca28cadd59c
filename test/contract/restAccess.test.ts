import { randomUUID } from 'node:crypto';
import { generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { findFreePort } from '../../src/embedded-postgres/postgresProcesses.ts';
import { documentedExample, expectDocumented } from '../support/openApi.ts';
import { anOrderItem, findCancellations } from '../support/orderItems.ts';
import { expectNothingWritten } from '../support/nothingWritten.ts';
import { cancel, CANCEL, expectError, VALIDATION_FAILED } from '../support/restContract.ts';
import { readRestAnswer, type RestRequest, startTestService } from '../support/testService.ts';
import { startTokenIssuer } from '../support/tokenIssuer.ts';

const issuer = await startTokenIssuer();
const service = await startTestService(issuer.environment);
const { dataSource } = service;
const nowhere = `http://127.0.0.1:${await findFreePort()}`;
const orphaned = await startTestService({ ...issuer.environment, AUTH_ISSUER: nowhere });
const stranger = await generateKeyPair('ES256');

const now = Math.floor(Date.now() / 1_000);
const CHALLENGE = 'Bearer realm="order-items"';

/** Sends a cancel that only its `Authorization` header can make fail. Expects that nothing is written. */
async function cancelWith(authorization: string): ReturnType<typeof cancel> {
  const id = await anOrderItem(dataSource);
  return expectNothingWritten(dataSource, () => cancel(service, id, { token: null, headers: { authorization } }));
}

describe('200: a valid token', () => {
  test.each([
    ['with both scopes', {}, {}],
    ['with the cancel scope alone', { scope: 'order-items:cancel' }, {}],
    ['with the cancel scope among others', { scope: 'openid order-items:cancel profile' }, {}],
    ['with the scope in the claim scp', { scope: undefined, scp: ['openid', 'order-items:cancel'] }, {}],
    ['for several audiences', { aud: ['elsewhere', issuer.environment.AUTH_AUDIENCE] }, {}],
    ['of type JWT', {}, { typ: 'JWT' }],
    ['without a type', {}, { typ: undefined }],
    ['without a key id', {}, { kid: undefined }],
  ])('cancels for a token %s', async (_, claims, header) => {
    const id = await anOrderItem(dataSource);
    const answer = await cancel(service, id, { token: await issuer.token(claims, header) });
    expect(answer.status).toBe(200);
    expect(await findCancellations(dataSource, [id])).toMatchObject([{ cancelled_by: 'caller-1' }]);
  });

  test('accepts a token that expired within the tolerance of 5 s', async () => {
    const id = await anOrderItem(dataSource);
    const token = await issuer.token({ exp: Math.floor(Date.now() / 1_000) - 1 });
    expect((await cancel(service, id, { token })).status).toBe(200);
  });

  test('accepts the scheme Bearer in any case', async () => {
    const id = await anOrderItem(dataSource);
    const authorization = `bearer ${await issuer.token()}`;
    expect((await cancel(service, id, { token: null, headers: { authorization } })).status).toBe(200);
  });
});

describe('401: no valid token', () => {
  test('answers a request without a token with a challenge that names no error', async () => {
    const id = await anOrderItem(dataSource);
    const answer = await expectNothingWritten(dataSource, () => cancel(service, id, { token: null }));
    expectError(answer, 401, 'unauthorized', 'A bearer token is required.');
    expect(answer.headers.get('www-authenticate')).toBe(CHALLENGE);
  });

  const invalid: [string, string, () => string | Promise<string>][] = [
    ['another scheme', 'headerMalformed', () => 'Basic ZGV2ZWxvcGVyOnNlY3JldA=='],
    ['the scheme without a token', 'headerMalformed', () => 'Bearer'],
    ['two tokens', 'headerMalformed', async () => `Bearer ${await issuer.token()} ${await issuer.token()}`],
    ['a token that is a single word', 'tokenInvalid', () => 'Bearer nonsense'],
    ['a token of three dotted words', 'tokenInvalid', () => 'Bearer no.such.token'],
    ['a truncated token', 'tokenInvalid', async () => `Bearer ${(await issuer.token()).slice(0, -10)}`],
    [
      'a token with altered claims',
      'tokenInvalid',
      async () => `Bearer ${addScope(await issuer.token({ scope: '' }))}`,
    ],
    ['an expired token', 'tokenExpired', async () => `Bearer ${await issuer.token({ exp: now - 60 })}`],
    [
      'a token that is not yet valid',
      'claimMismatch',
      async () => `Bearer ${await issuer.token({ nbf: now + 3_600 })}`,
    ],
    ['a token without an expiry', 'claimMismatch', async () => `Bearer ${await issuer.token({ exp: undefined })}`],
    [
      'a token of another issuer',
      'claimMismatch',
      async () => `Bearer ${await issuer.token({ iss: 'https://elsewhere' })}`,
    ],
    ['a token without an issuer', 'claimMismatch', async () => `Bearer ${await issuer.token({ iss: undefined })}`],
    ['a token for another audience', 'claimMismatch', async () => `Bearer ${await issuer.token({ aud: 'elsewhere' })}`],
    ['a token without an audience', 'claimMismatch', async () => `Bearer ${await issuer.token({ aud: undefined })}`],
    ['a token without a subject', 'claimMismatch', async () => `Bearer ${await issuer.token({ sub: undefined })}`],
    ['a token with an empty subject', 'subjectMissing', async () => `Bearer ${await issuer.token({ sub: '' })}`],
    ['an ID token', 'notAccessToken', async () => `Bearer ${await issuer.token({}, { typ: 'id_token+jwt' })}`],
    [
      'a token signed by a stranger under the key id of the issuer',
      'tokenInvalid',
      async () => `Bearer ${await issuer.token({}, {}, stranger.privateKey)}`,
    ],
    [
      'a token signed by a stranger under an unknown key id',
      'keyUnknown',
      async () => `Bearer ${await issuer.token({}, { kid: 'other' }, stranger.privateKey)}`,
    ],
    [
      'a token signed with the public key as a shared secret',
      'tokenInvalid',
      async () => `Bearer ${await signWithPublicKey()}`,
    ],
    ['an unsigned token', 'tokenInvalid', () => `Bearer ${buildUnsignedToken()}`],
  ];
  test.each(invalid)('refuses %s and names the defect in the challenge', async (_, example, authorization) => {
    const answer = await cancelWith(await authorization());
    expectError(answer, 401, 'unauthorized');
    const { message } = answer.body as { message: string };
    expect(answer.headers.get('www-authenticate')).toBe(
      `${CHALLENGE}, error="invalid_token", error_description="${message}"`,
    );
    // The message may name a claim at its end. It never repeats the claim's value.
    const documented = documentedExample('POST', CANCEL, 401, example) as { message: string };
    expect(message.replace(/: (iss|aud|exp|nbf|sub)$/, '')).toBe(documented.message.replace(/: aud$/, ''));
  });

  test('ignores a token in the query or in the body', async () => {
    const id = await anOrderItem(dataSource);
    const token = await issuer.token();
    const answer = await expectNothingWritten(dataSource, () =>
      readRestAnswer(
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

describe('403: a token without the cancel scope', () => {
  test.each([
    ['the read scope only', { scope: 'order-items:read' }],
    ['no scope claim', { scope: undefined }],
    ['an empty scope', { scope: '' }],
    ['a longer scope', { scope: 'order-items:cancel-all' }],
    ['the scope in another case', { scope: 'Order-Items:Cancel' }],
    ['scopes separated by commas', { scope: 'order-items:read,order-items:cancel' }],
    ['another scope in the claim scp', { scope: undefined, scp: ['order-items:read'] }],
  ])('refuses a token with %s', async (_, claims) => {
    const answer = await cancelWith(`Bearer ${await issuer.token(claims)}`);
    expectError(answer, 403, 'forbidden', 'The token lacks the scope order-items:cancel.');
    expect(answer.headers.get('www-authenticate')).toBe(
      `${CHALLENGE}, error="insufficient_scope", scope="order-items:cancel"`,
    );
  });
});

describe('503: the issuer is unreachable and the key of the token is unknown', () => {
  const message = 'The token cannot be checked, because its issuer does not answer.';

  test('refuses a cancel, writes nothing and sends Retry-After', async () => {
    const id = await anOrderItem(orphaned.dataSource);
    const token = await issuer.token();
    const answer = await expectNothingWritten(orphaned.dataSource, () => cancel(orphaned, id, { token }));
    expectError(answer, 503, 'service_unavailable', message);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(documentedExample('POST', CANCEL, 503, 'issuerUnreachable')).toMatchObject({ message });
  });

  test('refuses a GraphQL query and sends Retry-After', async () => {
    const { status, headers, errors } = await orphaned.graphql('{ __typename }', {}, await issuer.token());
    expect(status).toBe(503);
    expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    const requestId = headers.get('x-request-id');
    expect(errors).toEqual([{ message, extensions: { code: 'SERVICE_UNAVAILABLE', requestId } }]);
  });

  test('refuses a request without a token with 401, for which it needs no issuer', async () => {
    expectError(await cancel(orphaned, 'nonsense', { token: null }), 401, 'unauthorized');
  });
});

describe('the order of checks', () => {
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
    ['the token before the path, the body and the key', malformed, none, { body: '{', headers: badKey }, 401, null],
    ['the token before the content type', malformed, none, { body: 'x', headers: text }, 401, null],
    ['the token before the size of the body', malformed, none, { body: TOO_LARGE }, 401, null],
    ['the token before the existence of the item', unknown, none, {}, 401, null],
    ['the token before the blockers', notCancelable, none, {}, 401, null],
    ['the scope before the path, the body and the key', malformed, readOnly, { body: '{', headers: badKey }, 403, null],
    ['the scope before the content type', malformed, readOnly, { body: 'x', headers: text }, 403, null],
    ['the scope before the size of the body', malformed, readOnly, { body: TOO_LARGE }, 403, null],
    ['the scope before the existence of the item', unknown, readOnly, {}, 403, null],
    ['the scope before the blockers', notCancelable, readOnly, {}, 403, null],
    [
      'the body before the existence of the item',
      unknown,
      issuer.token,
      { body: {} },
      400,
      `${VALIDATION_FAILED}'reason' is a required property.`,
    ],
    [
      'the content type before the existence of the item',
      unknown,
      issuer.token,
      { body: 'x', headers: text },
      415,
      null,
    ],
    ['the size of the body before the existence of the item', unknown, issuer.token, { body: TOO_LARGE }, 413, null],
    [
      'the key before the existence of the item',
      unknown,
      issuer.token,
      { headers: badKey },
      400,
      `${VALIDATION_FAILED}the idempotency key does not have 1 to 255 printable characters.`,
    ],
    [
      'the body before the blockers',
      notCancelable,
      issuer.token,
      { body: { reason: ' ' } },
      400,
      `${VALIDATION_FAILED}'reason' is empty.`,
    ],
    [
      'the existence of the item before the blockers',
      unknown,
      issuer.token,
      {},
      404,
      'Order item with provided UUID was not found.',
    ],
    [
      'the blocker "not pre-ordered" before the terminal status',
      notCancelable,
      issuer.token,
      {},
      400,
      "The Order item can't be canceled.",
    ],
  ];
  test.each(cases)('checks %s', async (_, id, token, request, status, message) => {
    const given = { ...request, token: await token() };
    const uuid = await id();
    const answer = await expectNothingWritten(dataSource, () => cancel(service, uuid, given));
    expect(answer.status).toBe(status);
    if (message !== null) expect(answer.body.message).toBe(message);
  });
});

/** Adds a scope to the claims of a signed token and keeps its signature. */
function addScope(token: string): string {
  const [header = '', payload = '', signature = ''] = token.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object;
  const changed = Buffer.from(JSON.stringify({ ...claims, scope: 'order-items:cancel' })).toString('base64url');
  return [header, changed, signature].join('.');
}

function validClaims(): Record<string, unknown> {
  const { AUTH_ISSUER: iss, AUTH_AUDIENCE: aud } = issuer.environment;
  return { iss, aud, sub: 'caller-1', exp: now + 3_600, scope: 'order-items:cancel' };
}

/** Signs a token for an algorithm confusion attack: HS256 with the public key as the shared secret. */
function signWithPublicKey(): Promise<string> {
  const secret = new TextEncoder().encode(JSON.stringify(issuer.publicKey));
  return new SignJWT(validClaims()).setProtectedHeader({ alg: 'HS256', kid: 'key-1', typ: 'at+jwt' }).sign(secret);
}

function buildUnsignedToken(): string {
  return new UnsecuredJWT(validClaims()).encode();
}

import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider, { type Adapter, type Configuration } from 'oidc-provider';
import { signed } from '../support/changingIssuer.ts';
import { cancelDocument } from '../support/hostileHttp.ts';
import { expectNothingWritten } from '../support/nothingWritten.ts';
import { anOrderItem, findCancellations } from '../support/orderItems.ts';
import { cancel, expectError } from '../support/restContract.ts';
import { startTestService } from '../support/testService.ts';

const AUDIENCE = 'https://order-items.example/';
const OTHER_AUDIENCE = 'https://elsewhere.example/';
const SCOPES = 'order-items:read order-items:cancel';
const SECRET = 'a secret that the client and the provider share';

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 });

/** Nothing that the provider issues here is ever shown to it again. */
class Forgetful implements Adapter {
  upsert = async (): Promise<void> => undefined;
  find = async (): Promise<undefined> => undefined;
  findByUserCode = async (): Promise<undefined> => undefined;
  findByUid = async (): Promise<undefined> => undefined;
  consume = async (): Promise<void> => undefined;
  destroy = async (): Promise<void> => undefined;
  revokeByGrantId = async (): Promise<void> => undefined;
}

/** As a team would set up its own: clients of their own, and one resource for each service. */
const configuration: Configuration = {
  adapter: Forgetful,
  clients: ['ES256', 'RS256'].map((alg) => ({
    client_id: `robot-${alg}`,
    client_secret: SECRET,
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
  })),
  jwks: {
    keys: [
      { ...privateKey.export({ format: 'jwk' }), kid: 'elliptic', alg: 'ES256', use: 'sig' },
      { ...rsa.privateKey.export({ format: 'jwk' }), kid: 'rsa', alg: 'RS256', use: 'sig' },
    ],
  },
  scopes: SCOPES.split(' '),
  ttl: { ClientCredentials: 600 },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_context, resource, client) => ({
        scope: SCOPES,
        audience: resource,
        accessTokenFormat: resource.endsWith('opaque') ? 'opaque' : 'jwt',
        jwt: { sign: { alg: client.clientId === 'robot-RS256' ? 'RS256' : 'ES256' } },
      }),
    },
  },
};

const server = createServer().listen(0, '127.0.0.1');
await once(server, 'listening');
const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const answer = new Provider(issuer, configuration).callback();
server.on('request', (request, response) => void answer(request, response));
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const service = await startTestService({ AUTH_ISSUER: issuer, AUTH_AUDIENCE: AUDIENCE });
const { dataSource } = service;

/** Asks the provider for a token as a client in production does: RFC 6749 section 4.4, RFC 8707. */
async function fetchToken({ scope = SCOPES, resource = AUDIENCE, client = 'robot-ES256' } = {}): Promise<string> {
  const response = await fetch(`${issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${client}:${encodeURIComponent(SECRET)}`)}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', scope, resource }),
  });
  const granted = (await response.json()) as { access_token?: string };
  expect(granted).toMatchObject({ access_token: expect.any(String), token_type: 'Bearer' });
  return granted.access_token ?? '';
}

const READ = 'query($id: ID!) { orderItem(id: $id) { id status } }';

function decodeParts(token: string): Record<string, unknown>[] {
  return token
    .split('.')
    .slice(0, 2)
    .map((text) => JSON.parse(Buffer.from(text, 'base64url').toString()) as Record<string, unknown>);
}

async function cancelByGraphQL(id: string, token: string): ReturnType<typeof service.graphql> {
  const { query, variables } = JSON.parse(cancelDocument({ id, reason: 'Late' })) as {
    query: string;
    variables: object;
  };
  return service.graphql(query, variables, token);
}

/** Neither door lets this token through, and nothing is written. */
async function expectRefused(token: string): Promise<void> {
  const id = await anOrderItem(dataSource);
  await expectNothingWritten(dataSource, async () => {
    expectError(await cancel(service, id, { token }), 401, 'unauthorized');
    expect(await cancelByGraphQL(id, token)).toMatchObject({
      status: 401,
      errors: [{ extensions: { code: 'UNAUTHENTICATED' } }],
    });
  });
}

describe.each([['ES256'], ['RS256']])('a token of the client-credentials grant, signed with %s', (alg) => {
  const client = `robot-${alg}`;

  test('is an RFC 9068 token for this service alone', async () => {
    const [header, claims] = decodeParts(await fetchToken({ client }));
    expect(header).toMatchObject({ alg, typ: 'at+jwt' });
    expect(claims).toMatchObject({ iss: issuer, aud: AUDIENCE, sub: client, client_id: client, scope: SCOPES });
  });

  test('reads, and cancels through both doors in the name of the client', async () => {
    const token = await fetchToken({ client });
    const [byGraphQL, byRest] = [await anOrderItem(dataSource), await anOrderItem(dataSource)];
    expect(await service.graphql(READ, { id: byGraphQL }, token)).toMatchObject({
      status: 200,
      data: { orderItem: { id: byGraphQL, status: 'PENDING' } },
      errors: [],
    });
    expect((await cancelByGraphQL(byGraphQL, token)).data).toEqual({
      cancelOrderItem: { __typename: 'CancelOrderItemSuccess' },
    });
    expect((await cancel(service, byRest, { token })).status).toBe(200);
    const cancellations = await findCancellations(dataSource, [byGraphQL, byRest]);
    expect(cancellations.map((row) => row['cancelled_by'])).toEqual([client, client]);
  });
});

describe('a token allows only its scopes', () => {
  test('with the scope to read, it cancels through neither door', async () => {
    const token = await fetchToken({ scope: 'order-items:read' });
    const id = await anOrderItem(dataSource);
    await expectNothingWritten(dataSource, async () => {
      expect((await service.graphql(READ, { id }, token)).data).toEqual({ orderItem: { id, status: 'PENDING' } });
      expectError(await cancel(service, id, { token }), 403, 'forbidden');
      expect((await cancelByGraphQL(id, token)).errors).toMatchObject([{ extensions: { code: 'FORBIDDEN' } }]);
    });
  });

  test('with the scope to cancel, it does not read, and cancels through both doors', async () => {
    const token = await fetchToken({ scope: 'order-items:cancel' });
    const [id, otherId] = [await anOrderItem(dataSource), await anOrderItem(dataSource)];
    const read = await service.graphql(READ, { id }, token);
    expect(read).toMatchObject({ data: { orderItem: null }, errors: [{ extensions: { code: 'FORBIDDEN' } }] });
    expect((await cancel(service, id, { token })).status).toBe(200);
    expect((await cancelByGraphQL(otherId, token)).errors).toEqual([]);
    expect(await findCancellations(dataSource, [id, otherId])).toHaveLength(2);
  });
});

describe('refused through both doors', () => {
  test('a token for another resource', async () => {
    const token = await fetchToken({ resource: OTHER_AUDIENCE });
    expect(decodeParts(token)[1]).toMatchObject({ iss: issuer, aud: OTHER_AUDIENCE });
    await expectRefused(token);
  });

  test('an opaque token', async () => {
    const token = await fetchToken({ resource: `${AUDIENCE}opaque` });
    expect(token).not.toContain('.');
    await expectRefused(token);
  });

  test.each([['id_token+jwt'], ['logout+jwt']])('a token of the provider that says it is %s', async (typ) => {
    const [header = {}, claims = {}] = decodeParts(await fetchToken());
    await expectRefused(signed({ ...header, typ }, claims, privateKey));
    // The very same, said to be an access token, is one: the kind alone made the difference.
    const id = await anOrderItem(dataSource);
    const token = signed({ ...header, typ: 'at+jwt' }, claims, privateKey);
    expect((await cancel(service, id, { token })).status).toBe(200);
  });

  test.each([['JWT'], [undefined]])('an ID token signed by the provider, of type %s', async (typ) => {
    const [header = {}, { scope: _scope, ...claims } = {}] = decodeParts(await fetchToken());
    const idToken = signed({ ...header, typ }, { ...claims, aud: 'robot-ES256', nonce: 'once' }, privateKey);
    await expectRefused(idToken);
  });
});

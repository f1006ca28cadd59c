import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTHeaderParameters, SignJWT } from 'jose';

/** An external issuer of tokens. The end of the test file stops it. */
export interface TokenIssuer {
  /** The configuration of a service that trusts it. */
  readonly environment: { readonly AUTH_ISSUER: string; readonly AUTH_AUDIENCE: string };
  readonly publicKey: JWK;
  /** Issues a valid token with the given changes. Undefined removes a claim. */
  readonly token: (claims?: GivenClaims, header?: GivenHeader, key?: CryptoKey) => Promise<string>;
}

type GivenClaims = Readonly<Record<string, unknown>>;

interface GivenHeader {
  readonly alg?: string;
  readonly kid?: string | undefined;
  readonly typ?: string | undefined;
}

const ALGORITHM = 'ES256';
const KEY_ID = 'key-1';
const AUDIENCE = 'order-items-test';

export async function startTokenIssuer(): Promise<TokenIssuer> {
  const { publicKey, privateKey } = await generateKeyPair(ALGORITHM);
  const publicJwk = { ...(await exportJWK(publicKey)), kid: KEY_ID, alg: ALGORITHM, use: 'sig' };
  const server = createServer((request, response) => {
    const documents: Record<string, unknown> = {
      '/.well-known/openid-configuration': { issuer, jwks_uri: `${issuer}/keys` },
      '/keys': { keys: [publicJwk] },
    };
    const found = documents[request.url ?? ''];
    response.writeHead(found === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(found ?? {}));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  return {
    environment: { AUTH_ISSUER: issuer, AUTH_AUDIENCE: AUDIENCE },
    publicKey: publicJwk,
    token: (claims = {}, header = {}, key = privateKey) => {
      const now = Math.floor(Date.now() / 1_000);
      const payload: GivenClaims = {
        iss: issuer,
        aud: AUDIENCE,
        sub: 'caller-1',
        iat: now,
        exp: now + 60,
        scope: 'order-items:read order-items:cancel',
        ...claims,
      };
      const protectedHeader = { alg: ALGORITHM, kid: KEY_ID, typ: 'at+jwt', ...header };
      // JSON drops undefined claims.
      return new SignJWT(payload).setProtectedHeader(protectedHeader as JWTHeaderParameters).sign(key);
    },
  };
}

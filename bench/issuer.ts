import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';

/** A token issuer like one of production: it signs with RS256 and publishes its key. */
export interface Issuer {
  /** The environment variables by which the service trusts the issuer. */
  readonly environment: { readonly AUTH_ISSUER: string; readonly AUTH_AUDIENCE: string };
  /** A token of one caller with both scopes, valid for a day. */
  readonly token: string;
  readonly stop: () => void;
}

const ALGORITHM = 'RS256';
const KEY_ID = 'key-1';
const AUDIENCE = 'order-items';

export async function startIssuer(): Promise<Issuer> {
  const { publicKey, privateKey } = await generateKeyPair(ALGORITHM);
  const key = { ...(await exportJWK(publicKey)), kid: KEY_ID, alg: ALGORITHM, use: 'sig' };
  const server = createServer((request, response) => {
    const isConfiguration = request.url === '/.well-known/openid-configuration';
    const document = isConfiguration ? { issuer, jwks_uri: `${issuer}/keys` } : { keys: [key] };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const token = await new SignJWT({ scope: 'order-items:read order-items:cancel', client_id: 'bench' })
    .setProtectedHeader({ alg: ALGORITHM, kid: KEY_ID, typ: 'at+jwt' })
    .setIssuer(issuer)
    .setAudience(AUDIENCE)
    .setSubject('bench')
    .setJti('bench')
    .setIssuedAt()
    .setExpirationTime('1 day')
    .sign(privateKey);
  return {
    environment: { AUTH_ISSUER: issuer, AUTH_AUDIENCE: AUDIENCE },
    token,
    stop: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

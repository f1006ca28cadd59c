import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export const AUDIENCE = 'order-items-test';

export type Behavior = (request: IncomingMessage, response: ServerResponse) => void;

type Json = Readonly<Record<string, unknown>>;

export interface Key {
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** The key in the form of a key set. */
  readonly jwk: Json;
}

export function newKey(kid: string): Key {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { kid, privateKey, publicKey, jwk: { ...publicKey.export({ format: 'jwk' }), kid, alg: 'ES256', use: 'sig' } };
}

/** An external issuer whose keys change and which can misbehave. */
export class ChangingIssuer {
  /** The number of requests to it. */
  requests = 0;
  readonly keys: Key[] = [newKey('key-1')];
  /** Its misbehavior, or null if it answers correctly. */
  misbehavior: Behavior | null = null;
  readonly #server: Server;
  #port = 0;

  private constructor() {
    this.#server = createServer((request, response) => {
      this.requests += 1;
      if (this.misbehavior === null) this.answer(request, response);
      else this.misbehavior(request, response);
    });
  }

  static async open(): Promise<ChangingIssuer> {
    const issuer = new ChangingIssuer();
    await issuer.comeBack();
    return issuer;
  }

  /** Opens an issuer that the end of the test file stops. */
  static async start(): Promise<ChangingIssuer> {
    const issuer = await ChangingIssuer.open();
    afterAll(() => issuer.goAway());
    return issuer;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** The configuration of a service that trusts it. */
  get environment(): { AUTH_ISSUER: string; AUTH_AUDIENCE: string } {
    return { AUTH_ISSUER: this.url, AUTH_AUDIENCE: AUDIENCE };
  }

  answer(request: IncomingMessage, response: ServerResponse): void {
    const body = isForKeys(request)
      ? { keys: this.keys.map(({ jwk }) => jwk) }
      : { issuer: this.url, jwks_uri: `${this.url}/keys` };
    response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
  }

  async goAway(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async comeBack(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Builds the claims of a valid token with the given changes. Undefined removes a claim. */
  claims(given: Json = {}): Json {
    const now = Math.floor(Date.now() / 1_000);
    return {
      iss: this.url,
      aud: AUDIENCE,
      sub: 'caller-1',
      iat: now,
      exp: now + 3_600,
      scope: 'order-items:read order-items:cancel',
      ...given,
    };
  }

  /** Signs a token with the newest key, or with the given one. */
  token(claims: Json = {}, header: Json = {}, key = this.keys.at(-1) ?? newKey('none')): string {
    return signed({ alg: 'ES256', kid: key.kid, typ: 'at+jwt', ...header }, this.claims(claims), key.privateKey);
  }
}

export function isForKeys(request: IncomingMessage): boolean {
  return request.url === '/keys';
}

/** Encodes a JSON value, or a raw text, as a part of a token. */
export function part(value: Json | string): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
}

/** Signs with ES256, whatever the header says. */
export function signed(header: Json | string, claims: Json | string, key: KeyObject): string {
  const content = `${part(header)}.${part(claims)}`;
  const signature = sign('sha256', Buffer.from(content), { key, dsaEncoding: 'ieee-p1363' });
  return `${content}.${signature.toString('base64url')}`;
}

/** Signs with HS256 and a public text as the secret (algorithm confusion). */
export function signedWithText(header: Json, claims: Json, secret: string): string {
  const content = `${part(header)}.${part(claims)}`;
  return `${content}.${createHmac('sha256', secret).update(content).digest('base64url')}`;
}

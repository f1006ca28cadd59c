import {
  createLocalJWKSet,
  createRemoteJWKSet,
  type CryptoKey,
  customFetch,
  errors,
  type JSONWebKeySet,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  type JWTVerifyResult,
  jwtVerify,
} from 'jose';
import { LRUCache } from 'lru-cache';
import { type Caller, IssuerUnavailable, Unauthenticated } from './caller.ts';
import type { DevelopmentIssuer } from './developmentIssuer.ts';

/** The issuer of the tokens that the service accepts. */
export interface AuthConfig {
  readonly issuer: string;
  readonly audience: string;
  /** Null: the issuer's OpenID configuration names it. */
  readonly jwksUrl: string | null;
}

/** What is told of the tokens that come. */
interface TokenObserver {
  /** Is told of each whether it was remembered; where not, its signature is checked. */
  readonly observeToken: (isRemembered: boolean) => void;
  /** @param count says how many are remembered. */
  readonly watchTokens: (count: () => number) => void;
}

/** Turns the `Authorization` header of a request into its caller. */
export type TokenVerifier = (authorization: string | undefined) => Promise<Caller>;

/** Asymmetric only: with a symmetric one, whoever can check a token can make one. RFC 9068 section 2.1 rules out `none`. */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];

/** RFC 9068 wants `at+jwt`; many issuers still say `JWT` or nothing. Other kinds of token are no access tokens. */
const TYPES: readonly (string | undefined)[] = [undefined, 'at+jwt', 'application/at+jwt', 'jwt'];

/** OpenID Connect Core, section 2: a subject has at most 255 ASCII characters. */
const MAX_SUBJECT_LENGTH = 255;

const CLOCK_TOLERANCE_S = 5;

/** Real ones have 1,000 to 2,000 characters, and each costs time and memory before it is known to be good. */
const MAX_TOKEN_LENGTH = 8_192;

/** Of all tokens that are remembered together, in characters: some 10,000 of them. */
const MAX_REMEMBERED_LENGTH = 10_000_000;

/** So that a key that the issuer withdraws does not count for as long as its tokens would; jose keeps keys as long. */
const REMEMBERED_MS = 10 * 60_000;
const ISSUER_TIMEOUT_MS = 2_000;

/** An issuer that did not answer is left alone for this long, so that requests do not each wait for it. */
const ISSUER_PAUSE_MS = 30_000;

/** The same before any key is known, when nobody can be served until it answers. */
const FIRST_ISSUER_PAUSE_MS = 1_000;

/** RFC 6750 section 2.1, without padding: a JWT has none, and would be another text with each number of signs. */
const BEARER = /^Bearer +([\w.~+/-]+)$/i;

/** Verifies the tokens of an issuer elsewhere; its keys are fetched when first needed and follow its rotation. */
export function createTokenVerifier(auth: AuthConfig, observer?: TokenObserver): TokenVerifier {
  return verifierFor(auth.issuer, auth.audience, remoteKeys(auth), observer);
}

/** Verifies the tokens of the service's own issuer. */
export function createDevelopmentTokenVerifier(issuer: DevelopmentIssuer, observer?: TokenObserver): TokenVerifier {
  return verifierFor(issuer.issuer, issuer.audience, createLocalJWKSet(issuer.publicKeys), observer);
}

/** A token that was found to be good. */
interface Verified {
  readonly caller: Caller;
  /** The token's `exp`, in seconds since 1970. */
  readonly expiresAtS: number;
}

function verifierFor(issuer: string, audience: string, keys: JWTVerifyGetKey, observer?: TokenObserver): TokenVerifier {
  const remembered = new LRUCache<string, Verified>({
    maxSize: MAX_REMEMBERED_LENGTH,
    sizeCalculation: (_verified, token) => token.length,
    ttl: REMEMBERED_MS,
  });
  observer?.watchTokens(() => remembered.size);
  return async (authorization) => {
    if (authorization === undefined) throw new Unauthenticated(null);
    const token = BEARER.exec(authorization)?.[1];
    if (token === undefined) throw new Unauthenticated('The Authorization header does not hold a bearer token');
    if (token.length > MAX_TOKEN_LENGTH) throw new Unauthenticated('The token is too long');
    const known = remembered.get(token);
    observer?.observeToken(known !== undefined);
    if (known !== undefined) {
      if (isExpired(known)) throw new Unauthenticated(EXPIRED);
      return known.caller;
    }
    const payload = await verify(token, issuer, audience, keys);
    const caller = { subject: subjectOf(payload), scopes: scopesOf(payload) };
    remembered.set(token, { caller, expiresAtS: payload.exp ?? 0 });
    return caller;
  };
}

const EXPIRED = 'The token has expired';

/** To the second, as jose has it. */
function isExpired({ expiresAtS }: Verified): boolean {
  return expiresAtS <= Math.floor(Date.now() / 1_000) - CLOCK_TOLERANCE_S;
}

async function verify(token: string, issuer: string, audience: string, keys: JWTVerifyGetKey): Promise<JWTPayload> {
  try {
    const { payload, protectedHeader } = await verifyWithAnyKey(token, keys, {
      issuer,
      audience,
      algorithms: ALGORITHMS,
      clockTolerance: CLOCK_TOLERANCE_S,
      requiredClaims: ['exp', 'sub'],
    });
    if (!TYPES.includes(protectedHeader.typ?.toLowerCase())) {
      throw new Unauthenticated('The token is not an access token');
    }
    return payload;
  } catch (error) {
    if (error instanceof Unauthenticated || error instanceof IssuerUnavailable) throw error;
    throw new Unauthenticated(defectOf(error), { cause: error });
  }
}

/** A token that names no key is tried with each that fits: while an issuer changes keys, there are two. */
async function verifyWithAnyKey(
  token: string,
  keys: JWTVerifyGetKey,
  options: JWTVerifyOptions,
): Promise<JWTVerifyResult> {
  try {
    return await jwtVerify(token, keys, options);
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    for await (const key of error) {
      try {
        return await jwtVerify(token, key, options);
      } catch (failed) {
        if (!(failed instanceof errors.JWSSignatureVerificationFailed)) throw failed;
      }
    }
    throw new errors.JWSSignatureVerificationFailed();
  }
}

/** Says what is wrong without repeating anything from the token, which goes into a header. */
function defectOf(error: unknown): string {
  if (error instanceof errors.JWTExpired) return EXPIRED;
  if (error instanceof errors.JWTClaimValidationFailed)
    return `The token has a claim that does not fit: ${error.claim}`;
  if (error instanceof errors.JWKSNoMatchingKey)
    return 'The token is signed with a key that its issuer does not publish';
  return 'The token is not valid';
}

/** Keys that are fetched when first needed, follow the issuer's rotation, and outlast its absence. */
function remoteKeys(auth: AuthConfig): JWTVerifyGetKey {
  let published: Promise<ReturnType<typeof createRemoteJWKSet>> | null = null;
  let known: JSONWebKeySet | undefined;
  let askAgainAt = 0;
  return async (header, token) => {
    if (performance.now() < askAgainAt) return keyKnownBefore(known, header, token);
    try {
      published ??= openKeys(auth);
      const keys = await published;
      try {
        return await keys(header, token);
      } finally {
        // One that publishes none for a moment has not withdrawn those that it had.
        if (!hasNoKeys(keys.jwks())) known = keys.jwks();
      }
    } catch (error) {
      if (isAboutToken(error) && !hasNoKeys(known)) throw error;
      // It is asked again from the start: it may have moved its keys.
      published = null;
      askAgainAt = performance.now() + (hasNoKeys(known) ? FIRST_ISSUER_PAUSE_MS : ISSUER_PAUSE_MS);
      return keyKnownBefore(known, header, token, error);
    }
  };
}

async function openKeys(auth: AuthConfig): Promise<ReturnType<typeof createRemoteJWKSet>> {
  const jwksUrl = auth.jwksUrl === null ? await discoverJwksUrl(auth.issuer) : new URL(auth.jwksUrl);
  return createRemoteJWKSet(jwksUrl, { timeoutDuration: ISSUER_TIMEOUT_MS, [customFetch]: fetchFromIssuer });
}

/** The issuer does not answer: a key that it published before is still good. */
async function keyKnownBefore(
  known: JSONWebKeySet | undefined,
  ...[header, token, cause]: [...Parameters<JWTVerifyGetKey>, cause?: unknown]
): Promise<CryptoKey> {
  try {
    if (known !== undefined) return await createLocalJWKSet(known)(header, token);
  } catch (error) {
    if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
  }
  throw new IssuerUnavailable({ cause });
}

/** An issuer that publishes no key has not started yet, or is broken: no token can be held against that. */
function hasNoKeys(known: JSONWebKeySet | undefined): boolean {
  return known === undefined || known.keys.length === 0;
}

function isAboutToken(error: unknown): boolean {
  return (
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys ||
    error instanceof errors.JOSENotSupported
  );
}

/** @see https://openid.net/specs/openid-connect-discovery-1_0.html section 4 */
async function discoverJwksUrl(issuer: string): Promise<URL> {
  try {
    const response = await fetchFromIssuer(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, {
      signal: AbortSignal.timeout(ISSUER_TIMEOUT_MS),
    });
    if (!response.ok) throw new Error(`The issuer answers ${response.status}.`);
    const configuration: unknown = await response.json();
    const jwksUrl =
      typeof configuration === 'object' && configuration !== null && 'jwks_uri' in configuration
        ? configuration.jwks_uri
        : null;
    const url = typeof jwksUrl === 'string' ? URL.parse(jwksUrl) : null;
    if (url === null || !/^https?:$/.test(url.protocol)) throw new Error('The OpenID configuration names no jwks_uri.');
    return url;
  } catch (error) {
    throw new IssuerUnavailable({ cause: error });
  }
}

function fetchFromIssuer(url: string, init: RequestInit): Promise<Response> {
  return fetch(url, { ...init, redirect: 'error' });
}

/** Bounded and storable, because it goes into the record of a cancellation and into an index. */
function subjectOf({ sub }: JWTPayload): string {
  // A token is what its issuer made of it: the type says what it should be.
  if (typeof sub !== 'string' || sub === '' || !sub.isWellFormed() || sub.includes('\0')) {
    throw new Unauthenticated('The token names no subject');
  }
  if (sub.length > MAX_SUBJECT_LENGTH) throw new Unauthenticated('The token names a subject that is too long');
  return sub;
}

/** `scope` is space-separated (RFC 9068 section 2.2.3); some issuers write `scp`, an array, instead. */
function scopesOf(payload: JWTPayload): ReadonlySet<string> {
  const scope = payload['scope'];
  const scp = payload['scp'];
  return new Set([
    ...(typeof scope === 'string' ? scope.split(' ') : []),
    ...(Array.isArray(scp) ? scp.filter((value) => typeof value === 'string') : []),
  ]);
}

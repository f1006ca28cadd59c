import {
  createLocalJWKSet,
  createRemoteJWKSet,
  customFetch,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from 'jose';
import type { AuthConfig } from '../config.ts';
import { type Caller, IssuerUnavailable, Unauthenticated } from './caller.ts';
import type { DevelopmentIssuer } from './developmentIssuer.ts';

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

const CLOCK_TOLERANCE_S = 5;
const ISSUER_TIMEOUT_MS = 2_000;

/** RFC 6750 section 2.1. */
const BEARER = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i;

/** Verifies the tokens of an issuer elsewhere; its keys are fetched when first needed and follow its rotation. */
export function createTokenVerifier(auth: AuthConfig): TokenVerifier {
  return verifierFor(auth.issuer, auth.audience, remoteKeys(auth));
}

/** Verifies the tokens of the service's own issuer. */
export function createDevelopmentTokenVerifier(issuer: DevelopmentIssuer): TokenVerifier {
  return verifierFor(issuer.issuer, issuer.audience, createLocalJWKSet(issuer.publicKeys));
}

function verifierFor(issuer: string, audience: string, keys: JWTVerifyGetKey): TokenVerifier {
  return async (authorization) => {
    if (authorization === undefined) throw new Unauthenticated(null);
    const token = BEARER.exec(authorization)?.[1];
    if (token === undefined) throw new Unauthenticated('The Authorization header does not hold a bearer token');
    const payload = await verify(token, issuer, audience, keys);
    const subject = payload.sub;
    if (subject === undefined || subject === '' || !subject.isWellFormed() || subject.includes('\0')) {
      throw new Unauthenticated('The token names no subject');
    }
    return { subject, scopes: scopesOf(payload) };
  };
}

async function verify(token: string, issuer: string, audience: string, keys: JWTVerifyGetKey): Promise<JWTPayload> {
  try {
    const { payload, protectedHeader } = await jwtVerify(token, keys, {
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

/** Says what is wrong without repeating anything from the token, which goes into a header. */
function defectOf(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'The token has expired';
  if (error instanceof errors.JWTClaimValidationFailed)
    return `The token has a claim that does not fit: ${error.claim}`;
  if (error instanceof errors.JWKSNoMatchingKey)
    return 'The token is signed with a key that its issuer does not publish';
  return 'The token is not valid';
}

function remoteKeys({ issuer, jwksUrl }: AuthConfig): JWTVerifyGetKey {
  let keySet: Promise<JWTVerifyGetKey> | null = null;
  const open = async (): Promise<JWTVerifyGetKey> =>
    createRemoteJWKSet(new URL(jwksUrl ?? (await discoverJwksUrl(issuer))), {
      timeoutDuration: ISSUER_TIMEOUT_MS,
      [customFetch]: fetchFromIssuer,
    });
  return async (header, token) => {
    keySet ??= open();
    let keys: JWTVerifyGetKey;
    try {
      keys = await keySet;
    } catch (error) {
      keySet = null;
      throw error;
    }
    try {
      return await keys(header, token);
    } catch (error) {
      const isAboutToken =
        error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys;
      throw isAboutToken || error instanceof errors.JOSENotSupported ? error : new IssuerUnavailable({ cause: error });
    }
  };
}

/** @see https://openid.net/specs/openid-connect-discovery-1_0.html section 4 */
async function discoverJwksUrl(issuer: string): Promise<string> {
  try {
    const response = await fetchFromIssuer(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, {
      signal: AbortSignal.timeout(ISSUER_TIMEOUT_MS),
    });
    const configuration: unknown = await response.json();
    const jwksUrl =
      typeof configuration === 'object' && configuration !== null && 'jwks_uri' in configuration
        ? configuration.jwks_uri
        : null;
    if (!response.ok || typeof jwksUrl !== 'string') throw new Error('The OpenID configuration names no jwks_uri.');
    return jwksUrl;
  } catch (error) {
    throw new IssuerUnavailable({ cause: error });
  }
}

function fetchFromIssuer(url: string, init: RequestInit): Promise<Response> {
  return fetch(url, { ...init, redirect: 'error' });
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

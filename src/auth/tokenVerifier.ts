import {
  createLocalJWKSet,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  type JWTVerifyResult,
  jwtVerify,
} from 'jose';
import { LRUCache } from 'lru-cache';
import { type Clock, systemClock } from '../work/clock.ts';
import { type Caller, IssuerUnavailable } from './caller.ts';
import { type AuthConfig, followKeys } from './issuerKeys.ts';
import type { DevelopmentIssuer } from './developmentIssuer.ts';

/** Receives what the metrics show of tokens. */
interface TokenObserver {
  /** Called for each token, with whether the cache had it. If not, its signature is checked. */
  readonly observeToken: (isRemembered: boolean) => void;
  /** @param count returns the number of cached tokens. */
  readonly watchTokens: (count: () => number) => void;
}

/** A valid token and its sender. */
interface Valid {
  readonly state: 'valid';
  readonly caller: Caller;
  /** The token's `exp`, in seconds since 1970. */
  readonly expiresAtS: number;
}

/** The token is missing, malformed, expired, or from another issuer. */
interface Refused {
  readonly state: 'refused';
  /** Tells the sender what is wrong with the token. Null if there is none. */
  readonly defect: string | null;
}

export type Verification = Valid | Refused;

/** Where a token names the customer whose items the `:own` scopes allow. */
export interface CustomerClaim {
  /** Null if no item has a customer. */
  readonly customerClaim: string | null;
}

/**
 * Turns the `Authorization` header of a request into its caller.
 *
 * @throws IssuerUnavailable
 */
export type TokenVerifier = (authorization: string | undefined) => Promise<Verification>;

/**
 * Asymmetric algorithms only. With a symmetric one, anyone who can check a token can forge one. RFC 9068 section 2.1 rules
 * out `none`.
 */
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

/** RFC 9068 requires `at+jwt`, but many issuers send `JWT` or nothing. Tokens of other types are not access tokens. */
const TYPES: readonly (string | undefined)[] = [undefined, 'at+jwt', 'application/at+jwt', 'jwt'];

/** OpenID Connect Core, section 2, limits a subject to 255 ASCII characters. */
const MAX_SUBJECT_LENGTH = 255;

const CLOCK_TOLERANCE_S = 5;

/** Real tokens have 1,000 to 2,000 characters. The bound limits the work for a token that is not verified yet. */
const MAX_TOKEN_LENGTH = 8_192;

/** The total length of all cached tokens, in characters: about 10,000 tokens. */
const MAX_CACHED_LENGTH = 10_000_000;

/** Bounds how long a token outlives a key that the issuer withdraws. jose caches keys for the same time. */
const CACHED_MS = 10 * 60_000;

/** RFC 6750 section 2.1, without padding. A JWT has none, and padded variants of a token would multiply cache entries. */
const BEARER = /^Bearer +([\w.~+/-]+)$/i;

/**
 * Creates a verifier for an external issuer. It fetches the keys on first use and follows their rotation.
 *
 * @param warn receives a sentence if the issuer is unreachable at the start or has another name than configured.
 */
export function createTokenVerifier(
  auth: AuthConfig & CustomerClaim,
  warn: (sentence: string) => void,
  observer?: TokenObserver,
  clock: Clock = systemClock,
): TokenVerifier {
  return createVerifier(auth, followKeys(auth, warn, clock), observer, clock);
}

/** Creates a verifier for the tokens of the development issuer. */
export function createDevelopmentTokenVerifier(
  issuer: Pick<DevelopmentIssuer, 'issuer' | 'audience' | 'publicKeys'> & CustomerClaim,
  observer?: TokenObserver,
  clock: Clock = systemClock,
): TokenVerifier {
  return createVerifier(issuer, createLocalJWKSet(issuer.publicKeys), observer, clock);
}

function createVerifier(
  { issuer, audience, customerClaim }: Pick<AuthConfig, 'issuer' | 'audience'> & CustomerClaim,
  keys: JWTVerifyGetKey,
  observer: TokenObserver | undefined,
  clock: Clock,
): TokenVerifier {
  const cache = new LRUCache<string, Valid>({
    maxSize: MAX_CACHED_LENGTH,
    sizeCalculation: (_cached, token) => token.length,
    ttl: CACHED_MS,
  });
  observer?.watchTokens(() => cache.size);
  return async (authorization) => {
    if (authorization === undefined) return refuse(null);
    const token = BEARER.exec(authorization)?.[1];
    if (token === undefined) return refuse('The Authorization header does not hold a bearer token');
    if (token.length > MAX_TOKEN_LENGTH) return refuse('The token is too long');
    const known = cache.get(token);
    observer?.observeToken(known !== undefined);
    if (known !== undefined) return isExpired(known, clock.epochMs()) ? refuse(EXPIRED) : known;
    const currentDate = new Date(clock.epochMs());
    const verified = await verify(token, keys, { issuer, audience, currentDate }, customerClaim);
    if (verified.state === 'valid') cache.set(token, verified);
    return verified;
  };
}

function refuse(defect: string | null): Refused {
  return { state: 'refused', defect };
}

const EXPIRED = 'The token has expired';

/** Compares whole seconds, as jose does. */
function isExpired({ expiresAtS }: Valid, epochMs: number): boolean {
  return expiresAtS <= Math.floor(epochMs / 1_000) - CLOCK_TOLERANCE_S;
}

async function verify(
  token: string,
  keys: JWTVerifyGetKey,
  expected: Pick<JWTVerifyOptions, 'issuer' | 'audience' | 'currentDate'>,
  customerClaim: string | null,
): Promise<Verification> {
  try {
    const { payload, protectedHeader } = await verifyWithAnyKey(token, keys, {
      ...expected,
      algorithms: ALGORITHMS,
      clockTolerance: CLOCK_TOLERANCE_S,
      requiredClaims: ['exp', 'sub'],
    });
    if (!TYPES.includes(protectedHeader.typ?.toLowerCase())) return refuse('The token is not an access token');
    const { sub: subject = '', exp: expiresAtS = 0 } = payload;
    const defect = findSubjectDefect(subject);
    if (defect !== null) return refuse(defect);
    const customer = customerClaim === null ? null : readCustomer(payload, customerClaim);
    return { state: 'valid', caller: { subject, scopes: readScopes(payload), customer }, expiresAtS };
  } catch (error) {
    if (error instanceof IssuerUnavailable) throw error;
    return refuse(describeDefect(error));
  }
}

/** Tries each fitting key on a token that names none. While an issuer rotates keys, there are two. */
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

/** Describes a defect without text from the token, because the description goes into a header (header injection). */
function describeDefect(error: unknown): string {
  if (error instanceof errors.JWTExpired) return EXPIRED;
  if (error instanceof errors.JWTClaimValidationFailed)
    return `The token has a claim that does not fit: ${error.claim}`;
  if (error instanceof errors.JWKSNoMatchingKey)
    return 'The token is signed with a key that its issuer does not publish';
  return 'The token is not valid';
}

/**
 * Finds the defect of a subject, which must be bounded and storable, because it goes into the record of a cancellation and into
 * an index.
 *
 * @param subject of any type, because the issuer controls the payload.
 */
function findSubjectDefect(subject: unknown): string | null {
  if (!isStorable(subject)) return 'The token names no subject';
  return Array.from(subject).length > MAX_SUBJECT_LENGTH ? 'The token names a subject that is too long' : null;
}

function isStorable(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.isWellFormed() && !value.includes('\0');
}

/** @returns null for a value that no item can have as its customer. */
function readCustomer(payload: JWTPayload, claim: string): string | null {
  const value = Object.hasOwn(payload, claim) ? payload[claim] : undefined;
  return isStorable(value) && Array.from(value).length <= MAX_SUBJECT_LENGTH ? value : null;
}

/**
 * Reads the scopes of `scope` (RFC 9068, section 2.2.3) and of `scp`, each a space-separated string or an array. Entra ID sends
 * `scp` as a string, Okta as an array.
 */
function readScopes({ scope, scp }: JWTPayload): ReadonlySet<string> {
  const values = [scope, scp].flat().filter((value) => typeof value === 'string');
  return new Set(values.flatMap((value) => value.split(' ')));
}

import {
  createLocalJWKSet,
  createRemoteJWKSet,
  type CryptoKey,
  customFetch,
  errors,
  type JSONWebKeySet,
  type JWTVerifyGetKey,
} from 'jose';
import type { Clock } from '../work/clock.ts';
import { IssuerUnavailable } from './caller.ts';

/** The issuer of the tokens that the service accepts. */
export interface AuthConfig {
  readonly issuer: string;
  readonly audience: string;
  /** The URL of the issuer's keys. Null to read it from the issuer's OpenID configuration. */
  readonly jwksUrl: string | null;
}

const ISSUER_TIMEOUT_MS = 2_000;

/** How long a silent issuer is not asked again (circuit breaker), so that not every request waits for it. */
const ISSUER_PAUSE_MS = 30_000;

/** The same pause before the first key is known, when no request can be served. */
const FIRST_ISSUER_PAUSE_MS = 1_000;

/** Finds the public keys of an issuer. */
type IssuerKeys = ReturnType<typeof createRemoteJWKSet>;

/**
 * Finds an issuer's keys at once and fetches them on first use. Follows their rotation, and keeps known keys while the issuer
 * is unreachable.
 *
 * @param warn receives a sentence if the service can accept no token of the issuer at the start.
 */
export function followKeys(auth: AuthConfig, warn: (sentence: string) => void, clock: Clock): JWTVerifyGetKey {
  const first = openKeys(auth, warn);
  let published: Promise<IssuerKeys> | null = first;
  first.catch((error: unknown) => {
    warn(describeAbsence(auth, error));
    if (published === first) published = null;
  });
  let known: JSONWebKeySet | undefined;
  let askAgainAt = 0;
  return async (header, token) => {
    if (clock.now() < askAgainAt) return findKnownKey(known, header, token);
    try {
      published ??= openKeys(auth);
      const keys = await published;
      try {
        return await keys(header, token);
      } finally {
        // An issuer that publishes no key for a moment has not withdrawn its keys.
        if (!hasNoKeys(keys.jwks())) known = keys.jwks();
      }
    } catch (error) {
      if (isAboutToken(error) && !hasNoKeys(known)) throw error;
      // The next question starts with discovery again, because the issuer can have moved its keys.
      published = null;
      askAgainAt = clock.now() + (hasNoKeys(known) ? FIRST_ISSUER_PAUSE_MS : ISSUER_PAUSE_MS);
      return findKnownKey(known, header, token, error);
    }
  };
}

async function openKeys(auth: AuthConfig, warn: (sentence: string) => void = () => undefined): Promise<IssuerKeys> {
  const jwksUrl = auth.jwksUrl === null ? await discoverJwksUrl(auth.issuer, warn) : new URL(auth.jwksUrl);
  return createRemoteJWKSet(jwksUrl, { timeoutDuration: ISSUER_TIMEOUT_MS, [customFetch]: fetchFromIssuer });
}

/** Finds a key that the issuer published before it became unreachable. */
async function findKnownKey(
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

/** An issuer that publishes no key is starting or broken. Tokens cannot be judged by that. */
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

function describeAbsence({ issuer }: AuthConfig, error: unknown): string {
  const reasons: string[] = [];
  for (let cause = error; Error.isError(cause); cause = cause.cause) reasons.push(cause.message);
  return `The issuer cannot be reached at ${configurationUrl(issuer)}: ${reasons.join(' ')} Correct AUTH_ISSUER if the issuer is up.`;
}

/** @see https://openid.net/specs/openid-connect-discovery-1_0.html section 4 */
function configurationUrl(issuer: string): string {
  return `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
}

async function discoverJwksUrl(issuer: string, warn: (sentence: string) => void): Promise<URL> {
  try {
    const response = await fetchFromIssuer(configurationUrl(issuer), {
      signal: AbortSignal.timeout(ISSUER_TIMEOUT_MS),
    });
    if (!response.ok) throw new Error(`The issuer answers ${response.status}.`);
    const configuration: unknown = await response.json();
    const readMember = (name: string): unknown =>
      typeof configuration === 'object' && configuration !== null
        ? (configuration as Record<string, unknown>)[name]
        : undefined;
    const name = readMember('issuer');
    if (name !== issuer) {
      warn(`The issuer names itself ${JSON.stringify(name)}, so its tokens will be refused. Set AUTH_ISSUER to that.`);
    }
    const jwksUrl = readMember('jwks_uri');
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

import { existsSync } from 'node:fs';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { exportJWK, generateKeyPair, importJWK, type JSONWebKeySet, type JWK, SignJWT } from 'jose';
import { type Clock, systemClock } from '../work/clock.ts';
import { SCOPES } from './caller.ts';

/** An issuer of tokens inside the service, for development on one machine. */
export interface DevelopmentIssuer {
  readonly issuer: string;
  readonly audience: string;
  readonly publicKeys: JSONWebKeySet;
  readonly issueToken: (claims?: TokenClaims) => Promise<string>;
}

export interface TokenClaims {
  /** Default `developer`. */
  readonly subject?: string;
  /** Scopes, separated by spaces. The default is every scope. */
  readonly scope?: string;
  /** The default is 8 hours, a working day. */
  readonly expiresInSeconds?: number;
}

const ISSUER = 'urn:order-items:development';
const AUDIENCE = 'order-items';
const ALGORITHM = 'ES256';
const WORKING_DAY_S = 8 * 60 * 60;

/** Opens the issuer whose private key is in the data directory. Creates the key if it is missing. */
export async function openDevelopmentIssuer(dataDir: string, clock: Clock = systemClock): Promise<DevelopmentIssuer> {
  const privateJwk = await readOrCreateKey(dataDir);
  const { d: _private, ...publicJwk } = privateJwk;
  const key = await importJWK(privateJwk, ALGORITHM);
  return {
    issuer: ISSUER,
    audience: AUDIENCE,
    publicKeys: { keys: [publicJwk] },
    issueToken: ({ subject = 'developer', scope = SCOPES.join(' '), expiresInSeconds = WORKING_DAY_S } = {}) =>
      new SignJWT({ scope })
        .setProtectedHeader({ alg: ALGORITHM, typ: 'at+jwt' })
        .setIssuer(ISSUER)
        .setAudience(AUDIENCE)
        .setSubject(subject)
        .setIssuedAt(toSeconds(clock.epochMs()))
        .setExpirationTime(toSeconds(clock.epochMs()) + expiresInSeconds)
        .sign(key),
  };
}

function toSeconds(epochMs: number): number {
  return Math.floor(epochMs / 1_000);
}

async function readOrCreateKey(dataDir: string): Promise<JWK> {
  const file = path.join(dataDir, 'development-issuer.jwk.json');
  if (existsSync(file)) return JSON.parse(await readFile(file, 'utf8')) as JWK;
  const { privateKey } = await generateKeyPair(ALGORITHM, { extractable: true });
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  // A link never replaces an existing file, so a service and a command that start together agree on one key.
  const draft = `${file}.${process.pid}`;
  await writeFile(draft, JSON.stringify(await exportJWK(privateKey)), { mode: 0o600 });
  await link(draft, file).catch((error: unknown) => {
    if (!existsSync(file)) throw error;
  });
  await rm(draft);
  return JSON.parse(await readFile(file, 'utf8')) as JWK;
}

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openDevelopmentIssuer } from '../../src/auth/developmentIssuer.ts';
import { createDevelopmentTokenVerifier } from '../../src/auth/tokenVerifier.ts';
import { createManualClock } from '../support/manualClock.ts';

const dataDir = await mkdtemp(path.join(tmpdir(), 'order-items-verifier-'));
afterAll(() => rm(dataDir, { recursive: true }));

const HOUR_MS = 3_600_000;
const clock = createManualClock(Date.UTC(2026, 0, 1));
const issuer = await openDevelopmentIssuer(dataDir, clock);
const verify = createDevelopmentTokenVerifier({ ...issuer, customerClaim: 'sub' }, undefined, clock);

describe('a token is', () => {
  test('valid, and the second time the cache has it', async () => {
    const authorization = `Bearer ${await issuer.issueToken({ subject: 'ann', scope: 'order-items:read' })}`;
    const first = await verify(authorization);
    expect(first).toMatchObject({ state: 'valid', caller: { subject: 'ann', scopes: new Set(['order-items:read']) } });
    expect(await verify(authorization)).toBe(first);
  });

  test.each([
    ['missing', undefined, null],
    ['of another scheme', 'Basic YTpi', 'The Authorization header does not hold a bearer token'],
    ['too long', `Bearer ${'x'.repeat(8_193)}`, 'The token is too long'],
    ['no JWT', 'Bearer x', 'The token is not valid'],
  ])('refused if it is %s', async (_, authorization, defect) => {
    expect(await verify(authorization)).toEqual({ state: 'refused', defect });
  });

  test.each([
    ['no subject', '', 'The token names no subject'],
    ['a subject with NUL', 'a\0b', 'The token names no subject'],
    ['a subject of 256 characters', 'a'.repeat(256), 'The token names a subject that is too long'],
  ])('refused if it names %s', async (_, subject, defect) => {
    expect(await verify(`Bearer ${await issuer.issueToken({ subject })}`)).toEqual({ state: 'refused', defect });
  });

  test('refused after its expiry, whether or not the cache has it', async () => {
    const token = async (): Promise<string> => `Bearer ${await issuer.issueToken({ expiresInSeconds: 3_600 })}`;
    const [cached, unknown] = [await token(), await token()];
    expect(await verify(cached)).toMatchObject({ state: 'valid' });
    await clock.advance(HOUR_MS + 5_000);
    const refused = { state: 'refused', defect: 'The token has expired' };
    expect([await verify(cached), await verify(unknown)]).toEqual([refused, refused]);
  });
});

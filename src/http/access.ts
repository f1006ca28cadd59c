import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest, onRequestAsyncHookHandler, onRequestHookHandler } from 'fastify';
import { type Caller, Unauthenticated } from '../auth/caller.ts';
import type { TokenVerifier, Verification } from '../auth/tokenVerifier.ts';
import { Failure } from './failures.ts';

/** What is known of the sender of a request. `failed` is a fault of the service or of the issuer. */
type Identity = Verification | { readonly state: 'failed'; readonly error: unknown };

declare module 'fastify' {
  interface FastifyRequest {
    /** Null before the token is verified. */
    identity: Identity | null;
  }
}

export interface AccessOptions {
  readonly verifyToken: TokenVerifier;
  /** The limit of each caller. 0 means no limit. */
  readonly rateLimitPerMinute: number;
}

/** The steps of admission. Each is an `onRequest` hook, which runs before the body is read. */
export interface AccessHooks {
  /** Identifies the caller and counts the request. Callers without a valid token count by address. */
  readonly admit: onRequestAsyncHookHandler[];
  /** Refuses a request without a valid token. */
  readonly requireCaller: onRequestHookHandler;
}

/** Adds access control to a server. A hook runs only on routes that list it. */
export async function addAccess(server: FastifyInstance, options: AccessOptions): Promise<AccessHooks> {
  server.decorateRequest('identity', null);
  const identify: onRequestAsyncHookHandler = async (request) => {
    try {
      request.identity = await options.verifyToken(request.headers.authorization);
    } catch (error) {
      request.identity = { state: 'failed', error };
    }
  };
  const requireCaller: onRequestHookHandler = (request, _reply, done) => {
    done(request.identity?.state === 'valid' ? undefined : toAccessError(request.identity));
  };
  if (options.rateLimitPerMinute === 0) return { admit: [identify], requireCaller };

  await server.register(rateLimit, { global: false });
  const count = server.createRateLimit({
    max: options.rateLimitPerMinute,
    timeWindow: '1 minute',
    keyGenerator: ({ identity, ip }) =>
      identity?.state === 'valid' ? `subject ${identity.caller.subject}` : `address ${ip}`,
  });
  const limitRate: onRequestAsyncHookHandler = async (request) => {
    const use = await count(request);
    if (!use.isAllowed && use.isExceeded) {
      throw new Failure('too_many_requests', 'Too many requests. Slow down.', {
        headers: { 'retry-after': String(use.ttlInSeconds) },
      });
    }
  };
  return { admit: [identify, limitRate], requireCaller };
}

/**
 * Returns the caller of a request.
 *
 * @throws the reason why there is none.
 */
export function getCaller({ identity }: FastifyRequest): Caller {
  if (identity?.state === 'valid') return identity.caller;
  throw toAccessError(identity);
}

/** Translates the absence of a caller into the error that the service answers. */
function toAccessError(identity: Exclude<Identity, { readonly state: 'valid' }> | null): Error {
  switch (identity?.state) {
    case 'refused':
      return new Unauthenticated(identity.defect);
    case 'failed':
      return identity.error as Error;
    case undefined:
      return new Error('The route verifies no token.');
  }
}

import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest, onRequestAsyncHookHandler, onRequestHookHandler } from 'fastify';
import { type Caller, Unauthenticated } from '../auth/caller.ts';
import type { TokenVerifier } from '../auth/tokenVerifier.ts';
import { Failure } from './failures.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Null before the token is verified, and if it is not valid. */
    caller: Caller | null;
    /** The reason why there is no caller. */
    callerDefect: unknown;
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
  server.decorateRequest('caller', null);
  server.decorateRequest('callerDefect', null);
  const identify: onRequestAsyncHookHandler = async (request) => {
    try {
      const verified = await options.verifyToken(request.headers.authorization);
      if (verified.state === 'valid') request.caller = verified.caller;
      else request.callerDefect = new Unauthenticated(verified.defect);
    } catch (error) {
      request.callerDefect = error;
    }
  };
  const requireCaller: onRequestHookHandler = (request, _reply, done) => {
    done(request.caller === null ? (request.callerDefect as Error) : undefined);
  };
  if (options.rateLimitPerMinute === 0) return { admit: [identify], requireCaller };

  await server.register(rateLimit, { global: false });
  const count = server.createRateLimit({
    max: options.rateLimitPerMinute,
    timeWindow: '1 minute',
    keyGenerator: (request) =>
      request.caller === null ? `address ${request.ip}` : `subject ${request.caller.subject}`,
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
export function getCaller(request: FastifyRequest): Caller {
  if (request.caller === null) throw request.callerDefect;
  return request.caller;
}

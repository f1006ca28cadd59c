import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest, onRequestAsyncHookHandler, onRequestHookHandler } from 'fastify';
import type { Caller } from '../auth/caller.ts';
import type { TokenVerifier } from '../auth/tokenVerifier.ts';
import { Failure } from './failures.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Null until the request is identified, and where its token is not valid. */
    caller: Caller | null;
    /** Why there is no caller. */
    callerDefect: unknown;
  }
}

export interface AccessOptions {
  readonly verifyToken: TokenVerifier;
  /** Of each caller; 0 is no limit. */
  readonly rateLimitPerMinute: number;
}

/** The steps of admission, each an `onRequest` hook: they stand before the body is read. */
export interface AccessHooks {
  /** Identifies the caller and counts the request; callers without a valid token count by address. */
  readonly admit: onRequestAsyncHookHandler[];
  /** Turns away a request without a valid token. */
  readonly requireCaller: onRequestHookHandler;
}

/** Prepares a server for access control. The hooks do nothing until a route lists them. */
export async function addAccess(server: FastifyInstance, options: AccessOptions): Promise<AccessHooks> {
  server.decorateRequest('caller', null);
  server.decorateRequest('callerDefect', null);
  const identify: onRequestAsyncHookHandler = async (request) => {
    try {
      request.caller = await options.verifyToken(request.headers.authorization);
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

/** The caller of a request. @throws why there is none. */
export function callerOf(request: FastifyRequest): Caller {
  if (request.caller === null) throw request.callerDefect;
  return request.caller;
}

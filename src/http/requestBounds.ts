import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Clock, systemClock } from '../work/clock.ts';
import { doWork, type Work } from '../work/deadline.ts';
import type { LoadState } from '../telemetry/loadMetrics.ts';
import { badInput, serviceUnavailable } from './failures.ts';
import { isProbe } from './health.ts';

export interface RequestBounds {
  /** How long a request can take, from its headers to the end of its last statement. */
  readonly requestTimeoutMs: number;
  /** How many requests run before load shedding begins. */
  readonly maxConcurrentRequests: number;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** When the request's head arrived, in milliseconds since 1970-01-01 UTC. */
    arrivedAt: number;
    /** The result of the route's handler. Null before it starts. */
    work: Promise<unknown> | null;
    /** Takes the request out of the limit of requests in flight, for one that waits long. */
    leaveLoad: () => void;
    /** The work for the request, which counts its statements. Null before it starts. */
    spent: Work | null;
  }
}

/**
 * Notes when each request arrives, sets its deadline, and sheds load. Call it before routes are added. The probes and the
 * metrics always pass, because they matter most under overload.
 *
 * @param state is kept up to date.
 */
export function boundRequests(
  server: FastifyInstance,
  bounds: RequestBounds,
  state: LoadState,
  clock: Clock = systemClock,
): void {
  server.decorateRequest('arrivedAt', 0);
  server.decorateRequest('work', null);
  server.decorateRequest('spent', null);
  server.decorateRequest('leaveLoad', () => undefined);
  server.addHook('onRequest', (request, _reply, done) => {
    request.arrivedAt = clock.epochMs();
    done();
  });
  shedLoad(server, bounds, state);
  server.addHook('onRoute', (route) => {
    const { handler } = route;
    route.handler = function (request, reply) {
      // The work of a client that has hung up would not be counted, so it does not start.
      if (request.raw.socket.destroyed) throw badInput('The client has hung up.');
      // The time for reading the request counts, too.
      const deadline = clock.now() + bounds.requestTimeoutMs - reply.elapsedTime;
      request.spent = { deadline, statements: 0, span: request.span };
      const answer: unknown = doWork(request.spent, () => handler.call(this, request, reply));
      if (answer instanceof Promise) request.work = answer;
      return answer;
    };
  });
}

/** Refuses requests beyond the limit (load shedding). */
function shedLoad(server: FastifyInstance, { maxConcurrentRequests }: RequestBounds, state: LoadState): void {
  server.addHook('onRequest', (request, reply, done) => {
    if (isProbeOrScrape(request)) {
      done();
      return;
    }
    state.underWay += 1;
    let isCounted = true;
    const leave = (): void => {
      if (isCounted) state.underWay -= 1;
      isCounted = false;
    };
    request.leaveLoad = leave;
    reply.raw.once('close', () => {
      if (request.work === null) leave();
      else request.work.then(leave, leave);
    });
    if (state.underWay > maxConcurrentRequests) {
      state.observeShed();
      done(serviceUnavailable('The service is overloaded. Try again.'));
    } else done();
  });
}

function isProbeOrScrape(request: FastifyRequest): boolean {
  return isProbe(request) || request.routeOptions.url === '/metrics';
}

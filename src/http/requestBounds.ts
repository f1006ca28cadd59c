import type { FastifyInstance, FastifyRequest } from 'fastify';
import { doWork, type Work } from '../work/deadline.ts';
import type { LoadState } from '../telemetry/loadMetrics.ts';
import { badInput, serviceUnavailable } from './failures.ts';

export interface RequestBounds {
  /** How long a request may take, from its head to the end of its last statement, in milliseconds. */
  readonly requestTimeoutMs: number;
  /** More requests than this at a time are turned away. */
  readonly maxConcurrentRequests: number;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** What is being done for the request; null before it is begun. */
    work: Promise<unknown> | null;
    /** What the work took; null before it is begun. */
    spent: Work | null;
  }
}

/**
 * Holds requests to their bounds; to be called before routes are added. The probes and the metrics always pass: they are
 * wanted most where nothing else does.
 *
 * @param state kept up to date.
 */
export function boundRequests(server: FastifyInstance, bounds: RequestBounds, state: LoadState): void {
  server.decorateRequest('work', null);
  server.decorateRequest('spent', null);
  shedLoad(server, bounds, state);
  server.addHook('onRoute', (route) => {
    const { handler } = route;
    route.handler = function (request, reply) {
      // Or whoever hangs up at once would not be counted, and still be served.
      if (request.raw.socket.destroyed) throw badInput('The client has hung up.');
      // Reading the request has taken some of its time.
      const deadline = performance.now() + bounds.requestTimeoutMs - reply.elapsedTime;
      request.spent = { deadline, statements: 0, span: request.span };
      const answer: unknown = doWork(request.spent, () => handler.call(this, request, reply));
      if (answer instanceof Promise) request.work = answer;
      return answer;
    };
  });
}

/** Sheds load before the process falls over. */
function shedLoad(server: FastifyInstance, { maxConcurrentRequests }: RequestBounds, state: LoadState): void {
  const leave = (): void => {
    state.underWay -= 1;
  };
  server.addHook('onRequest', (request, reply, done) => {
    if (isAboutService(request)) {
      done();
      return;
    }
    state.underWay += 1;
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

function isAboutService({ routeOptions: { url } }: FastifyRequest): boolean {
  return url === '/metrics' || url?.startsWith('/health/') === true;
}

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { RequestSpan, Tracing } from '../work/span.ts';
import { readClient } from './client.ts';
import { isProbe } from './health.ts';
import { readRemoteSpan } from './requestId.ts';

/** The receivers of reports about requests. */
export interface RequestReports {
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Null if tracing is off. */
  readonly tracing: Tracing | null;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Null if the request is not traced. */
    span: RequestSpan | null;
    /** How long the request waited on purpose, in milliseconds. */
    waitedMs: number;
  }
}

/** The GraphQL code of an internal error in a field, which leaves the HTTP status at 200. */
const FAULT_OF_FIELD = 'INTERNAL_SERVER_ERROR';

/** Starts the span of each request. Call it before other hooks are added, so that the span covers them. */
export function traceRequests(server: FastifyInstance, tracing: Tracing | null): void {
  server.decorateRequest('span', null);
  server.decorateRequest('waitedMs', 0);
  if (tracing === null) return;
  server.addHook('onRequest', (request, _reply, done) => {
    const { traceparent, tracestate } = request.headers;
    request.span = tracing.startRequest({
      id: request.id,
      method: request.method,
      route: readRoute(request),
      parent: readRemoteSpan(traceparent),
      traceState: typeof tracestate === 'string' ? tracestate : null,
    });
    done();
  });
}

/** Reports a request that has ended: one log line, one count in the metrics, and the end of its span. */
export function reportRequest({ logger, metrics }: RequestReports, request: FastifyRequest, reply: FastifyReply): void {
  const route = readRoute(request);
  const isAnswered = reply.raw.writableFinished;
  const { operation, outcomes = new Set([isAnswered ? 'ok' : 'hung_up']), span } = request;
  const client = readClient(request.headers);
  const durationMs = Math.round((reply.elapsedTime - request.waitedMs) * 100) / 100;
  const outcome = [...outcomes].sort().join(',');
  // Orchestrators probe every few seconds, so probes would drown the other lines.
  logger[isProbe(request) ? 'debug' : 'info'](
    {
      requestId: request.id,
      // OpenTelemetry's names, with which collectors connect log lines and traces.
      trace_id: request.id,
      ...(span === null ? {} : { span_id: span.id }),
      method: request.method,
      route,
      ...(operation === null ? {} : { operation: operation.name, field: operation.field }),
      ...(client === null ? {} : { client: client.name, clientVersion: client.version }),
      status: reply.statusCode,
      outcome,
      ...(isAnswered ? {} : { hungUp: true }),
      durationMs,
      ...(request.waitedMs === 0 ? {} : { waitedMs: Math.round(request.waitedMs) }),
      statements: request.spent?.statements ?? 0,
    },
    'request',
  );
  metrics.observeRequest({
    route: route ?? 'unknown',
    operation: operation?.field ?? null,
    outcomes,
    // A caller without a token must not choose labels of the metrics.
    client: request.identity?.state === 'valid' ? (client?.name ?? null) : null,
    durationMs,
  });
  span?.endRequest({
    status: reply.statusCode,
    outcome,
    operation,
    fault: findFault(reply.statusCode, outcomes),
  });
}

/** Returns the route's pattern. A path can hold anything, so it is not logged. */
function readRoute(request: FastifyRequest): string | null {
  return request.routeOptions.url ?? null;
}

function findFault(status: number, outcomes: ReadonlySet<string>): string | null {
  if (status >= 500) return String(status);
  return outcomes.has(FAULT_OF_FIELD) ? FAULT_OF_FIELD : null;
}

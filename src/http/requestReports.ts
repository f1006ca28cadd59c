import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { RequestSpan, Tracing } from '../work/span.ts';
import { clientOf } from './client.ts';
import { remoteSpanOf } from './requestId.ts';

/** Who is told of requests. */
export interface RequestReports {
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Null where nothing is traced. */
  readonly tracing: Tracing | null;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Null where the request is not traced. */
    span: RequestSpan | null;
  }
}

/** What GraphQL calls a fault of ours in a field, which leaves the status at 200. */
const FAULT_OF_FIELD = 'INTERNAL_SERVER_ERROR';

/** Begins the span of each request; to be called before any other hook is added, so that it takes as long as the request. */
export function traceRequests(server: FastifyInstance, tracing: Tracing | null): void {
  server.decorateRequest('span', null);
  if (tracing === null) return;
  server.addHook('onRequest', (request, _reply, done) => {
    const { traceparent, tracestate } = request.headers;
    request.span = tracing.startRequest({
      id: request.id,
      method: request.method,
      route: routeOf(request),
      parent: remoteSpanOf(traceparent),
      traceState: typeof tracestate === 'string' ? tracestate : null,
    });
    done();
  });
}

/** One line of the log, one count, and the end of the span. */
export function reportRequest({ logger, metrics }: RequestReports, request: FastifyRequest, reply: FastifyReply): void {
  const route = routeOf(request);
  const isAnswered = reply.raw.writableFinished;
  const { operation, outcomes = new Set([isAnswered ? 'ok' : 'hung_up']), span } = request;
  const client = clientOf(request.headers);
  const durationMs = Math.round(reply.elapsedTime * 100) / 100;
  const outcome = [...outcomes].sort().join(',');
  logger.info(
    {
      requestId: request.id,
      // As OpenTelemetry names them in logs, so that collectors put lines and traces together.
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
      statements: request.spent?.statements ?? 0,
    },
    'request',
  );
  metrics.observeRequest({
    route: route ?? 'unknown',
    operation: operation?.field ?? null,
    outcomes,
    // Whoever has no token must not choose labels.
    client: request.caller === null ? null : (client?.name ?? null),
    durationMs,
  });
  span?.endRequest({
    status: reply.statusCode,
    outcome,
    operation,
    fault: faultOf(reply.statusCode, outcomes),
  });
}

/** The pattern, not the path: a path can hold anything. */
function routeOf(request: FastifyRequest): string | null {
  return request.routeOptions.url ?? null;
}

function faultOf(status: number, outcomes: ReadonlySet<string>): string | null {
  if (status >= 500) return String(status);
  return outcomes.has(FAULT_OF_FIELD) ? FAULT_OF_FIELD : null;
}

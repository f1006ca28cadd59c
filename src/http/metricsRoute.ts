import type { FastifyInstance } from 'fastify';
import type { Metrics } from '../telemetry/metrics.ts';

/** Serves the metrics at `/metrics` for Prometheus. */
export function addMetricsRoute(server: FastifyInstance, metrics: Metrics): void {
  let reading: ReturnType<Metrics['read']> | null = null;
  server.get('/metrics', async (_request, reply) => {
    // Single-flight: no limit bounds this route, so concurrent scrapes share one result.
    reading ??= metrics.read().finally(() => {
      reading = null;
    });
    const { contentType, text } = await reading;
    return reply.type(contentType).send(text);
  });
}

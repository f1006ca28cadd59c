import type { FastifyInstance, FastifyRequest } from 'fastify';
import { serviceUnavailable } from './failures.ts';

/**
 * Serves the probes. `/health/live` succeeds if the process answers, `/health/ready` if it can serve requests.
 *
 * @param isReady returns whether the service can serve requests. A rejection counts as no.
 */
export function addHealthRoutes(server: FastifyInstance, isReady: () => Promise<boolean>): void {
  let running: Promise<boolean> | null = null;
  server.get('/health/live', () => ({ status: 'ok' }));
  server.get('/health/ready', async () => {
    // Single-flight: the probe needs no token, so concurrent probes share one query.
    running ??= isReady().finally(() => {
      running = null;
    });
    const ready = await running.catch((error: unknown) => {
      throw serviceUnavailable('The service cannot reach its database.', { cause: error });
    });
    if (!ready) throw serviceUnavailable('The database lacks migrations.');
    return { status: 'ok' };
  });
}

/** Whether a request asks for a path of {@link addHealthRoutes}. */
export function isProbe({ routeOptions: { url } }: FastifyRequest): boolean {
  return url?.startsWith('/health/') === true;
}

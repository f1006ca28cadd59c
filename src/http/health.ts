import type { FastifyInstance } from 'fastify';
import { serviceUnavailable } from './failures.ts';

/**
 * Serves the probes: `/health/live` says that the process answers, `/health/ready` that it can do its work.
 *
 * @param isReady whether the service can serve requests now; a rejection counts as no.
 */
export function addHealthRoutes(server: FastifyInstance, isReady: () => Promise<boolean>): void {
  let asking: Promise<boolean> | null = null;
  server.get('/health/live', () => ({ status: 'ok' }));
  server.get('/health/ready', async () => {
    // Anybody may ask, and however many do at once, the database is asked once.
    asking ??= isReady().finally(() => {
      asking = null;
    });
    const ready = await asking.catch((error: unknown) => {
      throw serviceUnavailable('The service cannot reach its database.', { cause: error });
    });
    if (!ready) throw serviceUnavailable('The database lacks migrations.');
    return { status: 'ok' };
  });
}

import type { FastifyInstance } from 'fastify';
import { type Clock, systemClock } from '../work/clock.ts';

/** How long requests in flight can take after the service begins to stop. */
const DRAIN_TIMEOUT_MS = 10_000;

/** What to do about an address on which the service cannot listen. */
const LISTEN_ADVICE: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use. Set PORT.',
  EACCES: 'the process lacks the permission for this port. Set PORT.',
  EADDRNOTAVAIL: 'the machine does not have this address. Set HOST.',
  ENOTFOUND: 'the host name is unknown. Set HOST.',
};

/**
 * Starts listening.
 *
 * @throws an error that says which variable to set.
 */
export async function listen(
  server: FastifyInstance,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<void> {
  try {
    await server.listen({ port, host });
  } catch (error) {
    const code = Error.isError(error) && 'code' in error ? String(error.code) : '';
    const advice = LISTEN_ADVICE[code] ?? 'the system refuses it. Set HOST and PORT.';
    throw new Error(`Cannot listen on ${host}:${port}: ${advice}`, { cause: error });
  }
}

/** Waits for the requests in flight, then closes the connections of those that take too long. */
export async function drain(server: FastifyInstance, clock: Clock = systemClock): Promise<void> {
  const cancelTimer = clock.setTimer(() => {
    server.server.closeAllConnections();
  }, DRAIN_TIMEOUT_MS);
  await server.close();
  cancelTimer();
}

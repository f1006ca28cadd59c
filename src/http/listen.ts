import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { type Clock, systemClock } from '../work/clock.ts';
import { OperatorError } from '../work/operatorError.ts';

/** How long requests in flight can take after the service begins to stop. */
const DRAIN_TIMEOUT_MS = 10_000;

export interface ListenAddress {
  readonly host: string;
  /** 0 lets the operating system choose a free port. */
  readonly port: number;
}

/**
 * Opens the port of a server.
 *
 * @returns the URL of the server, such as `http://127.0.0.1:4001`.
 * @throws OperatorError that names the address, the reason and the variable to change.
 */
export async function listen(server: FastifyInstance, { host, port }: ListenAddress): Promise<string> {
  await server.listen({ host, port }).catch((error: unknown) => {
    throw explainListenError(error, { host, port });
  });
  return `http://${formatAddress({ host, port: (server.server.address() as AddressInfo).port })}`;
}

/** Turns an error of `listen(2)` or of the name lookup into one that tells an operator what to do. */
export function explainListenError(error: unknown, address: ListenAddress): OperatorError {
  const failure = `Cannot listen on ${formatAddress(address)}`;
  const code = Error.isError(error) && 'code' in error ? error.code : null;
  const withCause = { cause: error };
  switch (code) {
    case 'EADDRINUSE':
      return new OperatorError(`${failure}: the port is in use. Set PORT.`, withCause);
    case 'EACCES':
      return new OperatorError(`${failure}: this user cannot open the port. Set PORT to 1024 or higher.`, withCause);
    case 'EADDRNOTAVAIL':
      return new OperatorError(`${failure}: this machine does not have the address. Set HOST.`, withCause);
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new OperatorError(`${failure}: the host name does not resolve. Set HOST.`, withCause);
    default:
      return new OperatorError(`${failure}. Check HOST and PORT.`, withCause);
  }
}

/** Formats host and port as URLs have them: an IPv6 address stands in brackets (RFC 3986, section 3.2.2). */
function formatAddress({ host, port }: ListenAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Waits for the requests in flight, then closes the connections of those that take too long. */
export async function drain(server: FastifyInstance, clock: Clock = systemClock): Promise<void> {
  const cancelTimer = clock.setTimer(() => {
    server.server.closeAllConnections();
  }, DRAIN_TIMEOUT_MS);
  await server.close();
  cancelTimer();
}

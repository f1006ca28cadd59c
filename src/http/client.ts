import type { IncomingHttpHeaders } from 'node:http';

/** The application that sent a request, as it names itself. */
export interface Client {
  readonly name: string;
  /** Null if the application does not send it. */
  readonly version: string | null;
}

/** Apollo's clients and routers use the first prefix, Hive's the others. */
const PREFIXES = ['apollographql-client', 'graphql-client', 'x-graphql-client'];

/** Longer values are cut. Real ones are shorter. */
const MAX_LENGTH = 64;

/**
 * Reads the client's name from the headers.
 *
 * @returns null if the client does not name itself.
 */
export function readClient(headers: IncomingHttpHeaders): Client | null {
  for (const prefix of PREFIXES) {
    const name = headers[`${prefix}-name`];
    const version = headers[`${prefix}-version`];
    if (typeof name === 'string' && name !== '') {
      return {
        name: name.slice(0, MAX_LENGTH),
        version: typeof version === 'string' ? version.slice(0, MAX_LENGTH) : null,
      };
    }
  }
  return null;
}

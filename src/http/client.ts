import type { IncomingHttpHeaders } from 'node:http';

/** The application that a request comes from, as it calls itself. */
export interface Client {
  readonly name: string;
  /** Null where it does not say. */
  readonly version: string | null;
}

/** Apollo's clients and routers use the first, Hive's the others. */
const PREFIXES = ['apollographql-client', 'graphql-client', 'x-graphql-client'];

/** Longer than any real one; what is longer is cut. */
const MAX_LENGTH = 64;

/** @returns null where the client does not name itself. */
export function clientOf(headers: IncomingHttpHeaders): Client | null {
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

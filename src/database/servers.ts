import type { Socket } from 'node:net';
import pg from 'pg';
import { type Clock, systemClock } from '../work/clock.ts';
import { parseDatabaseUrl } from './databaseUrl.ts';

/** A PostgreSQL server. */
export interface Server {
  readonly url: string;
  readonly host: string;
  readonly port: number;
}

/** The servers of a database. One of them accepts writes, and a failover changes which. */
export interface Servers {
  /** The URL of one server, from which the driver takes what all servers share. */
  readonly url: string;
  readonly mustTakeWrites: boolean;
  /**
   * Finds the server that accepts writes, or returns the one found before.
   *
   * @returns null if the URL names a single server without a condition.
   * @throws NoServer
   */
  readonly find: () => Promise<Server | null>;
  /** Marks a server as not the one that accepts writes. */
  readonly forget: (server: Server | null) => void;
  /** Whether the found server answers at all, even with a refusal of the connection. If not, it is forgotten. */
  readonly isThere: () => Promise<boolean>;
}

/** The search for the server that accepts writes. All who need it while it goes on wait for the same one (single-flight). */
type Search =
  | { readonly phase: 'unknown' }
  | { readonly phase: 'looking'; readonly found: Promise<Server> }
  | { readonly phase: 'known'; readonly server: Server };

/** How long a server can take to open a session, and to answer in it. */
const PROBE_TIMEOUT_MS = 600;

/** At the moment, no server of the database accepts writes. */
export class NoServer extends Error {
  /** The code of an unreachable server, so that callers treat both alike. */
  readonly code = 'ECONNREFUSED';

  constructor(options?: ErrorOptions) {
    super('No server of the database accepts writes.', options);
    this.name = 'NoServer';
  }
}

/** Asks whether the session refuses writes, as that of a standby does. */
export const READ_ONLY = "SELECT current_setting('transaction_read_only') = 'on' AS \"readOnly\"";

/**
 * Creates the servers that a database URL names.
 *
 * @param text is a URL that {@link parseDatabaseUrl} accepts.
 * @param pooled whether a pooler answers. A statement can then wait for a session of the database.
 * @throws if the URL is invalid.
 */
export function createServers(text: string, pooled = false, clock: Clock = systemClock): Servers {
  const parsed = parseDatabaseUrl(text);
  if (typeof parsed === 'string') throw new Error(`The database URL ${parsed}.`);
  const { urls, mustTakeWrites } = parsed;
  let search: Search = { phase: 'unknown' };

  const look = async (): Promise<Server> => {
    try {
      const server = await Promise.any(urls.map((url) => requireWritable(url, clock)));
      search = { phase: 'known', server };
      return server;
    } catch (error) {
      search = { phase: 'unknown' };
      throw new NoServer({ cause: error });
    }
  };
  const find = async (): Promise<Server | null> => {
    if (!mustTakeWrites) return null;
    switch (search.phase) {
      case 'known':
        return search.server;
      case 'looking':
        return search.found;
      case 'unknown':
        search = { phase: 'looking', found: look() };
        return search.found;
    }
  };
  const forget = (server: Server | null): void => {
    if (search.phase === 'known' && search.server === server) search = { phase: 'unknown' };
  };
  return {
    url: urls[0],
    mustTakeWrites,
    find,
    forget,
    isThere: async () => {
      if (mustTakeWrites && search.phase !== 'known') return hasAnswered(find());
      const asked = search.phase === 'known' ? search.server : null;
      const isThere = await hasAnswered(
        withProbeSession(asked?.url ?? urls[0], clock, (client) => (pooled ? null : client.query('SELECT'))),
      );
      if (!isThere) forget(asked);
      return isThere;
    },
  };
}

/**
 * Returns the URL of the server that accepts writes.
 *
 * @throws NoServer
 */
export async function writableUrl(text: string): Promise<string> {
  const { url, find } = createServers(text);
  return (await find())?.url ?? url;
}

async function requireWritable(url: string, clock: Clock): Promise<Server> {
  const { readOnly, ...server } = await probe(url, clock);
  if (readOnly) throw new Error(`${server.host}:${server.port} accepts no writes.`);
  return server;
}

/**
 * Asks a server whether it accepts writes.
 *
 * @throws within {@link PROBE_TIMEOUT_MS} if it does not answer.
 */
function probe(url: string, clock: Clock): Promise<Server & { readonly readOnly: boolean }> {
  return withProbeSession(url, clock, async (client) => {
    const { rows } = await client.query<{ readOnly: boolean }>(READ_ONLY);
    return { url, host: client.host, port: client.port, readOnly: rows[0]?.readOnly !== false };
  });
}

/**
 * Runs an action in a separate session.
 *
 * @throws within {@link PROBE_TIMEOUT_MS} if the server does not answer.
 */
async function withProbeSession<T>(url: string, clock: Clock, act: (client: pg.Client) => T | Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: PROBE_TIMEOUT_MS,
    query_timeout: PROBE_TIMEOUT_MS,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await act(client);
  } finally {
    // An awaited end would hang on a server that does not answer.
    void client.end().catch(() => undefined);
    clock.setTimer(() => readSocket(client).destroy(), PROBE_TIMEOUT_MS, 'does not keep the process running');
  }
}

/** Whether a server answered, even with a refusal of the session. */
async function hasAnswered(asked: Promise<unknown>): Promise<boolean> {
  try {
    await asked;
    return true;
  } catch (error) {
    const reasons = error instanceof NoServer && error.cause instanceof AggregateError ? error.cause.errors : [error];
    return reasons.some((reason) => reason instanceof pg.DatabaseError);
  }
}

/** Returns the socket of a client, which pg does not declare. */
export function readSocket(client: pg.Client): Socket {
  return (client as unknown as { connection: { stream: Socket } }).connection.stream;
}

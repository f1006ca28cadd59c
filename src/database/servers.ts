import type { Socket } from 'node:net';
import pg from 'pg';
import { parseDatabaseUrl } from './databaseUrl.ts';

/** One server. */
export interface Server {
  readonly url: string;
  readonly host: string;
  readonly port: number;
}

/** The servers of a database, of which one takes writes. That may become another one. */
export interface Servers {
  /** Of one of them, for the driver: what the others have in common with it. */
  readonly url: string;
  readonly mustTakeWrites: boolean;
  /**
   * @returns the server to connect to, which is looked for where it is not known; null where there is but the one of the URL.
   * @throws NoServer
   */
  readonly find: () => Promise<Server | null>;
  /** It is not, or no longer, the server to connect to. */
  readonly forget: (server: Server | null) => void;
  /** Whether the server that was found answers, if only that it takes no more connections. If not, it is forgotten. */
  readonly isThere: () => Promise<boolean>;
}

/** How long a server may take to let a session in, and to answer in it, in milliseconds. */
const PROBE_TIMEOUT_MS = 600;

/** No server of the database takes writes, for the moment. */
export class NoServer extends Error {
  /** As for a server that is not there. */
  readonly code = 'ECONNREFUSED';

  constructor(options?: ErrorOptions) {
    super('No server of the database takes writes.', options);
    this.name = 'NoServer';
  }
}

/** Whether the session it is asked in takes writes; that of a standby does not. */
export const READ_ONLY = "SELECT current_setting('transaction_read_only') = 'on' AS \"readOnly\"";

/**
 * @param text as {@link parseDatabaseUrl} reads it.
 * @param pooled whether what answers is a pooler, where a statement may have to wait for a session of the database.
 * @throws for another text.
 */
export function serversOf(text: string, pooled = false): Servers {
  const parsed = parseDatabaseUrl(text);
  if (typeof parsed === 'string') throw new Error(`The URL of the database ${parsed}.`);
  const { urls, mustTakeWrites } = parsed;
  let known: Server | null = null;
  let looking: Promise<Server> | null = null;

  const look = async (): Promise<Server> => {
    try {
      known = await Promise.any(urls.map(takingWrites));
      return known;
    } catch (error) {
      throw new NoServer({ cause: error });
    }
  };
  const find = async (): Promise<Server | null> => {
    if (!mustTakeWrites) return null;
    if (known !== null) return known;
    looking ??= look().finally(() => {
      looking = null;
    });
    return looking;
  };
  return {
    url: urls[0],
    mustTakeWrites,
    find,
    forget: (server) => {
      if (server === known) known = null;
    },
    isThere: async () => {
      if (mustTakeWrites && known === null) return isAnswer(find());
      const asked = known;
      const isThere = await isAnswer(
        withProbeSession(asked?.url ?? urls[0], (client) => (pooled ? null : client.query('SELECT'))),
      );
      if (!isThere && asked === known) known = null;
      return isThere;
    },
  };
}

/** The URL of the server that takes writes. @throws where there is none. */
export async function writableUrl(text: string): Promise<string> {
  const { url, find } = serversOf(text);
  return (await find())?.url ?? url;
}

async function takingWrites(url: string): Promise<Server> {
  const { readOnly, ...server } = await ask(url);
  if (readOnly) throw new Error(`${server.host}:${server.port} takes no writes.`);
  return server;
}

/** Asks a server. @throws soon, when it does not answer. */
function ask(url: string): Promise<Server & { readonly readOnly: boolean }> {
  return withProbeSession(url, async (client) => {
    const { rows } = await client.query<{ readOnly: boolean }>(READ_ONLY);
    return { url, host: client.host, port: client.port, readOnly: rows[0]?.readOnly !== false };
  });
}

/** Does something in a session of its own. @throws soon, when the server does not answer. */
async function withProbeSession<T>(url: string, act: (client: pg.Client) => T | Promise<T>): Promise<T> {
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
    // It would wait for a server that does not answer.
    void client.end().catch(() => undefined);
    setTimeout(() => {
      socketOf(client).destroy();
    }, PROBE_TIMEOUT_MS).unref();
  }
}

/** Whether a server said something, if only that it takes no more sessions. */
async function isAnswer(asked: Promise<unknown>): Promise<boolean> {
  try {
    await asked;
    return true;
  } catch (error) {
    const reasons = error instanceof NoServer && error.cause instanceof AggregateError ? error.cause.errors : [error];
    return reasons.some((reason) => reason instanceof pg.DatabaseError);
  }
}

/** pg does not declare the socket of a client. */
export function socketOf(client: pg.Client): Socket {
  return (client as unknown as { connection: { stream: Socket } }).connection.stream;
}

import pg from 'pg';
import type { Span } from '../work/span.ts';
import { beginStatement, currentSpan } from '../work/deadline.ts';
import { isOutOfConnections, isReadOnly, isSilence, isStalePlan } from './errors.ts';
import { NoServer, READ_ONLY, type Server, type Servers, socketOf } from './servers.ts';
import type { SilenceWatch } from './silenceWatch.ts';

/** What the connections of a data source have in common. */
export interface Surroundings {
  readonly servers: Servers;
  readonly watch: SilenceWatch;
  /** Whether the session is another one in each transaction, so that it knows no prepared statement. */
  readonly pooled: boolean;
}

/** Room for the server, which limits each statement by itself, to cancel one first: that spares the connection. */
const DEADLINE_GRACE_MS = 200;

/**
 * A connection that keeps deadlines, and ends itself when it gives up on a statement: the statement may still be
 * running, in a transaction that whoever gets the connection next would find open. It goes to the server that takes writes.
 */
export class Connection extends pg.Client {
  constructor(surroundings: Surroundings, config?: pg.ClientConfig) {
    super(config);
    const { servers, watch, pooled } = surroundings;
    // Between the pool's listener and TypeORM's there is a moment without one, and an error then would end the process.
    // Whoever uses the connection hears of it through the statement that fails.
    this.on('error', () => undefined);
    const session = {
      destroy: () => {
        socketOf(this).destroy();
      },
    };
    watch.open(session);
    this.on('end', () => {
      watch.close(session);
    });
    const connect = this.connect.bind(this);
    const query = this.query.bind(this) as (...request: unknown[]) => unknown;

    let server: Server | null = null;
    const open = async (): Promise<void> => {
      try {
        if (watch.isSilent()) throw new DatabaseSilent();
        server = await servers.find();
        // While it was looked for, the pool may have given up.
        if (socketOf(this).destroyed) throw new DatabaseSilent();
        Object.assign(this, server === null ? {} : { host: server.host, port: server.port });
        await connect();
        if (server !== null) await this.requireWrites(query);
      } catch (error) {
        if (!isOutOfConnections(error)) servers.forget(server);
        watch.close(session);
        socketOf(this).destroy();
        throw error;
      }
    };
    this.connect = ((done?: (error: unknown) => void) => {
      const opened = open();
      if (done === undefined) return opened;
      opened.then(() => {
        done(null);
      }, done);
      return undefined;
    }) as typeof this.connect;

    this.query = ((...request: unknown[]) => {
      const result = query(...limited(request, pooled, config));
      if (result instanceof Promise) {
        watch.begin(session);
        const span = startSpan(request[0]);
        result.then(
          () => {
            watch.end(session, true);
            span?.end();
          },
          (error: unknown) => {
            watch.end(session, error instanceof pg.DatabaseError);
            span?.end(error);
            const isDemoted = servers.mustTakeWrites && isReadOnly(error);
            if (isDemoted) servers.forget(server);
            if (isDemoted || isSilence(error) || isStalePlan(error)) void this.end().catch(() => undefined);
          },
        );
      }
      return result;
    }) as typeof this.query;
  }

  /** It may have become a standby since it was found. */
  private async requireWrites(query: (...request: unknown[]) => unknown): Promise<void> {
    const { rows } = (await query(READ_ONLY)) as pg.QueryResult<{ readOnly: boolean }>;
    if (rows[0]?.readOnly === true) throw new NoServer();
  }
}

/** The database does not answer anything, and was not asked. */
class DatabaseSilent extends Error {
  readonly code = 'ETIMEDOUT';

  constructor() {
    super('The database does not answer.');
    this.name = 'DatabaseSilent';
  }
}

/** A statement that begins with its name, as `/* read_order_items *\/ SELECT …`, is planned once on each connection. */
const NAME = /^\/\* (\w+) \*\//;

/** @returns null where the statement is not traced. */
function startSpan(statement: unknown): Span | null {
  const span = currentSpan();
  if (span === null || typeof statement !== 'string') return null;
  return span.startStatement({ text: statement, name: NAME.exec(statement)?.[1] ?? null });
}

/** Gives a statement its name and the time that is left. Taking a transaction back is never too late. @throws DeadlineExceeded */
function limited([statement, ...values]: unknown[], pooled: boolean, config?: pg.ClientConfig): unknown[] {
  if (typeof statement !== 'string' || statement.startsWith('ROLLBACK')) return [statement, ...values];
  const limitMs = Math.min(beginStatement() + DEADLINE_GRACE_MS, config?.query_timeout ?? Infinity);
  const name = pooled ? undefined : NAME.exec(statement)?.[1];
  return [
    {
      text: statement,
      ...(name === undefined ? {} : { name }),
      ...(limitMs === Infinity ? {} : { query_timeout: Math.ceil(limitMs) }),
    },
    ...values,
  ];
}

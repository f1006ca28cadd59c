import type { Socket } from 'node:net';
import pg from 'pg';
import type { Span } from '../telemetry/spans.ts';
import { beginStatement, currentSpan } from './deadline.ts';
import { isSilence } from './faults.ts';
import type { SilenceWatch } from './silenceWatch.ts';

/** Room for the server, which limits each statement by itself, to cancel one first: that spares the connection. */
const DEADLINE_GRACE_MS = 200;

/**
 * A connection that keeps deadlines, and ends itself when it gives up on a statement: the statement may still be
 * running, in a transaction that whoever gets the connection next would find open.
 */
export class Connection extends pg.Client {
  constructor(watch: SilenceWatch, config?: pg.ClientConfig) {
    super(config);
    // Between the pool's listener and TypeORM's there is a moment without one, and an error then would end the process.
    // Whoever uses the connection hears of it through the statement that fails.
    this.on('error', () => undefined);
    const session = {
      abandon: () => {
        socketOf(this).destroy();
      },
    };
    watch.open(session);
    this.on('end', () => {
      watch.close(session);
    });
    const connect = this.connect.bind(this);
    this.connect = ((done?: (error: unknown) => void) => {
      const connecting = watch.isSilent() ? Promise.reject(new DatabaseSilent()) : connect();
      connecting.catch(() => {
        watch.close(session);
      });
      if (done === undefined) return connecting;
      connecting.then(() => {
        done(null);
      }, done);
      return undefined;
    }) as typeof this.connect;
    const query = this.query.bind(this) as (...request: unknown[]) => unknown;
    this.query = ((...request: unknown[]) => {
      const result = query(...prepared(request, config));
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
            if (isSilence(error)) void this.end().catch(() => undefined);
          },
        );
      }
      return result;
    }) as typeof this.query;
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

/** pg does not declare the socket of a client. */
export function socketOf(client: pg.Client): Socket {
  return (client as unknown as { connection: { stream: Socket } }).connection.stream;
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
function prepared([statement, ...values]: unknown[], config?: pg.ClientConfig): unknown[] {
  if (typeof statement !== 'string' || statement.startsWith('ROLLBACK')) return [statement, ...values];
  const limitMs = Math.min(beginStatement() + DEADLINE_GRACE_MS, config?.query_timeout ?? Infinity);
  const name = NAME.exec(statement)?.[1];
  return [
    {
      text: statement,
      ...(name === undefined ? {} : { name }),
      ...(limitMs === Infinity ? {} : { query_timeout: Math.ceil(limitMs) }),
    },
    ...values,
  ];
}

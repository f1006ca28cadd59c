import pg from 'pg';
import type { Span } from '../work/span.ts';
import { beginStatement, currentSpan } from '../work/deadline.ts';
import { isOutdatedStatement, isOutOfConnections, isReadOnly, isSilence } from './errors.ts';
import { NoServer, READ_ONLY, type Server, type Servers, readSocket } from './servers.ts';
import type { SilenceWatch } from './silenceWatch.ts';

/** What the connections of a data source share. */
export interface SharedState {
  readonly servers: Servers;
  readonly watch: SilenceWatch;
  /** Whether each transaction can use another session. Such a session knows no prepared statement. */
  readonly pooled: boolean;
  /** Whether the statements read tables that Citus has distributed. */
  readonly distributed: boolean;
  /** Counts how often prepared statements went out of date. Each connection then prepares all of them again. */
  preparations: number;
}

/**
 * The formats of values, which a database or a role can set otherwise. Poolers track these two settings, and refuse others at
 * the start of a session.
 */
const FORMATS = { DateStyle: 'ISO', TimeZone: 'UTC' };

/**
 * Each prepared statement is planned once, for any values of its parameters (a generic plan). A plan that was made for a small
 * table must serve the large one that it becomes, so plans use the indexes from the start. Every statement has one.
 */
const PLANS = {
  plan_cache_mode: 'force_generic_plan',
  enable_seqscan: 'off',
  enable_bitmapscan: 'off',
  // A table without a suitable index costs much by these settings. That must not compile its statements each time.
  jit: 'off',
};

/** The settings that a database or a role cannot change. Parameters of a session's start take precedence over their settings. */
const SESSION_SETTINGS = {
  ...FORMATS,
  ...PLANS,
  default_transaction_isolation: 'read committed',
  standard_conforming_strings: 'on',
  row_security: 'on',
  exit_on_error: 'off',
  idle_session_timeout: '0',
};

/** Citus chooses the shards by the values of the parameters, so it plans most statements each time and refuses generic plans. */
const DISTRIBUTED_SETTINGS = { ...SESSION_SETTINGS, plan_cache_mode: 'auto' };

/** Members of pg's client that its types do not declare. */
interface Undeclared {
  /** Returns the parameters of the session's start. */
  getStartupConf: () => Record<string, string>;
  /** The prepared statements of the session, by name. */
  readonly connection: { parsedStatements: Record<string, string> };
}

/** Behind a pooler that it does not know of, a connection would prepare a statement again and again. */
const MAX_ATTEMPTS = 5;

/** Lets the server cancel a statement first, by its own limit, which saves the connection. */
const DEADLINE_GRACE_MS = 200;

/**
 * A connection to the server that accepts writes. It enforces deadlines. It closes when it gives up on a statement, because
 * the statement can still be running, in a transaction that the next user of the connection would find open.
 */
export class Connection extends pg.Client {
  constructor(shared: SharedState, config?: pg.ClientConfig) {
    super(config);
    const { servers, watch, pooled, distributed } = shared;
    const undeclared = this as unknown as Undeclared;
    const given = undeclared.getStartupConf.bind(this);
    const settings = pooled ? FORMATS : distributed ? DISTRIBUTED_SETTINGS : SESSION_SETTINGS;
    undeclared.getStartupConf = () => ({ ...given(), ...settings });
    // Without this listener, an error between the pool's listener and TypeORM's would end the process. The statement that
    // fails reports the error.
    this.on('error', () => undefined);
    const session = {
      destroy: () => {
        readSocket(this).destroy();
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
        // The pool can have given up during the search.
        if (readSocket(this).destroyed) throw new DatabaseSilent();
        Object.assign(this, server === null ? {} : { host: server.host, port: server.port });
        await connect();
        if (server !== null) await this.requireWrites(query);
      } catch (error) {
        if (!isOutOfConnections(error)) servers.forget(server);
        watch.close(session);
        readSocket(this).destroy();
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

    let { preparations } = shared;
    const forgetStatements = async (): Promise<void> => {
      ({ preparations } = shared);
      undeclared.connection.parsedStatements = {};
      await query('DEALLOCATE ALL');
    };
    const send = (request: unknown[]): unknown => {
      const result = query(...addLimits(request, pooled, config));
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
            if (isDemoted || isSilence(error)) void this.end().catch(() => undefined);
          },
        );
      }
      return result;
    };
    const ask = (request: unknown[], attempt = 1): unknown => {
      const isOwnTransaction = this.getTransactionStatus() === 'I';
      const preparedAt = shared.preparations;
      const isOutdated = preparations !== preparedAt && typeof request[0] === 'string' && NAME.test(request[0]);
      const result = isOutdated ? forgetStatements().then(() => send(request)) : send(request);
      if (!(result instanceof Promise)) return result;
      return result.catch((error: unknown) => {
        if (!isOutdatedStatement(error)) throw error;
        if (preparedAt === shared.preparations) shared.preparations += 1;
        // A statement that is its own transaction was not carried out. In a longer one, all of it must be run again.
        if (!isOwnTransaction || attempt === MAX_ATTEMPTS) throw error;
        return ask(request, attempt + 1);
      });
    };
    this.query = ((...request: unknown[]) => ask(request)) as typeof this.query;
  }

  /** Throws if the server has become a standby since it was found. */
  private async requireWrites(query: (...request: unknown[]) => unknown): Promise<void> {
    const { rows } = (await query(READ_ONLY)) as pg.QueryResult<{ readOnly: boolean }>;
    if (rows[0]?.readOnly === true) throw new NoServer();
  }
}

/** The database is silent, so no connection was tried. */
class DatabaseSilent extends Error {
  readonly code = 'ETIMEDOUT';

  constructor() {
    super('The database does not answer.');
    this.name = 'DatabaseSilent';
  }
}

/** A statement that begins with its name, such as `/* read_order_items *\/ SELECT …`, is prepared on each connection. */
const NAME = /^\/\* (\w+) \*\//;

/** @returns null if the statement is not traced. */
function startSpan(statement: unknown): Span | null {
  const span = currentSpan();
  if (span === null || typeof statement !== 'string') return null;
  return span.startStatement({ text: statement, name: NAME.exec(statement)?.[1] ?? null });
}

/**
 * Adds its name and its time limit to a statement. A rollback has no limit.
 *
 * @throws DeadlineExceeded
 */
function addLimits([statement, ...values]: unknown[], pooled: boolean, config?: pg.ClientConfig): unknown[] {
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

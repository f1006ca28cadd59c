import pg from 'pg';
import { DataSource, type EntitySchema } from 'typeorm';
import { Connection } from './connection.ts';
import { migrations, MIGRATIONS_TABLE } from './migrations.ts';
import { createServers } from './servers.ts';
import { NO_WATCH, watchSilence } from './silenceWatch.ts';

export interface DataSourceOptions {
  readonly url: string;
  readonly entities: EntitySchema[];
  readonly poolSize: number;
  /** How long a statement waits for a lock. 0 means without limit. */
  readonly lockTimeoutMs: number;
  /** How long a statement can run. 0 means without limit. */
  readonly statementTimeoutMs: number;
  /** Whether a pooler gives each transaction another session of the server. */
  readonly pooled?: boolean;
  /** Whether Citus has distributed the tables over several servers. */
  readonly distributed?: boolean;
}

/** How long a request waits for a connection. Then it fails instead of hanging on an unreachable database. */
const CONNECT_TIMEOUT_MS = 1_400;

const SILENCE_GRACE_MS = 1_000;

/** The server checks twice a second whether the client is still there, and cancels the statement of a lost client. */
const CHECK_ABANDONED = '-c client_connection_check_interval=500';

const TIMESTAMPTZ = pg.types.builtins.TIMESTAMPTZ;

const parseTimestamp = pg.types.getTypeParser(TIMESTAMPTZ) as (text: string) => unknown;

/** Parses ISO times in UTC with JavaScript's own parser, which is several times as fast as the driver's. */
function parseInstant(text: string): unknown {
  const isIso = text.charAt(4) === '-' && text.charAt(10) === ' ' && text.endsWith('+00');
  return isIso ? new Date(`${text.slice(0, 10)}T${text.slice(11, -3)}Z`) : parseTimestamp(text);
}

const getTypeParser = ((oid, format) =>
  oid === TIMESTAMPTZ
    ? parseInstant
    : (pg.types.getTypeParser(oid, format) as unknown)) as typeof pg.types.getTypeParser;

/** Creates a data source for TypeORM. Its `initialize` connects. */
export function createDataSource(options: DataSourceOptions): DataSource {
  const { pooled = false, distributed = false } = options;
  const servers = createServers(options.url, pooled);
  // A statement without a time limit can keep a server so busy that it seems silent.
  const watch = options.statementTimeoutMs === 0 ? NO_WATCH : watchSilence(servers.isThere);
  const shared = { servers, watch, pooled, distributed, preparations: 0 };
  return new DataSource({
    type: 'postgres',
    // Options in the URL replace those below, so this adds ours before them. The last value of a setting counts.
    url: pooled ? servers.url : servers.url.replace(/[?&]options=/, `$&${encodeURIComponent(`${CHECK_ABANDONED} `)}`),
    entities: options.entities,
    migrations: [...migrations],
    migrationsTransactionMode: 'each',
    migrationsTableName: MIGRATIONS_TABLE,
    installExtensions: false,
    // TypeORM's other loggers print parameters, which hold reasons and notes. This one is silent unless DEBUG is set.
    logger: 'debug',
    applicationName: 'order-items',
    poolSize: options.poolSize,
    connectTimeoutMS: CONNECT_TIMEOUT_MS,
    extra: {
      Client: class extends Connection {
        constructor(config?: pg.ClientConfig) {
          super(shared, config);
        }
      },
      types: { getTypeParser },
      // A limit on the client's side, for a server or a network that has gone silent.
      ...(options.statementTimeoutMs === 0 ? {} : { query_timeout: options.statementTimeoutMs + SILENCE_GRACE_MS }),
      keepAlive: true,
      ...(pooled ? {} : sessionSettings(options)),
    },
  });
}

/** Returns the settings of a session. Behind a pooler, sessions are shared, so the role has the settings instead. */
function sessionSettings({ lockTimeoutMs, statementTimeoutMs }: DataSourceOptions): pg.ClientConfig {
  return {
    lock_timeout: lockTimeoutMs,
    statement_timeout: statementTimeoutMs,
    // A transaction whose end was lost on the network must not keep its locks.
    idle_in_transaction_session_timeout: statementTimeoutMs,
    options: CHECK_ABANDONED,
  };
}

/** The connections of a data source. */
export interface PoolState {
  readonly busy: number;
  readonly idle: number;
  /** Tasks that wait for a connection. */
  readonly waiting: number;
  /** The limit of connections. */
  readonly size: number;
}

/** Reads the state of the pool, which TypeORM does not declare. */
export function readPoolState({ driver }: DataSource): PoolState {
  const { totalCount, idleCount, waitingCount, options } = (driver as unknown as { master: pg.Pool }).master;
  return { busy: totalCount - idleCount, idle: idleCount, waiting: waitingCount, size: options.max };
}

import pg from 'pg';
import { DataSource, type EntitySchema } from 'typeorm';
import { Connection } from './connection.ts';
import { migrations, MIGRATIONS_TABLE } from './migrations.ts';
import { serversOf } from './servers.ts';
import { watchSilence } from './silenceWatch.ts';

export interface DataSourceOptions {
  readonly url: string;
  readonly entities: EntitySchema[];
  readonly poolSize: number;
  /** How long a statement may wait for a lock, in milliseconds; 0 is for ever. */
  readonly lockTimeoutMs: number;
  /** How long a statement may take, in milliseconds; 0 is for ever. */
  readonly statementTimeoutMs: number;
  /** Whether a pooler stands between that gives each transaction another session of the server. */
  readonly pooled?: boolean;
}

/** How long a request may wait for a connection, so that it hears of a database that is away instead of hanging. */
const CONNECT_TIMEOUT_MS = 1_400;

const SILENCE_GRACE_MS = 1_000;

/** How soon the server notices that nobody waits for a statement any more, and cancels it. */
const CHECK_ABANDONED = '-c client_connection_check_interval=500';

const TIMESTAMPTZ = pg.types.builtins.TIMESTAMPTZ;

const parseTimestamp = pg.types.getTypeParser(TIMESTAMPTZ) as (text: string) => unknown;

/** What JavaScript can read itself is not left to the driver's parser, which takes several times as long. */
function parseInstant(text: string): unknown {
  const isIso = text.charAt(4) === '-' && text.charAt(10) === ' ' && text.endsWith('+00');
  return isIso ? new Date(`${text.slice(0, 10)}T${text.slice(11, -3)}Z`) : parseTimestamp(text);
}

const getTypeParser = ((oid, format) =>
  oid === TIMESTAMPTZ
    ? parseInstant
    : (pg.types.getTypeParser(oid, format) as unknown)) as typeof pg.types.getTypeParser;

/** Describes the database to TypeORM; `initialize` on the result connects. */
export function createDataSource(options: DataSourceOptions): DataSource {
  const { pooled = false } = options;
  const servers = serversOf(options.url, pooled);
  const surroundings = { servers, watch: watchSilence(servers.isThere), pooled };
  return new DataSource({
    type: 'postgres',
    // The driver takes options of the URL in the place of ours; the last of them that says something counts.
    url: pooled ? servers.url : servers.url.replace(/[?&]options=/, `$&${encodeURIComponent(`${CHECK_ABANDONED} `)}`),
    entities: options.entities,
    migrations: [...migrations],
    migrationsTransactionMode: 'each',
    migrationsTableName: MIGRATIONS_TABLE,
    installExtensions: false,
    // Silent unless DEBUG asks: the others print statements and their parameters, reasons and notes among them.
    logger: 'debug',
    applicationName: 'order-items',
    poolSize: options.poolSize,
    connectTimeoutMS: CONNECT_TIMEOUT_MS,
    extra: {
      Client: class extends Connection {
        constructor(config?: pg.ClientConfig) {
          super(surroundings, config);
        }
      },
      types: { getTypeParser },
      // For a server, or a network, that has gone silent and will not keep the limit itself.
      ...(options.statementTimeoutMs === 0 ? {} : { query_timeout: options.statementTimeoutMs + SILENCE_GRACE_MS }),
      keepAlive: true,
      ...(pooled ? {} : sessionSettings(options)),
    },
  });
}

/** What a session of the server is told when it begins. Behind a pooler it is whoever else's: there, the role has them. */
function sessionSettings({ lockTimeoutMs, statementTimeoutMs }: DataSourceOptions): pg.ClientConfig {
  return {
    lock_timeout: lockTimeoutMs,
    statement_timeout: statementTimeoutMs,
    // For a transaction whose own end got lost on the way: it must not keep its locks.
    idle_in_transaction_session_timeout: statementTimeoutMs,
    options: CHECK_ABANDONED,
  };
}

/** The connections of a data source. */
export interface PoolState {
  readonly busy: number;
  readonly idle: number;
  /** Who waits for one. */
  readonly waiting: number;
  /** How many there may be. */
  readonly size: number;
}

/** TypeORM does not declare the pool that it keeps. */
export function poolOf({ driver }: DataSource): PoolState {
  const { totalCount, idleCount, waitingCount, options } = (driver as unknown as { master: pg.Pool }).master;
  return { busy: totalCount - idleCount, idle: idleCount, waiting: waitingCount, size: options.max };
}

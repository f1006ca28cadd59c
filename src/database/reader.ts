import type { DataSource } from 'typeorm';
import { type Clock, systemClock } from '../work/clock.ts';
import { coalesce, type CoalesceOptions, unwatchedQueue } from '../work/coalesce.ts';
import { isDatabaseUnavailable, isOutOfTime } from './errors.ts';

/** Runs statements that change nothing. */
export type Reader = Pick<DataSource, 'query'>;

/** The kinds of servers that answer reads. */
export const READ_SERVERS = ['primary', 'standby'] as const;
export type ReadServer = (typeof READ_SERVERS)[number];

/**
 * Reads how far the primary has flushed its log. Every acknowledged cancel is before this position, unless the database or the
 * role sets `synchronous_commit` to `off`: then it is somewhere in what was inserted.
 */
const FLUSHED = `/* flushed_position */ SELECT
  CASE current_setting('synchronous_commit') WHEN 'off' THEN pg_current_wal_insert_lsn() ELSE pg_current_wal_flush_lsn() END
    AS position,
  ('x' || left(pg_walfile_name(pg_current_wal_flush_lsn()), 8))::bit(32)::int AS timeline`;

/**
 * Reads how far a standby has replayed the log. A server that is not a standby returns no row. The timeline is that of the
 * last restart point. After a failover it is too old for a while, and the primary answers instead, which is safe.
 */
const REPLAYED = `/* replayed_position */ SELECT pg_last_wal_replay_lsn() AS position,
  min_recovery_end_timeline AS timeline FROM pg_control_recovery() WHERE pg_is_in_recovery()`;

/**
 * A position must not be older than the question, so a question that arrives during a statement waits for the next
 * statement.
 */
const POSITIONS: CoalesceOptions = { slots: 1, maxBatchSize: 1_000, maxWaiting: 10_000, deadline: 'latest' };

/** How long a failed standby gets no reads (circuit breaker). */
const REST_MS = 1_000;

/** A place in the write-ahead log. A failover starts a new timeline, where the same offset is a different place. */
interface Position {
  readonly timeline: number;
  readonly offset: bigint;
}

interface Standby {
  readonly isResting: () => boolean;
  /** Whether the standby has replayed the log up to a position. */
  readonly hasReplayed: (position: Position) => Promise<boolean>;
  readonly query: Reader['query'];
}

/**
 * Creates a reader that uses standbys without stale reads. A standby answers if it has replayed everything that the primary
 * had acknowledged when the read arrived. Otherwise the primary answers.
 *
 * @param standbys take turns. Without any, the primary answers everything.
 * @param observe is called for each statement.
 */
export function createReader(
  primary: DataSource,
  standbys: readonly DataSource[],
  observe: (server: ReadServer) => void = () => undefined,
  clock: Clock = systemClock,
): Reader {
  if (standbys.length === 0) return primary;
  const watched = standbys.map((standby) => watchStandby(standby, clock));
  const written = askPosition(primary, FLUSHED, clock);
  let turn = 0;
  const chooseStandby = async (): Promise<Standby | null> => {
    const available = watched.filter((standby) => !standby.isResting());
    const standby = available[(turn += 1) % available.length];
    if (standby === undefined) return null;
    const position = await written();
    return position !== null && (await standby.hasReplayed(position)) ? standby : null;
  };
  return {
    query: async <Rows>(statement: string, parameters?: unknown[]): Promise<Rows> => {
      const standby = await chooseStandby();
      try {
        if (standby !== null) {
          const rows = await standby.query<Rows>(statement, parameters);
          observe('standby');
          return rows;
        }
      } catch (error) {
        if (!isDatabaseUnavailable(error)) throw error;
      }
      observe('primary');
      return primary.query<Rows>(statement, parameters);
    },
  };
}

function watchStandby(dataSource: DataSource, clock: Clock): Standby {
  const askReplayed = askPosition(dataSource, REPLAYED, clock);
  let restsUntil = 0;
  const restAfterFailure = async <T>(act: () => Promise<T>): Promise<T> => {
    try {
      return await act();
    } catch (error) {
      if (isDatabaseUnavailable(error) && !isOutOfTime(error)) restsUntil = clock.now() + REST_MS;
      throw error;
    }
  };
  return {
    isResting: () => !dataSource.isInitialized || clock.now() < restsUntil,
    hasReplayed: async ({ timeline, offset }) => {
      const replayed = await restAfterFailure(askReplayed).catch(() => null);
      return replayed !== null && replayed.timeline === timeline && replayed.offset >= offset;
    },
    query: (statement, parameters) => restAfterFailure(() => dataSource.query(statement, parameters)),
  };
}

/** Asks for a position. Questions that arrive together share a statement. */
function askPosition(dataSource: DataSource, statement: string, clock: Clock): () => Promise<Position | null> {
  const ask = coalesce<null, Position | null>(
    async (asked) => {
      const [row] = await dataSource.query<{ position: string | null; timeline: number }[]>(statement);
      const position = row?.position == null ? null : { timeline: row.timeline, offset: parseOffset(row.position) };
      return asked.map(() => position);
    },
    POSITIONS,
    unwatchedQueue('log_position'),
    clock,
  );
  return () => ask(null);
}

/** @param text is two 32-bit numbers in hexadecimal digits, such as `16/B374D848`. */
function parseOffset(text: string): bigint {
  const [high = '', low = ''] = text.split('/');
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
}

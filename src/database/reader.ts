import type { DataSource } from 'typeorm';
import { coalesce, type CoalesceOptions, unwatchedQueue } from '../work/coalesce.ts';
import { isDatabaseUnavailable, isOutOfTime } from './errors.ts';

/** What runs statements that change nothing. */
export type Reader = Pick<DataSource, 'query'>;

/** Which server has answered a read. */
export const READ_SERVERS = ['primary', 'standby'] as const;
export type ReadServer = (typeof READ_SERVERS)[number];

/** How far the log of the primary is flushed: with it, whatever a cancel has acknowledged. */
const FLUSHED = `/* flushed_position */ SELECT pg_current_wal_flush_lsn() AS position,
  ('x' || left(pg_walfile_name(pg_current_wal_flush_lsn()), 8))::bit(32)::int AS timeline`;

/**
 * How far a standby has replayed it; no row where the server is not, or no longer, a standby. The timeline is that of its last
 * restart point: for some time after a failover an older one, so that the primary is asked rather too often than too seldom.
 */
const REPLAYED = `/* replayed_position */ SELECT pg_last_wal_replay_lsn() AS position,
  min_recovery_end_timeline AS timeline FROM pg_control_recovery() WHERE pg_is_in_recovery()`;

/** An answer must not be older than its question: who asks while another question is under way waits for the next one. */
const POSITIONS: CoalesceOptions = { slots: 1, maxBatchSize: 1_000, maxWaiting: 10_000, deadline: 'latest' };

/** A standby that failed is left alone for so long, in milliseconds. */
const REST_MS = 1_000;

/** A place in the write-ahead log. After a failover the log goes on in another timeline, where the same offset is another place. */
interface Position {
  readonly timeline: number;
  readonly offset: bigint;
}

interface Standby {
  readonly isResting: () => boolean;
  /** Whether it has whatever was written up to a position. */
  readonly hasReplayed: (position: Position) => Promise<boolean>;
  readonly query: Reader['query'];
}

/**
 * Reads from standbys what they know as well as the primary does: one that has replayed all that the primary had
 * acknowledged when the read came, whichever instance of the service wrote it. The primary answers the others.
 *
 * @param standbys in turn; without any, the primary answers all.
 * @param observe told of each statement.
 */
export function createReader(
  primary: DataSource,
  standbys: readonly DataSource[],
  observe: (server: ReadServer) => void = () => undefined,
): Reader {
  if (standbys.length === 0) return primary;
  const watched = standbys.map(watchStandby);
  const written = askPosition(primary, FLUSHED);
  let turn = 0;
  const current = async (): Promise<Standby | null> => {
    const available = watched.filter((standby) => !standby.isResting());
    const standby = available[(turn += 1) % available.length];
    if (standby === undefined) return null;
    const position = await written();
    return position !== null && (await standby.hasReplayed(position)) ? standby : null;
  };
  return {
    query: async <Rows>(statement: string, parameters?: unknown[]): Promise<Rows> => {
      const standby = await current();
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

function watchStandby(dataSource: DataSource): Standby {
  const askReplayed = askPosition(dataSource, REPLAYED);
  let restsUntil = 0;
  const resting = async <T>(act: () => Promise<T>): Promise<T> => {
    try {
      return await act();
    } catch (error) {
      if (isDatabaseUnavailable(error) && !isOutOfTime(error)) restsUntil = performance.now() + REST_MS;
      throw error;
    }
  };
  return {
    isResting: () => !dataSource.isInitialized || performance.now() < restsUntil,
    hasReplayed: async ({ timeline, offset }) => {
      const replayed = await resting(askReplayed).catch(() => null);
      return replayed !== null && replayed.timeline === timeline && replayed.offset >= offset;
    },
    query: (statement, parameters) => resting(() => dataSource.query(statement, parameters)),
  };
}

/** Asks for a position; those who ask at the same time are told together. */
function askPosition(dataSource: DataSource, statement: string): () => Promise<Position | null> {
  const ask = coalesce<null, Position | null>(
    async (asked) => {
      const [row] = await dataSource.query<{ position: string | null; timeline: number }[]>(statement);
      const position = row?.position == null ? null : { timeline: row.timeline, offset: parseOffset(row.position) };
      return asked.map(() => position);
    },
    POSITIONS,
    unwatchedQueue('log_position'),
  );
  return () => ask(null);
}

/** @param text two numbers of 32 bits in hexadecimal digits, as in `16/B374D848`. */
function parseOffset(text: string): bigint {
  const [high = '', low = ''] = text.split('/');
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
}

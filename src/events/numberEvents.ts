import type { DataSource } from 'typeorm';
import { isLockTimeout } from '../database/errors.ts';

/** The pool, or one connection. */
type Queries = Pick<DataSource, 'query'>;

/** How many events a batch takes. */
const BATCH_SIZE = 2_000;

/** Events without a position are counted up to this number. */
const MAX_COUNTED = 10_000;

/** What there is to number. */
export interface NumberingState {
  /** The highest position, or 0 if no event has one. */
  readonly newest: number;
  /** The number of committed events without a position, up to {@link MAX_COUNTED}. */
  readonly unnumbered: number;
}

/** Both subqueries read an end of the index on the position. The first skips the nulls, which are at its end. */
const STATE = `/* find_unnumbered_events */ SELECT
  (SELECT max(position) FROM order_item_event)::text AS newest,
  (SELECT count(*)::int FROM (
    SELECT FROM order_item_event WHERE position IS NULL ORDER BY position LIMIT ${MAX_COUNTED}
  ) AS unnumbered) AS unnumbered`;

/** Reads what there is to number. It takes no lock. */
export async function readNumberingState(database: Queries): Promise<NumberingState> {
  const [row] = await database.query<{ newest: string | null; unnumbered: number }[]>(STATE);
  return { newest: Number(row?.newest ?? 0), unnumbered: row?.unnumbered ?? 0 };
}

/**
 * The statements of one message of the simple query protocol are one transaction, and one round trip. Each has a snapshot of
 * its own, so the last one sees everything that an earlier holder of the lock has committed. A role can have another isolation
 * level, whose snapshot would be older than the lock. The joins must use the key of the table, however few rows it seems to have.
 */
const BEGIN = `SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SELECT set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
  set_config('enable_mergejoin', 'off', true), set_config('lock_timeout', '100ms', true), set_config('order_items.is_sequencer',
    pg_try_advisory_xact_lock(hashtextextended('sequencer of ' || 'order_item_event'::regclass::oid, 0))::text, true);`;

/** The index on the position cannot serve this form. It would read the whole backlog for each item. */
const IS_UNNUMBERED = 'coalesce(position, 0) = 0';

const IS_SEQUENCER = "current_setting('order_items.is_sequencer') = 'true'";

/**
 * Events of one item are in the order of their cancels, others about in the order of time. Each takes the latest time of its
 * item so far, because a transaction's time can be earlier than that of the one it waited for. Nothing is cast, because another
 * process can write any payload.
 */
const ORDERED = `SELECT order_item_id, id, reached, max(occurred_at) OVER (PARTITION BY order_item_id ORDER BY reached, id) AS latest`;

const SET_POSITIONS = `UPDATE order_item_event AS event SET position = numbered.position
  FROM (
    SELECT order_item_id, id, (SELECT coalesce(max(position), 0) FROM order_item_event)
      + row_number() OVER (ORDER BY latest, reached, id) AS position
    FROM ordered
  ) AS numbered
  WHERE event.order_item_id = numbered.order_item_id AND event.id = numbered.id`;

/** Numbers all events, if a batch holds them. */
const NUMBER_ALL = `${BEGIN}
WITH found AS MATERIALIZED (
  SELECT order_item_id, id, occurred_at, payload -> 'cancelledQuantity' AS reached FROM order_item_event
  WHERE position IS NULL AND ${IS_SEQUENCER} ORDER BY position LIMIT ${BATCH_SIZE + 1}
), ordered AS (
  ${ORDERED} FROM found WHERE (SELECT count(*) FROM found) <= ${BATCH_SIZE}
)
${SET_POSITIONS}`;

/**
 * Numbers events of some items: all of each, so that an event is never left behind one that follows it. An item of which
 * another transaction has locked an event waits.
 */
const NUMBER_BY_ITEM = `${BEGIN}
WITH item AS MATERIALIZED (
  SELECT order_item_id, (
    SELECT count(*) FROM order_item_event AS event WHERE event.order_item_id = free.order_item_id AND ${IS_UNNUMBERED}
  ) AS events
  FROM (
    SELECT order_item_id FROM order_item_event
    WHERE position IS NULL AND ${IS_SEQUENCER} ORDER BY position LIMIT ${BATCH_SIZE} FOR NO KEY UPDATE SKIP LOCKED
  ) AS free
  GROUP BY order_item_id
), found AS MATERIALIZED (
  SELECT event.order_item_id, id, occurred_at, payload -> 'cancelledQuantity' AS reached, events
  FROM item CROSS JOIN LATERAL (
    SELECT * FROM order_item_event AS event WHERE event.order_item_id = item.order_item_id AND ${IS_UNNUMBERED}
    FOR NO KEY UPDATE SKIP LOCKED
  ) AS event
), ordered AS (
  ${ORDERED} FROM (SELECT *, count(*) OVER (PARTITION BY order_item_id) AS locked FROM found) AS counted
  WHERE locked = events
)
${SET_POSITIONS}`;

/**
 * Gives committed events the positions after the highest one. One transaction at a time does so, in any instance, so positions
 * become visible in their order. While another one is at it, this does nothing.
 *
 * @param state what there was to number at the last look.
 * @throws an error of the database.
 */
export async function numberEvents(
  database: Queries,
  { unnumbered }: Pick<NumberingState, 'unnumbered'>,
): Promise<void> {
  if (unnumbered <= BATCH_SIZE) {
    try {
      await database.query(NUMBER_ALL);
      return;
    } catch (error) {
      // A reader that deletes what it has read locks events, for example.
      if (!isLockTimeout(error)) throw error;
    }
  }
  await database.query(NUMBER_BY_ITEM);
}

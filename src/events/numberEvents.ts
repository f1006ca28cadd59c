import type { DataSource } from 'typeorm';

/** The pool, or one connection. */
type Queries = Pick<DataSource, 'query'>;

/** How many events a batch looks for. If there are more, it also takes the other events of the items that it found. */
const BATCH_SIZE = 1_000;

/** A batch that takes the other events of its items, too, ends here. */
const MAX_BATCH_SIZE = 2 * BATCH_SIZE;

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
 * its own, so the third sees everything that an earlier holder of the lock has committed. A role can have another isolation
 * level, whose snapshot would be older than the lock.
 *
 * - `found`: committed events without a position, in the order of the index, which is about that of their inserts.
 * - `candidates`: the same, or, if a batch does not hold them all, all such events of the items that were found. An event that
 *   another one of its item must follow is then never left behind.
 * - `chosen`: their order. Events of one item are in the order of their cancels, others about in the order of time. Each takes
 *   the latest time of its item so far, because a transaction's time can be earlier than that of the one it waited for.
 * - `free`: without those that others have locked, such as a reader that deletes what it has read.
 * - `numbered`: without those that follow a locked one of their item.
 */
const NUMBER = `
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SELECT set_config('enable_seqscan', 'off', true), set_config('order_items.is_sequencer',
  pg_try_advisory_xact_lock(hashtextextended('sequencer of ' || 'order_item_event'::regclass::oid, 0))::text, true);
WITH found AS MATERIALIZED (
  SELECT order_item_id, id, occurred_at, payload -> 'cancelledQuantity' AS reached FROM order_item_event
  WHERE position IS NULL AND current_setting('order_items.is_sequencer') = 'true'
  ORDER BY position LIMIT ${BATCH_SIZE + 1}
), candidates AS (
  SELECT * FROM found WHERE (SELECT count(*) FROM found) <= ${BATCH_SIZE}
  UNION ALL
  SELECT order_item_id, id, occurred_at, payload -> 'cancelledQuantity' FROM order_item_event
  WHERE position IS NULL AND order_item_id IN (SELECT order_item_id FROM found)
    AND (SELECT count(*) FROM found) > ${BATCH_SIZE}
), chosen AS MATERIALIZED (
  SELECT order_item_id, id, reached, max(occurred_at) OVER (PARTITION BY order_item_id ORDER BY reached, id) AS latest
  FROM candidates ORDER BY latest, reached, id LIMIT ${MAX_BATCH_SIZE}
), free AS MATERIALIZED (
  SELECT event.order_item_id, event.id FROM chosen JOIN order_item_event AS event USING (order_item_id, id)
  FOR NO KEY UPDATE OF event SKIP LOCKED
), numbered AS (
  SELECT order_item_id, id, (SELECT coalesce(max(position), 0) FROM order_item_event)
    + row_number() OVER (ORDER BY latest, reached, id) AS position
  FROM (
    SELECT chosen.*, bool_and(free.id IS NOT NULL) OVER (PARTITION BY order_item_id ORDER BY reached, id) AS is_next
    FROM chosen LEFT JOIN free USING (order_item_id, id)
  ) AS ordered WHERE is_next
)
UPDATE order_item_event AS event SET position = numbered.position FROM numbered
WHERE event.order_item_id = numbered.order_item_id AND event.id = numbered.id`;

/**
 * Gives a batch of committed events the positions after the highest one. One transaction at a time does so, in any instance,
 * so positions become visible in their order. While another one is at it, this does nothing.
 */
export async function numberEvents(database: Queries): Promise<void> {
  await database.query(NUMBER);
}

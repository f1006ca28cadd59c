import type { DataSource } from 'typeorm';

/** How many events one statement deletes, so that each holds its locks for a moment. */
const BATCH_SIZE = 500;

/**
 * Deletes the oldest events, always a whole beginning of the log, so that readers can tell a pruned event from one that comes
 * later. The newest event stays, so that positions go on after it.
 *
 * $1: the age in days. $2: the lowest position that a reader still needs, or null.
 */
const PRUNE = `/* prune_events */ WITH oldest AS (
    SELECT order_item_id, id, position, bool_and(occurred_at < now() - make_interval(days => $1::int))
        OVER (ORDER BY position ROWS UNBOUNDED PRECEDING) AS is_old
    FROM (
      SELECT order_item_id, id, position, occurred_at FROM order_item_event
      WHERE position < least((SELECT max(position) FROM order_item_event), $2::bigint)
      ORDER BY position LIMIT ${BATCH_SIZE}
    ) AS first
  ), deleted AS (
    DELETE FROM order_item_event AS event USING oldest
    WHERE event.order_item_id = oldest.order_item_id AND event.id = oldest.id AND is_old
    RETURNING 1
  )
  SELECT count(*)::int AS count FROM deleted`;

/**
 * Deletes a batch of the oldest numbered events.
 *
 * @param retentionDays how long events are kept, in days.
 * @param neededFrom the lowest position that a reader still needs. Null if there is none.
 * @returns how many it deleted, and whether there can be more.
 */
export async function pruneEvents(
  dataSource: Pick<DataSource, 'query'>,
  retentionDays: number,
  neededFrom: number | null,
): Promise<{ readonly count: number; readonly hasMore: boolean }> {
  const [{ count } = { count: 0 }] = await dataSource.query<{ count: number }[]>(PRUNE, [retentionDays, neededFrom]);
  return { count, hasMore: count === BATCH_SIZE };
}

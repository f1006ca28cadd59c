/**
 * Cancels a whole item as the release before quantities does, with its statement. Both releases work on one database while a
 * rollout goes on.
 *
 * @throws if the item was not cancelled.
 */
export async function cancelAsEarlier(
  query: (statement: string, parameters: unknown[]) => Promise<unknown[]>,
  id: string,
): Promise<void> {
  const rows = await query(EARLIER_CANCEL, [id]);
  if (rows.length !== 1) throw new Error(`The item ${id} was not cancelled.`);
}

const EARLIER_CANCEL = `
  WITH locked AS MATERIALIZED (
    SELECT order_item.* FROM order_item WHERE id = $1 FOR NO KEY UPDATE
  ), cancelled AS (
    UPDATE order_item SET status = 'cancelled', version = order_item.version % 2147483647 + 1, updated_at = now()
    FROM locked
    WHERE order_item.id = locked.id
      AND NOT (NOT locked.is_pre_order OR locked.status IN ('complete', 'cancelled', 'returned'))
    RETURNING order_item.id AS item_id, locked.status AS previous_status, order_item.updated_at AS cancelled_at
  ), announced AS (
    INSERT INTO order_item_event (id, order_item_id, type, occurred_at, payload)
    SELECT gen_random_uuid(), item_id, 'order_item.cancelled', cancelled_at, '{}' FROM cancelled
  ), recorded AS (
    INSERT INTO order_item_cancellation (id, order_item_id, previous_status, reason, cancelled_at, cancelled_by, channel,
      request_id)
    SELECT gen_random_uuid(), item_id, previous_status, 'Delivered too late', cancelled_at, 'customer', 'rest', repeat('0', 32)
    FROM cancelled
  )
  SELECT item_id FROM cancelled`;

import type { DataSource } from 'typeorm';

/** How many deliveries of a lane one statement deletes. */
const BATCH_SIZE = 1_000;

/** Reads only the oldest deliveries of each lane, which the primary key orders. */
const PRUNE = `/* prune_deliveries */ DELETE FROM order_item_webhook_delivery AS delivery USING (
    SELECT old.* FROM order_item_webhook AS webhook, generate_series(0, webhook.replay) AS lane, LATERAL (
      SELECT webhook_id, replay, position FROM order_item_webhook_delivery
      WHERE webhook_id = webhook.id AND replay = lane AND state <> 'waiting'
        AND position < (SELECT min(position) FROM order_item_event)
      ORDER BY position LIMIT ${BATCH_SIZE}
    ) AS old
  ) AS old
  WHERE delivery.webhook_id = old.webhook_id AND delivery.replay = old.replay AND delivery.position = old.position
    AND state <> 'waiting'`;

/** Deletes deliveries that are over and whose events are no longer kept, a batch at a time. */
export async function pruneDeliveries(dataSource: Pick<DataSource, 'query'>): Promise<void> {
  await dataSource.query(PRUNE);
}

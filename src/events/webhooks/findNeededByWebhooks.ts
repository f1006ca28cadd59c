import type { DataSource } from 'typeorm';
import type { Logger } from '../../telemetry/logger.ts';

/** The first event that an endpoint has neither taken nor as a dead letter. Replays do not count. */
const NEEDED = `least(
    (SELECT min(position) FROM order_item_webhook_delivery
     WHERE webhook_id = webhook.id AND replay = 0 AND state = 'waiting'),
    (SELECT min(position) FROM order_item_event WHERE position > webhook.position)
  )`;

const DISABLE_BEHIND = `/* disable_webhooks_behind */ UPDATE order_item_webhook AS webhook
  SET status = 'disabled', disabled_because = 'behind'
  FROM order_item_event AS event
  WHERE status = 'enabled' AND event.position = ${NEEDED} AND event.occurred_at < now() - make_interval(days => $1::int)
  RETURNING webhook.id`;

const FIND_NEEDED = `/* find_needed_by_webhooks */ SELECT min(${NEEDED}) AS position
  FROM order_item_webhook AS webhook WHERE status = 'enabled'`;

/**
 * Returns the lowest position that an enabled endpoint still needs, so that nothing from there on is deleted. It first disables
 * the endpoints that are further behind than events are kept, so that the log does not grow without end.
 *
 * @param retentionDays how long events are kept, in days.
 * @returns null if no endpoint needs an event.
 */
export async function findNeededByWebhooks(
  dataSource: Pick<DataSource, 'query'>,
  retentionDays: number,
  logger: Pick<Logger, 'warn'>,
): Promise<number | null> {
  const [disabled] = await dataSource.query<[{ id: string }[], number]>(DISABLE_BEHIND, [retentionDays]);
  for (const { id } of disabled) {
    logger.warn({ webhook: id }, 'a webhook is disabled, because it is further behind than events are kept');
  }
  const [row] = await dataSource.query<{ position: string | null }[]>(FIND_NEEDED);
  return row?.position == null ? null : Number(row.position);
}

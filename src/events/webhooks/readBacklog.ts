import type { DataSource } from 'typeorm';
import type { WebhookBacklog } from '../../telemetry/webhookMetrics.ts';

/** Deliveries that wait are counted up to this number for each endpoint. */
const MAX_COUNTED = 10_000;

const BACKLOG = `/* read_webhook_backlog */ WITH newest AS (
    SELECT coalesce(max(position), 0) AS position FROM order_item_event
  ), backlog AS (
    SELECT CASE status WHEN 'enabled' THEN status ELSE coalesce(disabled_because, 'operator') END AS state, waiting.count + newest.position - webhook.position AS events,
      (SELECT occurred_at FROM order_item_event AS event
       WHERE event.position >= coalesce(oldest.position, webhook.position + 1) ORDER BY event.position LIMIT 1) AS since,
      dead.count AS dead
    FROM newest, order_item_webhook AS webhook, LATERAL (
      SELECT count(*) FROM (
        SELECT FROM order_item_webhook_delivery
        WHERE webhook_id = webhook.id AND replay = 0 AND state = 'waiting' LIMIT ${MAX_COUNTED}
      ) AS counted
    ) AS waiting, LATERAL (
      SELECT min(position) AS position FROM order_item_webhook_delivery
      WHERE webhook_id = webhook.id AND replay = 0 AND state = 'waiting'
    ) AS oldest, LATERAL (
      SELECT count(*) FROM order_item_webhook_delivery WHERE webhook_id = webhook.id AND state = 'dead'
    ) AS dead
  )
  SELECT state, count(*)::int AS count, sum(events)::float8 AS events, sum(dead)::float8 AS dead,
    greatest(0, extract(epoch FROM now() - min(since)))::float8 AS seconds
  FROM backlog GROUP BY state`;

interface BacklogRow {
  readonly state: keyof WebhookBacklog['endpoints'];
  readonly count: number;
  readonly events: number;
  readonly dead: number;
  /** Null if there is nothing to take. */
  readonly seconds: number | null;
}

/** Reads what the endpoints do not have yet. */
export async function readBacklog(dataSource: DataSource): Promise<WebhookBacklog> {
  const rows = await dataSource.query<BacklogRow[]>(BACKLOG);
  const enabled = rows.find(({ state }) => state === 'enabled');
  return {
    events: enabled?.events ?? 0,
    seconds: enabled?.seconds ?? 0,
    deadLetters: rows.reduce((sum, { dead }) => sum + dead, 0),
    endpoints: Object.fromEntries(rows.map(({ state, count }) => [state, count])),
  };
}

import type { DataSource } from 'typeorm';
import { ACTIVE_SECRETS } from './endpoints.ts';
import { ATTEMPT_LIMIT_MS } from './sendWebhook.ts';

/** An instance that has not recorded an attempt this long after its time limit has died. Another one takes it over. */
const TAKEOVER_MS = 5_000;

/** An event is tried for three days. */
const GIVE_UP = `interval '3 days'`;

/** An endpoint gets a page of this many events while fewer deliveries are due, so that the backlog stays in the outbox. */
const MAX_DUE = 1_000;

/** The same for a replay. New events wait for no more than these. */
const MAX_DUE_REPLAYS = 16;

/** A delivery that this instance has to attempt. */
export interface ClaimedDelivery {
  readonly replay: number;
  readonly position: number;
  /** Names the attempt, so that an instance that was too slow does not record over the one that took over. */
  readonly lease: string;
  /** The attempts with this one. */
  readonly attempts: number;
}

/** How an attempt ended. */
export interface RecordedAttempt extends ClaimedDelivery {
  /**
   * - `taken`: the endpoint has the event.
   * - `failed`: it is tried again, or given up after three days.
   * - `lost`: the event is no longer kept, so the delivery is given up at once.
   * - `interrupted`: the instance stopped in the middle, so the attempt is free at once.
   */
  readonly outcome: 'taken' | 'failed' | 'lost' | 'interrupted';
  readonly status: number | null;
  readonly error: string | null;
  readonly durationMs: number;
  readonly pauseMs: number;
}

/** How to reach an endpoint. */
export interface Endpoint {
  readonly url: string;
  /** The secret, and the one before it within 24 hours after a rotation. */
  readonly secrets: readonly string[];
  /** The free texts that the endpoint gets: `reason`, `note`. */
  readonly freeTexts: readonly string[];
}

/** What a turn did. */
export interface Turn {
  readonly endpoint: Endpoint;
  readonly claimed: readonly ClaimedDelivery[];
  /** Deliveries that were given up. */
  readonly dead: number;
  /** Whether the endpoint has asked for no more events (410). */
  readonly isGone: boolean;
}

interface Queries {
  query<Rows>(statement: string, parameters: readonly unknown[]): Promise<Rows>;
}

/**
 * Finds the endpoints with something to do: deliveries that are due, or events without a delivery. Each of both is an end of an
 * index.
 */
export async function findEndpointsWithWork(dataSource: Pick<DataSource, 'query'>): Promise<string[]> {
  const rows = await dataSource.query<{ id: string }[]>(
    `/* find_webhooks */ SELECT id FROM order_item_webhook AS webhook WHERE status = 'enabled' AND (
       position < (SELECT max(position) FROM order_item_event) OR replay_until IS NOT NULL
       OR EXISTS (SELECT FROM order_item_webhook_delivery
         WHERE webhook_id = webhook.id AND state = 'waiting' AND next_attempt_at <= now()))`,
  );
  return rows.map(({ id }) => id);
}

/**
 * One transaction for an endpoint: it records attempts, makes deliveries of new events, and claims some that are due. It holds
 * the row of the endpoint, so the turns of all instances follow each other, and each sees what the last one did. It holds it for
 * milliseconds, and never during an attempt.
 *
 * @param capacity how many deliveries to claim.
 * @returns null if another instance has its turn, or if the endpoint is gone. Nothing was recorded then.
 * @throws an error of the database.
 */
export function takeTurn(
  dataSource: DataSource,
  endpointId: string,
  attempts: readonly RecordedAttempt[],
  capacity: number,
): Promise<Turn | null> {
  return dataSource.transaction('READ COMMITTED', async (manager) => {
    const database: Queries = { query: (statement, parameters) => manager.query(statement, [...parameters]) };
    const [locked] = await database.query<(Endpoint & { readonly status: string })[]>(LOCK, [endpointId]);
    if (locked === undefined) return null;
    const { status: endpointStatus, ...endpoint } = locked;
    const isGone = attempts.some(({ status }) => status === 410) && endpointStatus === 'enabled';
    const dead = attempts.length === 0 ? 0 : await recordAttempts(database, endpointId, attempts);
    if (isGone) {
      await database.query(
        `/* disable_webhook */ UPDATE order_item_webhook SET status = 'disabled', disabled_because = 'gone' WHERE id = $1`,
        [endpointId],
      );
    }
    if (isGone || endpointStatus !== 'enabled') return { endpoint, claimed: [], dead, isGone };
    await database.query(ADD_LIVE, [endpointId]);
    await database.query(ADD_REPLAYED, [endpointId]);
    const claimed = capacity === 0 ? [] : await claim(database, endpointId, capacity);
    return { endpoint, claimed, dead, isGone };
  });
}

const LOCK = `/* lock_webhook */ SELECT status, url, free_texts AS "freeTexts",
    ${ACTIVE_SECRETS} AS secrets
  FROM order_item_webhook WHERE id = $1 FOR UPDATE SKIP LOCKED`;

/** The next event of an item is due as soon as the one before it is taken or dead. */
const RECORD = `/* record_attempts */ WITH attempt AS (
    SELECT * FROM jsonb_to_recordset($2::jsonb) AS given(replay int, position bigint, lease uuid, outcome text, status int,
      error text, "durationMs" int, "pauseMs" float8)
  ), recorded AS (
    UPDATE order_item_webhook_delivery AS delivery SET
      state = CASE WHEN outcome = 'taken' THEN 'taken'
        WHEN outcome = 'lost' OR outcome = 'failed' AND give_up_at <= now() THEN 'dead' ELSE 'waiting' END,
      next_attempt_at = CASE WHEN outcome = 'interrupted' THEN now()
        WHEN outcome = 'failed' AND give_up_at > now() THEN least(give_up_at, now() + "pauseMs" * interval '1 ms') END,
      lease = NULL, last_status = status, last_error = error, last_duration_ms = "durationMs", last_attempt_at = now()
    FROM attempt
    WHERE webhook_id = $1 AND delivery.replay = attempt.replay AND delivery.position = attempt.position
      AND delivery.lease = attempt.lease
    RETURNING delivery.replay, delivery.position, order_item_id, state
  ), next AS (
    SELECT DISTINCT following.* FROM recorded, LATERAL (
      SELECT replay, position FROM order_item_webhook_delivery
      WHERE webhook_id = $1 AND replay = recorded.replay AND order_item_id = recorded.order_item_id
        AND position > recorded.position AND state = 'waiting'
      ORDER BY position LIMIT 1
    ) AS following WHERE state <> 'waiting'
  ), released AS (
    UPDATE order_item_webhook_delivery AS delivery SET next_attempt_at = now() FROM next
    WHERE webhook_id = $1 AND delivery.replay = next.replay AND delivery.position = next.position
  )
  SELECT count(*)::int AS dead FROM recorded WHERE state = 'dead'`;

async function recordAttempts(
  database: Queries,
  endpointId: string,
  attempts: readonly RecordedAttempt[],
): Promise<number> {
  const [row] = await database.query<{ dead: number }[]>(RECORD, [endpointId, JSON.stringify(attempts)]);
  return row?.dead ?? 0;
}

/** The page of events that a turn makes deliveries of: the new ones, or those of a replay. All texts are SQL. */
interface Lane {
  /** The name of the statement. */
  readonly name: string;
  /** The number of the replay, 0 for new events. */
  readonly replay: string;
  /** The page begins after this position. */
  readonly after: string;
  /** It ends at this one. */
  readonly until: string;
  /** The events that are left out. */
  readonly filter: string;
  /** The deliveries that count for `maxDue`. */
  readonly due: string;
  readonly maxDue: number;
  readonly giveUpAt: string;
  /** What the endpoint remembers afterwards. */
  readonly remember: string;
}

/** Makes deliveries. One whose item still waits for an earlier event is due after that one. */
function addDeliveries({ name, replay, after, until, filter, due, maxDue, giveUpAt, remember }: Lane): string {
  return `/* ${name} */ WITH webhook AS (
    SELECT webhook.* FROM order_item_webhook AS webhook WHERE webhook.id = $1 AND ${after} < ${until} AND (
      SELECT count(*) FROM (
        SELECT FROM order_item_webhook_delivery
        WHERE webhook_id = $1 AND ${due} AND state = 'waiting' AND next_attempt_at <= now() LIMIT ${maxDue}
      ) AS due
    ) < ${maxDue}
  ), page AS (
    SELECT event.* FROM webhook, order_item_event AS event WHERE event.position > ${after} AND event.position <= ${until}
    ORDER BY event.position LIMIT ${maxDue}
  ), added AS (
    INSERT INTO order_item_webhook_delivery
      (webhook_id, replay, position, event_id, order_item_id, next_attempt_at, give_up_at)
    SELECT $1, ${replay}, page.position, page.id, page.order_item_id,
      CASE WHEN row_number() OVER (PARTITION BY page.order_item_id ORDER BY page.position) = 1 AND NOT EXISTS (
        SELECT FROM order_item_webhook_delivery AS earlier
        WHERE earlier.webhook_id = $1 AND earlier.replay = ${replay} AND earlier.order_item_id = page.order_item_id
          AND earlier.state = 'waiting'
      ) THEN now() END, ${giveUpAt}
    FROM webhook, page WHERE (types IS NULL OR page.type = ANY (types)) AND ${filter}
  )
  UPDATE order_item_webhook AS remembered SET ${remember} FROM webhook WHERE remembered.id = webhook.id`;
}

const ADD_LIVE = addDeliveries({
  name: 'add_deliveries',
  replay: '0',
  after: 'webhook.position',
  until: '(SELECT max(position) FROM order_item_event)',
  filter: 'true',
  due: 'replay = 0',
  maxDue: MAX_DUE,
  giveUpAt: `least(page.occurred_at, now()) + ${GIVE_UP}`,
  remember: 'position = coalesce((SELECT max(page.position) FROM page), webhook.position)',
});

const ADD_REPLAYED = addDeliveries({
  name: 'add_replayed_deliveries',
  replay: 'webhook.replay',
  after: 'webhook.replay_position',
  until: 'webhook.replay_until',
  filter: 'page.occurred_at >= webhook.replay_since',
  due: 'replay > 0',
  maxDue: MAX_DUE_REPLAYS,
  giveUpAt: `now() + ${GIVE_UP}`,
  remember: `replay_position = (SELECT max(page.position) FROM page),
    replay_until = (SELECT webhook.replay_until FROM page HAVING max(page.position) < webhook.replay_until)`,
});

/** `SKIP LOCKED` is not needed: the row of the endpoint is locked. */
const CLAIM = `/* claim_deliveries */ WITH due AS (
    SELECT replay, position FROM order_item_webhook_delivery
    WHERE webhook_id = $1 AND state = 'waiting' AND next_attempt_at <= now() ORDER BY next_attempt_at, position LIMIT $2
  )
  UPDATE order_item_webhook_delivery AS delivery SET lease = gen_random_uuid(), attempts = attempts + 1,
    next_attempt_at = now() + interval '${ATTEMPT_LIMIT_MS + TAKEOVER_MS} ms'
  FROM due WHERE webhook_id = $1 AND delivery.replay = due.replay AND delivery.position = due.position
  RETURNING delivery.replay, delivery.position, lease, attempts`;

async function claim(database: Queries, endpointId: string, capacity: number): Promise<ClaimedDelivery[]> {
  // TypeORM returns the rows of an update with their number.
  const [rows] = await database.query<[(Omit<ClaimedDelivery, 'position'> & { position: string })[], number]>(CLAIM, [
    endpointId,
    capacity,
  ]);
  return rows.map((row) => ({ ...row, position: Number(row.position) }));
}

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
    const [endpoint] = await database.query<LockedEndpoint[]>(LOCK, [endpointId]);
    if (endpoint === undefined) return null;
    const isGone = attempts.some(({ status }) => status === 410) && endpoint.status === 'enabled';
    const dead = attempts.length === 0 ? 0 : await recordAttempts(database, endpointId, attempts);
    if (isGone) {
      await database.query(
        `/* disable_webhook */ UPDATE order_item_webhook SET status = 'disabled', disabled_because = 'gone' WHERE id = $1`,
        [endpointId],
      );
    }
    if (isGone || endpoint.status !== 'enabled') return { endpoint, claimed: [], dead, isGone };
    await database.query(ADD_LIVE, [endpointId, endpoint.types, endpoint.position]);
    if (endpoint.replayUntil !== null) await addReplayed(database, endpointId, endpoint);
    const claimed = capacity === 0 ? [] : await claim(database, endpointId, capacity);
    return { endpoint, claimed, dead, isGone };
  });
}

/**
 * The tables of a queue have no useful statistics, so the planner is told to use the index that has the rows in order. Otherwise
 * it would read and sort the whole backlog for each item.
 */
const LOCK = `/* lock_webhook */ SELECT set_config('enable_sort', 'off', true), set_config('enable_seqscan', 'off', true),
    status, url, free_texts AS "freeTexts", ${ACTIVE_SECRETS} AS secrets,
    types, position, replay, replay_since AS "replaySince", replay_position AS "replayPosition", replay_until AS "replayUntil"
  FROM order_item_webhook WHERE id = $1 FOR UPDATE SKIP LOCKED`;

/** The locked row of an endpoint. Positions are text, as the driver reads them. */
interface LockedEndpoint extends Endpoint {
  readonly status: string;
  /** Null if the endpoint gets events of all types. */
  readonly types: readonly string[] | null;
  readonly position: string;
  /** The number of the newest replay. */
  readonly replay: number;
  readonly replaySince: Date | null;
  readonly replayPosition: string | null;
  /** Null if no replay runs. */
  readonly replayUntil: string | null;
}

/**
 * The next event of an item is due as soon as the one before it is taken or dead. The order by the item lets only one index serve,
 * so that a long backlog of other items costs nothing.
 */
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
    SELECT DISTINCT following.replay, following.position FROM recorded, LATERAL (
      SELECT replay, position, order_item_id FROM order_item_webhook_delivery
      WHERE webhook_id = $1 AND replay = recorded.replay AND state = 'waiting'
        AND (order_item_id, position) > (recorded.order_item_id, recorded.position)
      ORDER BY order_item_id, position LIMIT 1
    ) AS following WHERE state <> 'waiting' AND following.order_item_id = recorded.order_item_id
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

/** What a turn makes deliveries of: new events, or those of a replay. All texts are SQL. */
interface Lane {
  /** The number of the replay, 0 for new events. */
  readonly replay: string;
  /** Tells the deliveries that count for `maxDue`. */
  readonly due: string;
  /** With this many deliveries that are due, none are made. A page is as large. */
  readonly maxDue: number;
  /** Tells the events of a page. */
  readonly page: string;
  readonly giveUpAt: string;
  /** What the endpoint remembers afterwards. */
  readonly remember: string;
}

/**
 * Makes the deliveries of a page of events. One whose item still waits for an earlier event is due after that one. $1: the
 * endpoint. $2: its types. $3: the position before the page.
 */
function addDeliveries(name: string, { replay, due, maxDue, page, giveUpAt, remember }: Lane): string {
  return `/* ${name} */ WITH page AS MATERIALIZED (
    SELECT id, order_item_id, type, occurred_at, position FROM order_item_event
    WHERE position > $3::bigint AND ${page} AND (
      SELECT count(*) FROM (
        SELECT FROM order_item_webhook_delivery
        WHERE webhook_id = $1 AND ${due} AND state = 'waiting' AND next_attempt_at <= now() LIMIT ${maxDue}
      ) AS due
    ) < ${maxDue}
    ORDER BY position LIMIT ${maxDue}
  ), added AS (
    INSERT INTO order_item_webhook_delivery
      (webhook_id, replay, position, event_id, order_item_id, next_attempt_at, give_up_at)
    SELECT $1, ${replay}, position, id, order_item_id,
      CASE WHEN row_number() OVER (PARTITION BY order_item_id ORDER BY position) = 1
        AND order_item_id IS DISTINCT FROM (
          SELECT earlier.order_item_id FROM order_item_webhook_delivery AS earlier
          WHERE earlier.webhook_id = $1 AND earlier.replay = ${replay} AND earlier.state = 'waiting'
            AND earlier.order_item_id >= page.order_item_id
          ORDER BY earlier.order_item_id, earlier.position LIMIT 1
        ) THEN now() END, ${giveUpAt}
    FROM page WHERE $2::text[] IS NULL OR type = ANY ($2::text[])
  )
  UPDATE order_item_webhook SET ${remember} WHERE id = $1 AND EXISTS (SELECT FROM page)`;
}

const ADD_LIVE = addDeliveries('add_deliveries', {
  replay: '0',
  due: 'replay = 0',
  maxDue: MAX_DUE,
  page: 'true',
  giveUpAt: `least(occurred_at, now()) + ${GIVE_UP}`,
  remember: 'position = (SELECT max(position) FROM page)',
});

/** $4: the number of the replay. $5: its last position. $6: the time of its first event. */
const ADD_REPLAYED = addDeliveries('add_replayed_deliveries', {
  replay: '$4::int',
  due: 'replay > 0',
  maxDue: MAX_DUE_REPLAYS,
  page: 'position <= $5::bigint AND occurred_at >= $6::timestamptz',
  giveUpAt: `now() + ${GIVE_UP}`,
  remember: 'replay_position = (SELECT max(position) FROM page)',
});

/** A replay that has enough due deliveries goes on in a later turn. One without further events is over. */
async function addReplayed(database: Queries, endpointId: string, endpoint: LockedEndpoint): Promise<void> {
  const { types, replay, replayPosition, replayUntil, replaySince } = endpoint;
  await database.query(ADD_REPLAYED, [endpointId, types, replayPosition, replay, replayUntil, replaySince]);
  await database.query(END_REPLAY, [endpointId]);
}

const END_REPLAY = `/* end_replay */ UPDATE order_item_webhook SET replay_until = NULL WHERE id = $1 AND NOT EXISTS (
    SELECT FROM order_item_event
    WHERE position > replay_position AND position <= replay_until AND occurred_at >= replay_since
  )`;

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

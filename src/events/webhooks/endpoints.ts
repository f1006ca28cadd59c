import type { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { createSecret } from './signatures.ts';

/** A database, or one transaction. */
type Queries = Pick<DataSource, 'query'>;

/** The types of events that an endpoint can ask for. */
export const EVENT_TYPES = ['order_item.cancelled', 'order_item.partially_cancelled'] as const;

/** Why an endpoint is disabled. */
export type DisabledBecause = 'operator' | 'gone' | 'behind';

/** An endpoint, as the command lists it. */
export interface ListedEndpoint {
  readonly id: string;
  readonly url: string;
  readonly status: 'enabled' | 'disabled';
  readonly disabledBecause: DisabledBecause | null;
  /** Null if it gets events of all types. */
  readonly types: readonly string[] | null;
  readonly freeTexts: readonly string[];
  /** How many events it has not taken yet. Dead letters do not count. */
  readonly lag: number;
  readonly deadLetters: number;
}

/** A delivery, as the command lists it. */
export interface ListedDelivery {
  readonly eventId: string;
  /** The id of the item. */
  readonly subject: string;
  readonly state: 'waiting' | 'taken' | 'dead';
  readonly attempts: number;
  readonly lastStatus: number | null;
  readonly lastError: string | null;
  readonly lastDurationMs: number | null;
  /** Null if there is none, or if it waits for an earlier event of its item. */
  readonly nextAttemptAt: Date | null;
  /** 0 for a new event, otherwise the number of the replay. */
  readonly replay: number;
}

/** Adds an endpoint. It gets the events that are numbered from now on. */
export async function addEndpoint(
  database: Queries,
  given: { readonly url: string; readonly types: readonly string[] | null; readonly freeTexts: readonly string[] },
): Promise<{ readonly id: string; readonly url: string; readonly secret: string }> {
  const [id, secret] = [uuidv7(), createSecret()];
  await database.query(
    `INSERT INTO order_item_webhook (id, url, types, free_texts, secret, position)
     SELECT $1, $2, $3, $4, $5, coalesce(max(position), 0) FROM order_item_event`,
    [id, given.url, given.types, given.freeTexts, secret],
  );
  return { id, url: given.url, secret };
}

const LIST = `SELECT id, url, status, disabled_because AS "disabledBecause", types, free_texts AS "freeTexts",
    (SELECT count(*) FROM order_item_webhook_delivery
      WHERE webhook_id = webhook.id AND replay = 0 AND state = 'waiting')::int
    + (SELECT count(*) FROM order_item_event AS event WHERE (event.position > webhook.position OR event.position IS NULL)
      AND (types IS NULL OR event.type = ANY (types)))::int AS lag,
    (SELECT count(*) FROM order_item_webhook_delivery WHERE webhook_id = webhook.id AND state = 'dead')::int
      AS "deadLetters"
  FROM order_item_webhook AS webhook`;

/** Lists the endpoints, the oldest first. */
export async function listEndpoints(database: Queries): Promise<ListedEndpoint[]> {
  return database.query(`${LIST} ORDER BY id`);
}

/** Finds an endpoint, with the secrets that sign for it now. */
export async function findEndpoint(
  database: Queries,
  id: string,
): Promise<{ readonly url: string; readonly secrets: readonly string[] } | null> {
  const [row] = await database.query<{ url: string; secrets: string[] }[]>(
    `SELECT url, ${ACTIVE_SECRETS} AS secrets FROM order_item_webhook WHERE id = $1`,
    [id],
  );
  return row ?? null;
}

/** Stops the deliveries of an endpoint. Attempts under way end as they end. @returns whether there is such an endpoint. */
export async function disableEndpoint(database: Queries, id: string): Promise<boolean> {
  return changesRow(
    database,
    `UPDATE order_item_webhook SET status = 'disabled', disabled_because = 'operator'
     WHERE id = $1`,
    [id],
  );
}

/**
 * Lets an endpoint go on where it stopped. Its events are tried again at once, whatever their pauses. Events that are no longer
 * kept are passed over.
 *
 * @returns whether there is such an endpoint.
 */
export async function enableEndpoint(dataSource: DataSource, id: string): Promise<boolean> {
  return dataSource.transaction(async (manager) => {
    const isThere = await changesRow(
      manager,
      `UPDATE order_item_webhook SET status = 'enabled', disabled_because = NULL WHERE id = $1`,
      [id],
    );
    await manager.query(
      `UPDATE order_item_webhook_delivery SET next_attempt_at = now()
       WHERE webhook_id = $1 AND state = 'waiting' AND lease IS NULL AND next_attempt_at > now()`,
      [id],
    );
    return isThere;
  });
}

/** How long the secret before the last rotation signs, too. */
const OVERLAP = `interval '24 hours'`;

/** The SQL of the secrets that sign for an endpoint. */
export const ACTIVE_SECRETS = `array_remove(ARRAY[secret, CASE WHEN rotated_at > now() - ${OVERLAP} THEN previous_secret END], NULL)`;

/** Gives an endpoint a new secret. The one before signs, too, for 24 hours. @returns null if there is no such endpoint. */
export async function rotateSecret(database: Queries, id: string): Promise<string | null> {
  const secret = createSecret();
  const isThere = await changesRow(
    database,
    `UPDATE order_item_webhook SET previous_secret = secret, secret = $2, rotated_at = now() WHERE id = $1`,
    [id, secret],
  );
  return isThere ? secret : null;
}

/**
 * Sends the events since a time again, beside the new ones. A replay that still runs is extended.
 *
 * @returns how many events that are, or null if there is no such endpoint.
 */
export async function replayEvents(database: Queries, id: string, since: Date): Promise<number | null> {
  const [[row]] = await database.query<[{ count: number }[], number]>(
    `WITH kept AS (
       SELECT event.position FROM order_item_webhook AS webhook JOIN order_item_event AS event
         ON event.position <= webhook.position AND (types IS NULL OR event.type = ANY (types))
       WHERE webhook.id = $1 AND event.occurred_at >= $2
     ), range AS (SELECT min(position) - 1 AS after, count(*)::int AS count FROM kept)
     UPDATE order_item_webhook SET replay = replay + 1,
       replay_since = CASE WHEN replay_until IS NULL THEN $2 ELSE least(replay_since, $2) END,
       replay_position = least(CASE WHEN replay_until IS NOT NULL THEN replay_position END, after, position),
       replay_until = position
     FROM range WHERE id = $1 RETURNING count`,
    [id, since],
  );
  return row?.count ?? null;
}

/** Lists the deliveries of an endpoint, the newest event first. @param limit how many. */
export async function listDeliveries(database: Queries, id: string, limit: number): Promise<ListedDelivery[]> {
  return database.query(
    `SELECT event_id AS "eventId", order_item_id AS subject, state, attempts, last_status AS "lastStatus",
       last_error AS "lastError", last_duration_ms AS "lastDurationMs", next_attempt_at AS "nextAttemptAt", replay
     FROM order_item_webhook_delivery WHERE webhook_id = $1 ORDER BY position DESC, replay DESC LIMIT $2`,
    [id, limit],
  );
}

/** TypeORM returns the number of changed rows after the rows. */
async function changesRow(database: Queries, statement: string, parameters: unknown[]): Promise<boolean> {
  const [, count] = await database.query<[unknown, number]>(statement, parameters);
  return count > 0;
}

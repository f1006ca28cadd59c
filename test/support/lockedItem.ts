import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

/** An item that another session has locked. */
export interface LockedItem {
  /** Waits until the service has found the item locked. @throws after 5 s. */
  readonly untilTried: () => Promise<void>;
  readonly release: () => Promise<void>;
}

export async function lockItem(databaseUrl: string, id: string): Promise<LockedItem> {
  const client = new pg.Client(databaseUrl);
  await client.connect();
  await client.query('BEGIN');
  await client.query('SELECT FROM order_item WHERE id = $1 FOR UPDATE', [id]);
  const { rows } = await client.query<{ now: string }>('SELECT clock_timestamp()::text AS now');
  return {
    untilTried: () =>
      until(
        databaseUrl,
        `application_name = 'order-items' AND state_change > '${rows[0]?.now ?? ''}'
           AND (query = 'COMMIT' OR query LIKE '%busy_order_items%' AND state = 'idle')`,
        'Nobody tried to cancel the item.',
      ),
    release: () => client.end(),
  };
}

/** Waits until a session of the database waits for a lock. @throws after 5 s. */
export function untilSessionWaits(databaseUrl: string): Promise<void> {
  return until(databaseUrl, "wait_event_type = 'Lock'", 'Nobody waits for a lock.');
}

/** Waits until a session of the database meets the condition. */
async function until(databaseUrl: string, condition: string, complaint: string): Promise<void> {
  const client = new pg.Client(databaseUrl);
  await client.connect();
  try {
    const deadline = Date.now() + 5_000;
    while (Date.now() < deadline) {
      const { rowCount } = await client.query(
        `SELECT FROM pg_stat_activity WHERE datname = current_database() AND ${condition}`,
      );
      if (rowCount !== 0) return;
      await sleep(5);
    }
    throw new Error(complaint);
  } finally {
    await client.end();
  }
}

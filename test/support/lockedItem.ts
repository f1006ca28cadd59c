import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

/** An item that a session beside the service has locked. */
export interface LockedItem {
  readonly release: () => Promise<void>;
}

export async function lockItem(databaseUrl: string, id: string): Promise<LockedItem> {
  const client = new pg.Client(databaseUrl);
  await client.connect();
  await client.query('BEGIN');
  await client.query('SELECT FROM order_item WHERE id = $1 FOR UPDATE', [id]);
  return { release: () => client.end() };
}

/** Returns once some session of the database waits for a lock. @throws after 5 s. */
export async function untilSomebodyWaits(databaseUrl: string): Promise<void> {
  const client = new pg.Client(databaseUrl);
  await client.connect();
  try {
    const deadline = Date.now() + 5_000;
    while (Date.now() < deadline) {
      const { rowCount } = await client.query(
        "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
      );
      if (rowCount !== 0) return;
      await sleep(5);
    }
    throw new Error('Nobody waits for a lock.');
  } finally {
    await client.end();
  }
}

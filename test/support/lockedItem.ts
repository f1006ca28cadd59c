import pg from 'pg';
import { CITUS_URL } from './citus.ts';
import { databaseUrls, nameDatabase } from './testDatabase.ts';
import { waitFor } from './waitFor.ts';

/** An item that another session has locked. */
export interface LockedItem {
  /** Waits until the service has found the item locked. */
  readonly untilTried: () => Promise<void>;
  readonly release: () => Promise<void>;
}

const LOCK = 'SELECT FROM order_item WHERE id = $1 FOR UPDATE';

/** @param statement locks the item, and can change it. The release commits the change. */
export async function lockItem(databaseUrl: string, id: string, statement = LOCK): Promise<LockedItem> {
  const client = new pg.Client(databaseUrl);
  await client.connect();
  await client.query('BEGIN');
  await client.query(statement, [id]);
  const { rows } = await client.query<{ now: string }>('SELECT clock_timestamp()::text AS now');
  return {
    untilTried: () =>
      untilSessions(
        databaseUrl,
        `application_name = 'order-items' AND state_change > '${rows[0]?.now ?? ''}'
           AND (query = 'COMMIT' OR query LIKE '%busy_order_items%' AND state = 'idle')`,
        'a try to cancel the locked item',
      ),
    release: async () => {
      await client.query('COMMIT');
      await client.end();
    },
  };
}

/** Waits until sessions of the database wait for locks. */
export function untilSessionWaits(databaseUrl: string, sessions = 1): Promise<void> {
  return untilSessions(
    databaseUrl,
    "wait_event_type = 'Lock'",
    `${sessions} session(s) that wait for a lock`,
    sessions,
  );
}

/** Waits until so many sessions of the database meet the condition. On Citus, those of all nodes count. */
async function untilSessions(databaseUrl: string, condition: string, awaited: string, sessions = 1): Promise<void> {
  const urls = CITUS_URL === undefined ? [databaseUrl] : databaseUrls(nameDatabase(databaseUrl));
  const clients = urls.map((url) => new pg.Client(url));
  await Promise.all(clients.map((client) => client.connect()));
  const countSessions = async (client: pg.Client): Promise<number> => {
    const { rowCount } = await client.query(
      `SELECT FROM pg_stat_activity WHERE datname = current_database() AND ${condition}`,
    );
    return rowCount ?? 0;
  };
  try {
    await waitFor(awaited, async () => {
      const counts = await Promise.all(clients.map(countSessions));
      return counts.reduce((sum, count) => sum + count) >= sessions;
    });
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
}

import { randomUUID } from 'node:crypto';
import type { DataSource } from 'typeorm';

/**
 * How long an instance holds a stream without saying so again. If it dies, another one goes on after this time.
 */
export const LEASE_MS = 5_000;

/** What an instance finds when it asks for a stream. */
export interface Hold {
  /** Whether this instance holds the stream from now on. */
  readonly isHeld: boolean;
  /** The position of the last event that the broker has acknowledged. Null if there is none. */
  readonly position: number | null;
}

/** How far a stream has the events. One instance at a time holds it. */
export interface StreamCursor {
  /** Takes the stream, unless another instance holds it. */
  readonly hold: () => Promise<Hold>;
  /** Stores the position and lets go of the stream. It does nothing if another instance has taken it meanwhile. */
  readonly release: (position: number | null) => Promise<void>;
}

/**
 * Opens the cursor of a stream. The hold is a lease instead of a lock: no connection and no transaction stays open while the
 * broker is slow, and a pooler in transaction mode bears it.
 *
 * @param name the name of the stream.
 */
export function openStreamCursor(dataSource: DataSource, name: string): StreamCursor {
  const holder = randomUUID();
  const lease = `interval '${LEASE_MS} milliseconds'`;
  return {
    hold: async () => {
      const [held] = await dataSource.query<[{ position: string | null }[], number]>(
        // A lease that ends later than a new one would is of a time before the server's clock was set back.
        `/* hold_stream */ UPDATE order_item_stream SET holder = $2, held_until = clock_timestamp() + ${lease}
         WHERE name = $1
           AND (held_until BETWEEN clock_timestamp() AND clock_timestamp() + ${lease} AND holder <> $2) IS NOT TRUE
         RETURNING position`,
        [name, holder],
      );
      if (held[0] !== undefined) return { isHeld: true, position: toPosition(held[0].position) };
      const [found] = await dataSource.query<{ position: string | null }[]>(
        '/* find_stream */ SELECT position FROM order_item_stream WHERE name = $1',
        [name],
      );
      if (found !== undefined) return { isHeld: false, position: toPosition(found.position) };
      await dataSource.query(
        '/* add_stream */ INSERT INTO order_item_stream (name) VALUES ($1) ON CONFLICT (name) DO NOTHING',
        [name],
      );
      return { isHeld: false, position: null };
    },
    release: async (position) => {
      await dataSource.query(
        `/* release_stream */ UPDATE order_item_stream SET position = $3, holder = NULL, held_until = NULL
         WHERE name = $1 AND holder = $2`,
        [name, holder, position],
      );
    },
  };
}

function toPosition(text: string | null): number | null {
  return text === null ? null : Number(text);
}

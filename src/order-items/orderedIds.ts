import { v7 as uuidv7 } from 'uuid';
import { type Clock, systemClock } from '../work/clock.ts';

/** The random bytes of an id. */
const RANDOM_LENGTH = 16;

/** Asking for the random bytes of each id alone takes longer than everything else that makes the id. */
const POOLED_IDS = 256;

/** The first sequence of a millisecond is below this, so that others can follow. */
const MAX_FIRST_SEQUENCE = 0x7fffffff;

/**
 * Creates a function that makes UUIDs of version 7. Each sorts after those before it, also if the clock goes back.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9562#section-6.2
 */
export function createOrderedIds(clock: Clock = systemClock): () => string {
  const pool = Buffer.alloc(RANDOM_LENGTH * POOLED_IDS);
  let used = pool.length;
  let latestMs = -Infinity;
  let sequence = 0;
  return () => {
    if (used === pool.length) {
      crypto.getRandomValues(pool);
      used = 0;
    }
    const random = pool.subarray(used, (used += RANDOM_LENGTH));
    const nowMs = clock.epochMs();
    if (nowMs > latestMs) {
      latestMs = nowMs;
      sequence = random.readUInt32BE(0) & MAX_FIRST_SEQUENCE;
    } else sequence += 1;
    return uuidv7({ random, msecs: latestMs, seq: sequence });
  };
}

import { describeReason } from '../database/databaseFailures.ts';
import type { Logger } from '../telemetry/logger.ts';
import { type Clock, systemClock } from '../work/clock.ts';
import { withDeadline } from '../work/deadline.ts';
import { createPause } from '../work/pause.ts';
import type { CloudEvent } from './cloudEvent.ts';
import { CursorExpired, type EventLog } from './eventLog.ts';
import { createFollower, type Follower } from './follower.ts';

/** What a follower of the log waits for. */
export interface Following<T> {
  /** Whether the follower wants a value. */
  readonly accepts: (value: T) => boolean;
  /** Called once if the follower falls behind. It gets no more values. */
  readonly onTooSlow: () => void;
}

/** The end of the log, as it grows. */
export interface EventTail<T> {
  /** Follows the log from now on. The generator ends when its `return` is called. */
  readonly follow: (following: Following<T>) => Promise<AsyncGenerator<T, void, undefined>>;
}

export interface TailSource<T> {
  readonly log: EventLog;
  /** Returns the highest position of the log, 0 if it is empty. */
  readonly findNewest: () => Promise<number>;
  /** Loads what the followers get of each event, in order. Null for an event that they do not get. */
  readonly load: (events: readonly CloudEvent[]) => Promise<readonly (T | null)[]>;
}

/** Values that wait for a follower. Beyond this, it is too slow. Followers share the values, so one costs little. */
const MAX_WAITING = 100;

const PAGE_SIZE = 200;

/** The pause after a failure. */
const RETRY_MS = 1_000;

/** How long the statements for one page can take. */
const LIMIT_MS = 5_000;

/**
 * Lets any number of followers share one reader of the log. Without a follower, it reads nothing.
 *
 * @param logger hears of failures. The reader then tries again.
 */
export function createEventTail<T>(
  { log, findNewest, load }: TailSource<T>,
  logger: Logger,
  clock: Clock = systemClock,
): EventTail<T> {
  /** Each with the position after which it gets values. */
  const followers = new Map<Follower<T>, number>();
  const never = new AbortController().signal;
  const pause = createPause(clock);
  let isRunning = false;
  let position = 0;

  const readPage = async (): Promise<void> => {
    try {
      const page = await log.readEvents(position, PAGE_SIZE);
      const values = await load(page.map(({ event }) => event));
      page.forEach(({ position: reached }, index) => {
        const value = values[index];
        if (value == null) return;
        for (const [follower, start] of followers) if (reached > start) follower.offer(value);
      });
      position = page.at(-1)?.position ?? position;
    } catch (error) {
      if (!(error instanceof CursorExpired)) throw error;
      position = await findNewest();
    }
  };
  const run = async (): Promise<void> => {
    while (followers.size > 0) {
      // The log ends its waits when the service stops.
      if (!(await log.waitForEvents(position, never))) break;
      if (followers.size === 0) break;
      try {
        await withDeadline(clock.now() + LIMIT_MS, readPage);
      } catch (error) {
        logger.warn({ reason: describeReason(error) }, 'subscriptions wait for events');
        await pause.wait(RETRY_MS, RETRY_MS);
      }
    }
    isRunning = false;
  };
  return {
    follow: async ({ accepts, onTooSlow }) => {
      const start = await findNewest();
      const follower = createFollower<T>({
        limit: MAX_WAITING,
        accepts,
        onTooSlow,
        onEnd: () => followers.delete(follower),
      });
      followers.set(follower, start);
      if (!isRunning) {
        isRunning = true;
        position = start;
        void run();
      }
      return follower.values;
    },
  };
}

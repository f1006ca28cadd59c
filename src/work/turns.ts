import { type Clock, systemClock } from './clock.ts';
import { currentWork, DeadlineExceeded } from './deadline.ts';
import { FairQueue, type Share } from './fairQueue.ts';

/** Waits for a turn. @throws DeadlineExceeded if the deadline of the work has passed by then. */
export type WaitForTurn = (share: Share) => Promise<void>;

/**
 * Creates turns for work that keeps the process busy, one in each turn of the event loop. Everything else that has arrived
 * runs between two of them. Otherwise all that arrives together would run before anything else.
 */
export function createTurns(clock: Clock = systemClock): WaitForTurn {
  const waiting = new FairQueue<() => void>();
  let isScheduled = false;
  const schedule = (): void => {
    if (isScheduled || waiting.length === 0) return;
    isScheduled = true;
    setImmediate(() => {
      isScheduled = false;
      for (const begin of waiting.take(1, Infinity)) begin();
      schedule();
    });
  };
  return async (share) => {
    await new Promise<void>((resolve) => {
      waiting.push(resolve, share);
      schedule();
    });
    if (currentWork().deadline < clock.now()) throw new DeadlineExceeded();
  };
}

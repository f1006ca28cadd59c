import type { Clock } from './clock.ts';

/** A pause that can be cut short. */
export interface Pause {
  /**
   * Waits. Only one wait runs at a time.
   *
   * @param minMs how long it lasts even if it is cut short before.
   * @param maxMs how long it lasts otherwise.
   */
  readonly wait: (minMs: number, maxMs: number) => Promise<void>;
  /** Lets the running wait, or the next one, last for the shortest time only. */
  readonly cutShort: () => void;
  /** Ends the running wait and every later one at once. */
  readonly end: () => void;
}

/** Creates a pause on a clock. It does not keep the process running. */
export function createPause(clock: Clock): Pause {
  let isCutShort = false;
  let hasEnded = false;
  let setEnd: ((delayMs: number) => void) | null = null;
  let shortestMs = 0;
  let shortestEnd = 0;
  return {
    wait: (minMs, maxMs) =>
      new Promise((resolve) => {
        let cancelTimer = (): void => undefined;
        setEnd = (delayMs) => {
          cancelTimer();
          cancelTimer = clock.setTimer(
            () => {
              setEnd = null;
              isCutShort = false;
              resolve();
            },
            Math.max(0, delayMs),
            'does not keep the process running',
          );
        };
        shortestMs = Math.min(minMs, maxMs);
        shortestEnd = clock.now() + shortestMs;
        setEnd(hasEnded ? 0 : isCutShort ? shortestMs : maxMs);
      }),
    cutShort: () => {
      if (isCutShort) return;
      isCutShort = true;
      // A clock that went back, as in a test that turns it, must not prolong the wait.
      setEnd?.(Math.min(shortestMs, shortestEnd - clock.now()));
    },
    end: () => {
      hasEnded = true;
      setEnd?.(0);
    },
  };
}

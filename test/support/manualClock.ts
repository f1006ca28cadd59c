import type { Clock } from '../../src/work/clock.ts';

/** A clock that stands still until a test advances it. */
export interface ManualClock extends Clock {
  /** Moves the clock forward. Timers that fall due run in order, and promises settle between them. */
  readonly advance: (durationMs: number) => Promise<void>;
  /** Moves the clock forward without running anything, as a stalled process sees it. */
  readonly stall: (durationMs: number) => void;
}

interface Timer {
  readonly dueAt: number;
  readonly action: () => void;
}

/** @param epochMs what the wall clock says at the start, in milliseconds since 1970-01-01 UTC. */
export function createManualClock(epochMs = 0): ManualClock {
  const timers = new Set<Timer>();
  let now = 0;
  const findNextTimer = (until: number): Timer | undefined =>
    [...timers].filter(({ dueAt }) => dueAt <= until).sort((one, other) => one.dueAt - other.dueAt)[0];
  return {
    now: () => now,
    epochMs: () => epochMs + now,
    setTimer: (action, delayMs) => {
      const timer: Timer = { dueAt: now + delayMs, action };
      timers.add(timer);
      return () => {
        timers.delete(timer);
      };
    },
    advance: async (durationMs) => {
      const until = now + durationMs;
      await settlePromises();
      for (let timer = findNextTimer(until); timer !== undefined; timer = findNextTimer(until)) {
        timers.delete(timer);
        now = Math.max(now, timer.dueAt);
        timer.action();
        await settlePromises();
      }
      now = Math.max(now, until);
    },
    stall: (durationMs) => {
      now += durationMs;
    },
  };
}

/** Lets everything run that waits for nothing but the event loop. */
async function settlePromises(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

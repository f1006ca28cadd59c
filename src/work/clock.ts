/** The time, passed as an argument so that a test can turn it. */
export interface Clock {
  /** Milliseconds on a clock that never goes back, for durations and deadlines. The origin has no meaning. */
  readonly now: () => number;
  /** Milliseconds since 1970-01-01 UTC, for times that other machines read. */
  readonly epochMs: () => number;
  /**
   * Calls an action once, after a delay.
   *
   * @returns a function that cancels the call.
   */
  readonly setTimer: (action: () => void, delayMs: number) => () => void;
}

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => performance.now(),
  epochMs: () => Date.now(),
  setTimer: (action, delayMs) => {
    const timer = setTimeout(action, delayMs);
    return () => {
      clearTimeout(timer);
    };
  },
};

/** Waits on a clock. */
export function sleep(clock: Clock, durationMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimer(resolve, durationMs);
  });
}

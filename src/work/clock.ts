export type TimerExit = 'keeps the process running' | 'does not keep the process running';

/** The time, passed as an argument so that a test can turn it. */
export interface Clock {
  /** Milliseconds on a clock that never goes back, for durations and deadlines. The origin has no meaning. */
  readonly now: () => number;
  /** Milliseconds since 1970-01-01 UTC, for times that other machines read. */
  readonly epochMs: () => number;
  /**
   * Calls an action once, after a delay.
   *
   * @param exit whether the pending timer keeps the process running. By default it does.
   * @returns a function that cancels the call.
   */
  readonly setTimer: (action: () => void, delayMs: number, exit?: TimerExit) => () => void;
}

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => performance.now(),
  epochMs: () => Date.now(),
  setTimer: (action, delayMs, exit) => {
    const timer = setTimeout(action, delayMs);
    if (exit === 'does not keep the process running') timer.unref();
    return () => {
      clearTimeout(timer);
    };
  },
};

/**
 * Waits on a clock.
 *
 * @param signal ends the wait early.
 * @throws the reason of the signal.
 */
export function sleep(clock: Clock, durationMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const cancelTimer = clock.setTimer(() => {
      signal?.removeEventListener('abort', giveUp);
      resolve();
    }, durationMs);
    const giveUp = (): void => {
      cancelTimer();
      reject(signal?.reason as Error);
    };
    signal?.addEventListener('abort', giveUp, { once: true });
  });
}

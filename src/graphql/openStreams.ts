import { Unauthenticated } from '../auth/caller.ts';
import { type Failure, serviceUnavailable, toFailure } from '../http/failures.ts';
import { type Clock, systemClock } from '../work/clock.ts';

/** Why the service ends a stream of a client. */
export type EndReason = 'token expired' | 'reader too slow' | 'service stops';

/** Returns what the client sees of a reason. */
export function toEndFailure(reason: EndReason): Failure {
  switch (reason) {
    case 'token expired':
      return toFailure(new Unauthenticated('The token has expired'));
    case 'reader too slow':
      return serviceUnavailable('The client reads too slowly. Subscribe again.');
    case 'service stops':
      return serviceUnavailable('The service is about to stop. Subscribe again.');
  }
}

/** The streams that clients have open. */
export interface OpenStreams {
  /**
   * Adds a stream. At most one reason ends it.
   *
   * @param expiresAtS when the token of the client expires, in seconds since 1970.
   * @returns `end`, which ends it for a reason, and `forget` for a stream that has ended otherwise.
   */
  readonly add: (
    expiresAtS: number,
    onEnd: (reason: EndReason) => void,
  ) => { readonly end: (reason: EndReason) => void; readonly forget: () => void };
  /** Ends all streams, and each that is added later. */
  readonly close: () => void;
}

/** Timers of Node fire at once after a longer delay. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export function createOpenStreams(clock: Clock = systemClock): OpenStreams {
  const streams = new Set<(reason: EndReason) => void>();
  let isClosed = false;
  return {
    add: (expiresAtS, onEnd) => {
      let cancelTimer = (): void => undefined;
      const forget = (): void => {
        streams.delete(end);
        cancelTimer();
      };
      const end = (reason: EndReason): void => {
        if (!streams.has(end)) return;
        forget();
        onEnd(reason);
      };
      const waitForExpiry = (): void => {
        const leftMs = expiresAtS * 1_000 - clock.epochMs();
        if (leftMs <= 0) end('token expired');
        else {
          cancelTimer = clock.setTimer(
            waitForExpiry,
            Math.min(leftMs, MAX_TIMER_MS),
            'does not keep the process running',
          );
        }
      };
      streams.add(end);
      if (isClosed) end('service stops');
      else waitForExpiry();
      return { end, forget };
    },
    close: () => {
      isClosed = true;
      for (const end of streams) end('service stops');
    },
  };
}

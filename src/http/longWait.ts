import type { FastifyRequest } from 'fastify';
import { type Clock, systemClock } from '../work/clock.ts';

/**
 * Lets a request wait for something that happens later (long poll). It is then outside of the limit of requests in flight, its
 * connection is not closed for being idle, and the time does not count as the duration of the request.
 *
 * @param limitMs how long the request waits at most, in milliseconds.
 * @param wait ends at the signal: when the time is up, and when the client hangs up or closes its sending side. A client that
 *   is gone looks the same as one that only sends no more, so both get their answer at once.
 */
export async function waitLong<T>(
  request: FastifyRequest,
  limitMs: number,
  wait: (signal: AbortSignal) => Promise<T>,
  clock: Clock = systemClock,
): Promise<T> {
  const { socket } = request.raw;
  const abort = new AbortController();
  const giveUp = (): void => {
    abort.abort();
  };
  if (socket.readableEnded || socket.destroyed) giveUp();
  const idleLimitMs = socket.timeout ?? 0;
  const begun = clock.now();
  const cancelTimer = clock.setTimer(giveUp, limitMs);
  socket.setTimeout(0);
  socket.once('end', giveUp).once('close', giveUp);
  request.leaveLoad();
  try {
    return await wait(abort.signal);
  } finally {
    cancelTimer();
    socket.off('end', giveUp).off('close', giveUp);
    socket.setTimeout(idleLimitMs);
    request.waitedMs += clock.now() - begun;
  }
}

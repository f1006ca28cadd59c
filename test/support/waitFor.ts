import { setTimeout as sleep } from 'node:timers/promises';

/** Ten times what the slowest of the awaited events takes on a fast machine, and less than a test may take. */
const LIMIT_MS = 30_000;

const PAUSE_MS = 5;

/** An answer that means "not yet". */
type NotYet = false | null | undefined;

/**
 * Asks again and again until there is an answer.
 *
 * @param awaited names the event. It completes the sentence "Waited 30 s for …".
 * @param ask returns false, null or undefined while the event has not happened. An error ends the wait.
 * @returns the first other answer.
 * @throws if the event does not happen in time.
 */
export async function waitFor<Answer>(
  awaited: string,
  ask: () => Answer | NotYet | Promise<Answer | NotYet>,
  limitMs = LIMIT_MS,
): Promise<Answer> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const answer = await ask();
    if (answer !== false && answer !== null && answer !== undefined) return answer;
    if (performance.now() > deadline) throw new Error(`Waited ${limitMs / 1_000} s for ${awaited}.`);
    await sleep(PAUSE_MS);
  }
}

import { Agent, request } from 'undici';
import { type AddressRules, createCheckedLookup, parseEndpointUrl, RefusedAddress } from './endpointAddress.ts';
import { sign } from './signatures.ts';
import type { Clock } from '../../work/clock.ts';

/** How long an attempt can take, from the lookup of the name to the end of the answer. */
export const ATTEMPT_LIMIT_MS = 10_000;

/** The size of an answer's head. */
const MAX_HEADER_BYTES = 16_384;

/** An answer's body is read up to this size, so that its connection can be used again. Then the connection is closed. */
const MAX_BODY_BYTES = 16_384;

const USER_AGENT = 'order-items-webhooks/1';

/** The end of an attempt. */
export interface AttemptResult {
  /** The status of the answer, or null if there was none. */
  readonly status: number | null;
  /** Why there was no answer. It names no secret. Null if there was one. */
  readonly error: string | null;
  readonly durationMs: number;
}

/** An event for an endpoint. */
export interface Message {
  readonly url: string;
  readonly secrets: readonly string[];
  /** In the form of CloudEvents. */
  readonly event: { readonly id: string };
}

/** The connections to endpoints. */
export interface WebhookClient {
  /**
   * Sends an event once. The status decides whether it was taken, so a body without an end changes nothing.
   *
   * @param limitMs how long it can take.
   * @param signal gives the attempt up.
   * @returns how it ended. It never throws.
   */
  readonly send: (message: Message, limitMs?: number, signal?: AbortSignal) => Promise<AttemptResult>;
  readonly close: () => Promise<void>;
}

/**
 * Opens the connections to endpoints. Undici follows no redirect and reads no proxy from the environment unless it is told to,
 * and each could lead to an address that nobody checked.
 */
export function openWebhookClient(rules: AddressRules, clock: Clock): WebhookClient {
  const agent = new Agent({
    connect: { lookup: createCheckedLookup(rules), timeout: ATTEMPT_LIMIT_MS },
    headersTimeout: ATTEMPT_LIMIT_MS,
    bodyTimeout: ATTEMPT_LIMIT_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    pipelining: 1,
  });
  const post = async ({ url, secrets, event }: Message, signal: AbortSignal): Promise<number> => {
    const body = JSON.stringify(event);
    const signed = sign({ id: event.id, body }, secrets, new Date(clock.epochMs()));
    const answer = await request(parseEndpointUrl(url, rules), {
      method: 'POST',
      dispatcher: agent,
      headers: { 'content-type': 'application/cloudevents+json', 'user-agent': USER_AGENT, ...signed },
      body,
      signal,
    });
    await answer.body.dump({ limit: MAX_BODY_BYTES, signal }).catch(() => undefined);
    return answer.statusCode;
  };
  return {
    send: async (message, limitMs = ATTEMPT_LIMIT_MS, signal) => {
      const begun = clock.now();
      const timeout = new AbortController();
      const cancelTimer = clock.setTimer(() => {
        timeout.abort();
      }, limitMs);
      const signals = signal === undefined ? [timeout.signal] : [timeout.signal, signal];
      const end = (status: number | null, error: string | null): AttemptResult => ({
        status,
        error,
        durationMs: Math.round(clock.now() - begun),
      });
      try {
        return end(await post(message, AbortSignal.any(signals)), null);
      } catch (error) {
        return end(null, timeout.signal.aborted ? 'timeout' : describeFailure(error));
      } finally {
        cancelTimer();
      }
    },
    close: () => agent.destroy(),
  };
}

/** Whether an endpoint has taken an event. */
export function isTaken({ status }: Pick<AttemptResult, 'status'>): boolean {
  return status !== null && status >= 200 && status < 300;
}

/** Messages of a client can repeat what the endpoint sent, so only codes go into the log of deliveries. */
function describeFailure(error: unknown): string {
  if (error instanceof RefusedAddress) return error.message;
  if (!Error.isError(error)) return 'unknown';
  if (error instanceof AggregateError) return describeFailure(error.errors[0]);
  return 'code' in error ? String(error.code) : error.name;
}

import { randomUUID } from 'node:crypto';
import type { RemoteSpan } from '../work/span.ts';

/**
 * Versions after 00 can append fields.
 *
 * @see https://www.w3.org/TR/trace-context/#traceparent-header
 */
const TRACEPARENT =
  /^(?!ff)(?!00-.{53})[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/;

/** The one flag that every version of the header has. */
const SAMPLED = 1;

/**
 * Returns the id of a request: the trace id of its `traceparent`, or a new id. With the trace id, one id finds a request in
 * every service.
 *
 * @returns 32 hex digits in lower case.
 */
export function createRequestId(traceparent: string | string[] | undefined): string {
  const given = typeof traceparent === 'string' ? TRACEPARENT.exec(traceparent)?.[1] : undefined;
  // A UUIDv4 has 122 random bits. Node fills a pool of them, which is fast.
  return given ?? randomUUID().replaceAll('-', '');
}

/** Returns the span that sent the request, or null if its `traceparent` names none. */
export function readRemoteSpan(traceparent: string | string[] | undefined): RemoteSpan | null {
  const [, , spanId, flags] = (typeof traceparent === 'string' ? TRACEPARENT.exec(traceparent) : null) ?? [];
  if (spanId === undefined || flags === undefined) return null;
  return { spanId, isSampled: (parseInt(flags, 16) & SAMPLED) !== 0 };
}

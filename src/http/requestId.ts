import { randomUUID } from 'node:crypto';
import type { RemoteSpan } from '../work/span.ts';

/** @see https://www.w3.org/TR/trace-context/#traceparent-header; only versions after 00 may append fields. */
const TRACEPARENT =
  /^(?!ff)(?!00-.{53})[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/;

/** The one flag that every version has. */
const SAMPLED = 1;

/**
 * The id of a request: the trace id of its `traceparent`, so that one id finds a request in every service that it
 * touched, or a new one.
 *
 * @returns 32 lowercase hex digits.
 */
export function requestIdOf(traceparent: string | string[] | undefined): string {
  const given = typeof traceparent === 'string' ? TRACEPARENT.exec(traceparent)?.[1] : undefined;
  // Random but for six bits, from a pool that is filled for many at once.
  return given ?? randomUUID().replaceAll('-', '');
}

/** The span that a request comes from; null where its `traceparent` names none. */
export function remoteSpanOf(traceparent: string | string[] | undefined): RemoteSpan | null {
  const [, , spanId, flags] = (typeof traceparent === 'string' ? TRACEPARENT.exec(traceparent) : null) ?? [];
  if (spanId === undefined || flags === undefined) return null;
  return { spanId, isSampled: (parseInt(flags, 16) & SAMPLED) !== 0 };
}

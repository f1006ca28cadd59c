import { toExactIsoString } from './instant.ts';
import { type Cancellation, type OrderItem, parseOrderItemId } from './orderItem.ts';

/** A place in a list that is ordered by a time and an id. */
export interface Place {
  /** RFC 3339 in UTC with PostgreSQL's microseconds, which a JavaScript Date would lose. */
  readonly at: string;
  readonly id: string;
}

const INSTANT = /^(?!0000)\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$/;

/** Returns the place of an item. */
export function placeItem({ createdAt, id }: Pick<OrderItem, 'createdAt' | 'id'>): Place {
  return { at: toExactIsoString(createdAt), id };
}

/** Returns the place of a cancellation. */
export function placeCancellation({ cancelledAt, id }: Pick<Cancellation, 'cancelledAt' | 'id'>): Place {
  return { at: toExactIsoString(cancelledAt), id };
}

/** Encodes a place as an opaque cursor for clients. */
export function encodeCursor({ at, id }: Place): string {
  return Buffer.from(`${at} ${id}`).toString('base64url');
}

/** Reads a cursor. @returns null for a text that {@link encodeCursor} never writes. */
export function decodeCursor(cursor: string): Place | null {
  const [at = '', id = ''] = Buffer.from(cursor, 'base64url').toString('utf8').split(' ');
  const isPlace = isInstant(at) && parseOrderItemId(id) === id;
  return isPlace && encodeCursor({ at, id }) === cursor ? { at, id } : null;
}

/** Rejects days such as February 31, which PostgreSQL refuses and JavaScript reads as a day in March. */
function isInstant(text: string): boolean {
  if (!INSTANT.test(text)) return false;
  const instant = new Date(text);
  return !Number.isNaN(instant.getTime()) && instant.toISOString().slice(0, 19) === text.slice(0, 19);
}

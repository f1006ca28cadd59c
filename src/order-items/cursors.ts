import { parseOrderItemId } from './orderItem.ts';

/** A place in a list that is ordered by creation time and id. */
export interface Place {
  /** RFC 3339 in UTC with microseconds: PostgreSQL counts them, and a JavaScript Date would lose them. */
  readonly createdAt: string;
  readonly id: string;
}

const INSTANT = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{6}Z$/;

/** Writes a place as the opaque cursor that clients get. */
export function encodeCursor({ createdAt, id }: Place): string {
  return Buffer.from(`${createdAt} ${id}`).toString('base64url');
}

/** @returns the place, or null for a text that {@link encodeCursor} never wrote. */
export function decodeCursor(cursor: string): Place | null {
  const [createdAt = '', id = ''] = Buffer.from(cursor, 'base64url').toString('utf8').split(' ');
  const isPlace = INSTANT.test(createdAt) && !Number.isNaN(Date.parse(createdAt)) && parseOrderItemId(id) === id;
  return isPlace && encodeCursor({ createdAt, id }) === cursor ? { createdAt, id } : null;
}

const CURSOR = /^event (0|[1-9]\d{0,15})$/;

/** Encodes the position of an event as an opaque cursor for readers. */
export function encodeCursor(position: number): string {
  return Buffer.from(`event ${position}`).toString('base64url');
}

/** Reads a cursor. @returns null for a text that {@link encodeCursor} never writes. */
export function decodeCursor(cursor: string): number | null {
  const [, digits] = CURSOR.exec(Buffer.from(cursor, 'base64url').toString('latin1')) ?? [];
  const position = Number(digits);
  return Number.isSafeInteger(position) && encodeCursor(position) === cursor ? position : null;
}

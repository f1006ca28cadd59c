import { createHash } from 'node:crypto';
import { type CancelRequestField, type InvalidCancelRequest, invalidCancelRequest } from './refusals.ts';

/** The texts that a caller sends with a cancel, checked and trimmed. */
export interface CancelReason {
  /** Null only for a REST request without a body. */
  readonly reason: string | null;
  readonly note: string | null;
  readonly idempotencyKey: string | null;
}

/** Lengths count code points, so an emoji is one character in every encoding. */
const REASON_MAX_LENGTH = 500;
const NOTE_MAX_LENGTH = 2_000;
const IDEMPOTENCY_KEY_MAX_LENGTH = 255;

/** Letters, marks, numbers, punctuation, symbols and spaces. No control, format or unassigned characters. */
const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S}\p{Zs}]+$/u;

/**
 * Checks and trims the texts of a cancel.
 *
 * @param given holds the reason and the note as the caller sent them. Null is a REST request without a body, which needs no
 *   reason.
 * @param idempotencyKey is used as it is, not trimmed.
 * @returns the texts, or the refusal that names the first defect.
 */
export function parseCancelReason(
  given: { readonly reason?: unknown; readonly note?: unknown } | null,
  idempotencyKey: string | undefined,
): CancelReason | InvalidCancelRequest {
  const reason = given === null ? null : parseReason(given.reason);
  if (isInvalid(reason)) return reason;
  const note = given === null ? null : parseNote(given.note);
  if (isInvalid(note)) return note;
  if (idempotencyKey !== undefined && !isIdempotencyKey(idempotencyKey)) {
    return invalidCancelRequest(
      'idempotencyKey',
      `the idempotency key does not have 1 to ${IDEMPOTENCY_KEY_MAX_LENGTH} printable characters`,
    );
  }
  return { reason, note, idempotencyKey: idempotencyKey ?? null };
}

/** Whether PostgreSQL can store a text. It cannot store NUL or half of a surrogate pair. */
export function isStorableText(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}

function parseText(field: CancelRequestField, value: unknown, maxLength: number): string | InvalidCancelRequest {
  if (typeof value !== 'string') return invalidCancelRequest(field, `'${field}' is not a string`);
  if (!isStorableText(value)) {
    return invalidCancelRequest(
      field,
      `'${field}' has a character that is not allowed (NUL or half of a surrogate pair)`,
    );
  }
  const text = value.trim();
  return countCodePoints(text) > maxLength
    ? invalidCancelRequest(field, `'${field}' is longer than ${maxLength} characters`)
    : text;
}

/** Counts code points. For a text that is too long in any case, it returns the length, which is cheaper. */
function countCodePoints(text: string): number {
  return text.length > 2 * NOTE_MAX_LENGTH ? text.length : [...text].length;
}

function parseReason(reason: unknown): string | InvalidCancelRequest {
  if (reason === undefined) return invalidCancelRequest('reason', "'reason' is a required property");
  const text = parseText('reason', reason, REASON_MAX_LENGTH);
  return text === '' ? invalidCancelRequest('reason', "'reason' is empty") : text;
}

/** An empty note counts as no note. */
function parseNote(note: unknown): string | null | InvalidCancelRequest {
  if (note === undefined) return null;
  const text = parseText('note', note, NOTE_MAX_LENGTH);
  return text === '' ? null : text;
}

function isIdempotencyKey(key: string): boolean {
  return countCodePoints(key) <= IDEMPOTENCY_KEY_MAX_LENGTH && PRINTABLE.test(key);
}

function isInvalid(value: string | null | InvalidCancelRequest): value is InvalidCancelRequest {
  return typeof value === 'object' && value !== null;
}

/**
 * Hashes a request. Requests with the same ids in the same order, reason and note have the same hash, through either door.
 */
export function fingerprintRequest({
  ids,
  reason,
  note,
}: Pick<CancelReason, 'reason' | 'note'> & { readonly ids: readonly string[] }): string {
  return createHash('sha256')
    .update(JSON.stringify([ids.map((id) => id.toLowerCase()), reason, note]))
    .digest('hex');
}

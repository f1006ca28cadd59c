import { createHash } from 'node:crypto';
import { acceptsCode, describeUnknownCode, type ReasonCodes } from './reasonCodes.ts';
import { type CancelRequestField, type InvalidCancelRequest, invalidCancelRequest } from './refusals.ts';

/** What a caller states with a cancel, checked, with trimmed texts. */
export interface CancelReason {
  /** Null only for a REST request without a body. */
  readonly reason: string | null;
  readonly note: string | null;
  /** One of the accepted codes, or null. */
  readonly reasonCode: string | null;
  /** The units to cancel. Null means all that are left. */
  readonly quantity: number | null;
  readonly idempotencyKey: string | null;
}

/** Lengths count code points, so an emoji is one character in every encoding. */
const REASON_MAX_LENGTH = 500;
const NOTE_MAX_LENGTH = 2_000;
const IDEMPOTENCY_KEY_MAX_LENGTH = 255;

/** The greatest `integer` of PostgreSQL, and the greatest `Int` of GraphQL. */
const MAX_QUANTITY = 2_147_483_647;

/** Letters, marks, numbers, punctuation, symbols and spaces. No control, format or unassigned characters. */
const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S}\p{Zs}]+$/u;

/** The values of a cancel as a caller sent them. */
export interface GivenReason {
  readonly reason?: unknown;
  readonly reasonCode?: unknown;
  readonly note?: unknown;
  readonly quantity?: unknown;
}

/** Checks what a caller states with a cancel, and trims the texts.
 *
 * @param given holds the values as the caller sent them. Null is a REST request without a body, which needs no reason.
 * @param idempotencyKey is used as it is, not trimmed.
 * @returns the values, or the refusal that names the first defect.
 */
export function parseCancelReason(
  given: GivenReason | null,
  idempotencyKey: string | undefined,
  reasonCodes: ReasonCodes,
): CancelReason | InvalidCancelRequest {
  const reason = given === null ? null : parseReason(given.reason);
  if (isInvalid(reason)) return reason;
  const reasonCode = given === null ? null : parseReasonCode(given.reasonCode, reasonCodes);
  if (isInvalid(reasonCode)) return reasonCode;
  const note = given === null ? null : parseNote(given.note);
  if (isInvalid(note)) return note;
  const quantity = given === null ? null : parseQuantity(given.quantity);
  if (isInvalid(quantity)) return quantity;
  if (idempotencyKey !== undefined && !isIdempotencyKey(idempotencyKey)) {
    return invalidCancelRequest(
      'idempotencyKey',
      `the idempotency key does not have 1 to ${IDEMPOTENCY_KEY_MAX_LENGTH} printable characters`,
    );
  }
  return { reason, reasonCode, note, quantity, idempotencyKey: idempotencyKey ?? null };
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

/** The code is compared as it is, not trimmed, because a program sends it. */
function parseReasonCode(code: unknown, reasonCodes: ReasonCodes): string | null | InvalidCancelRequest {
  if (code === undefined) return null;
  if (typeof code !== 'string') return invalidCancelRequest('reasonCode', 'the reason code is not a string');
  return acceptsCode(reasonCodes, code) ? code : invalidCancelRequest('reasonCode', describeUnknownCode(reasonCodes));
}

function parseQuantity(quantity: unknown): number | null | InvalidCancelRequest {
  if (quantity === undefined) return null;
  const isUnits =
    typeof quantity === 'number' && Number.isInteger(quantity) && quantity >= 1 && quantity <= MAX_QUANTITY;
  return isUnits
    ? quantity
    : invalidCancelRequest('quantity', `'quantity' is not an integer from 1 to ${MAX_QUANTITY}`);
}

function isIdempotencyKey(key: string): boolean {
  return countCodePoints(key) <= IDEMPOTENCY_KEY_MAX_LENGTH && PRINTABLE.test(key);
}

function isInvalid(value: string | number | null | InvalidCancelRequest): value is InvalidCancelRequest {
  return typeof value === 'object' && value !== null;
}

/**
 * Hashes a request. Requests with the same ids in the same order, reason and note have the same hash, through either door. So
 * that keys of the release before stay valid, a quantity and a code count only where one of them is stated. A request for an
 * order is the same whatever items the order has.
 */
export function fingerprintRequest({
  ids,
  reason,
  note,
  quantity,
  reasonCode,
  order,
}: Omit<CancelReason, 'idempotencyKey'> & {
  readonly ids: readonly string[];
  readonly order: { readonly id: string; readonly mode: string } | null;
}): string {
  const stated = quantity === null && reasonCode === null ? [] : [quantity, reasonCode];
  const request =
    order === null
      ? [ids.map((id) => id.toLowerCase()), reason, note, ...stated]
      : ['order', order.id, order.mode, reason, note, reasonCode];
  return createHash('sha256').update(JSON.stringify(request)).digest('hex');
}

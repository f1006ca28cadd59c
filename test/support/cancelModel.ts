import { documentedExample } from './openApi.ts';
import type { GivenItem } from './orderItems.ts';
import { CANCEL } from './restContract.ts';

/** A cancel by one of two callers. */
export interface Step {
  readonly door: 'rest' | 'graphql' | 'graphqlBulk';
  readonly caller: string;
  /** The ids as written. Only a bulk has several. */
  readonly ids: readonly string[];
  /** Null is a request without a body, which only REST allows. */
  readonly stated: Stated | null;
  readonly idempotencyKey: string | null;
}

/** What a caller states with a cancel. */
interface Stated {
  readonly reason?: unknown;
  readonly reasonCode?: unknown;
  readonly note?: unknown;
  readonly quantity?: unknown;
}

/** An item, and what was cancelled of it. */
interface ModelItem {
  readonly given: GivenItem;
  readonly quantity: number;
  cancelledQuantity: number;
  /** The rows of its cancellations, oldest first. */
  readonly records: Record<string, unknown>[];
}

/** A success: the request that cancelled, how many units it took and left. */
export interface Success {
  readonly id: string;
  readonly cancelledBy: string;
  readonly quantity: number;
  readonly remaining: number;
}

/** The outcome of one id: the request that cancelled it, or the refusal. */
export type ModelOutcome = Success | { readonly refused: Refusal };

/** A refusal, named as its example in the published contract. */
export interface Refusal {
  readonly status: number;
  readonly type: string;
  readonly message: string;
}

function refusal(status: number, type: string, example: string): ModelOutcome {
  const { message } = documentedExample('POST', CANCEL, status, example) as { message: string };
  return { refused: { status, type, message } };
}

const invalid = (example: string): ModelOutcome => refusal(400, 'InvalidCancelRequest', example);
const notFound = refusal(404, 'OrderItemNotFound', 'lineItemNotFound');
const keyReused = refusal(422, 'IdempotencyKeyReused', 'idempotencyKeyReused');
const notPreOrdered = refusal(400, 'OrderItemNotCancelable', 'notPreOrdered');
const terminalStatus = refusal(400, 'OrderItemNotCancelable', 'terminalStatus');

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const CODES = [
  'changed_mind',
  'ordered_by_mistake',
  'found_elsewhere',
  'release_delayed',
  'payment_failed',
  'out_of_stock',
  'fraud',
  'other',
];
const MAX_QUANTITY = 2_147_483_647;
const OPEN = ['pending', 'on_hold', 'in_fulfillment'];

/** A model of the contract of cancels, for requests one after another. */
export class CancelModel {
  /** By id. */
  readonly items: Map<string, ModelItem>;
  readonly #keys = new Map<string, { readonly request: string; readonly successes: Map<string, Success> }>();

  readonly #isTooLate: (id: string) => boolean;

  /** @param isTooLate whether the cancellation windows have closed for an item. */
  constructor(items: readonly (readonly [string, GivenItem])[], isTooLate: (id: string) => boolean = () => false) {
    this.#isTooLate = isTooLate;
    this.items = new Map(
      items.map(([id, given]) => [id, { given, quantity: given.quantity ?? 1, cancelledQuantity: 0, records: [] }]),
    );
  }

  /** Takes a step. @returns the outcome of each id, in order. Null if the step is invalid GraphQL. */
  take(step: Step, requestId: string): ModelOutcome[] | null {
    const { ids, stated, idempotencyKey } = step;
    if (step.door !== 'rest' && !isValidGraphQL(stated)) return null;
    const defect = findDefect(step);
    const reason = stated === null ? null : String(stated.reason).trim();
    const note = isText(stated?.note) ? stated.note.trim() || null : null;
    const [reasonCode, quantity] = [stated?.reasonCode ?? null, stated?.quantity ?? null];
    const request = JSON.stringify([ids.map((id) => id.toLowerCase()), reason, note, reasonCode, quantity]);
    const key = `${step.caller} ${idempotencyKey ?? ''}`;
    const used = idempotencyKey === null ? undefined : this.#keys.get(key);
    const repeated = new Map(used?.successes);
    return ids.map((written) => {
      if (!UUID.test(written)) return invalid('invalidUuid');
      if (defect !== null) return invalid(defect);
      if (used !== undefined && used.request !== request) return keyReused;
      const id = written.toLowerCase();
      const item = this.items.get(id);
      if (item === undefined) return notFound;
      const first = repeated.get(id);
      repeated.delete(id);
      if (first !== undefined) return first;
      if (item.given.isPreOrder === false) return notPreOrdered;
      const left = item.quantity - item.cancelledQuantity;
      if (left === 0 || !OPEN.includes(item.given.status ?? 'pending')) return terminalStatus;
      if (this.#isTooLate(id)) return terminalStatus;
      const units = typeof quantity === 'number' ? quantity : left;
      if (units > left) return tooLarge(left);
      const success: Success = { id, cancelledBy: requestId, quantity: units, remaining: left - units };
      item.records.push({
        quantity: units,
        remaining: left - units,
        cancelled_before: item.cancelledQuantity,
        reason_code: reasonCode,
        previous_status: item.given.status,
        reason,
        note,
        cancelled_by: step.caller,
        channel: step.door === 'rest' ? 'rest' : 'graphql',
        request_id: requestId,
        idempotency_key: idempotencyKey,
      });
      item.cancelledQuantity += units;
      if (idempotencyKey !== null) {
        const use = this.#keys.get(key) ?? { request, successes: new Map<string, Success>() };
        use.successes.set(id, success);
        this.#keys.set(key, use);
      }
      return success;
    });
  }
}

/** The documented refusal of too many units, with the number that is left. */
function tooLarge(left: number): ModelOutcome {
  const { message } = documentedExample('POST', CANCEL, 400, 'quantityTooLarge') as { message: string };
  return { refused: { status: 400, type: 'QuantityNotCancelable', message: message.replace('2', String(left)) } };
}

/** Whether the values have the types of the inputs. */
function isValidGraphQL(stated: Stated | null): boolean {
  const { reason, reasonCode, note, quantity } = stated ?? {};
  const isInt = Number.isInteger(quantity ?? 0) && Math.abs(Number(quantity ?? 0)) <= MAX_QUANTITY;
  return isText(reason) && isText(note ?? '') && isText(reasonCode ?? '') && isInt;
}

/** Returns the first rule that the values of a step break. Null is a value only through REST. */
function findDefect({ door, stated, idempotencyKey }: Step): string | null {
  if (stated !== null) {
    const { reason, reasonCode, note, quantity } = stated;
    const isGiven = (value: unknown): boolean => value !== undefined && (value !== null || door === 'rest');
    if (reason === undefined) return 'reasonMissing';
    if (!isText(reason)) return 'reasonNotString';
    if (isNotStorable(reason)) return 'reasonNotStorable';
    if (reason.trim() === '') return 'reasonEmpty';
    if ([...reason.trim()].length > 500) return 'reasonTooLong';
    if (isGiven(reasonCode)) {
      if (!isText(reasonCode)) return 'reasonCodeNotString';
      if (!CODES.includes(reasonCode)) return 'reasonCodeUnknown';
    }
    if (isGiven(note)) {
      if (!isText(note)) return 'noteNotString';
      if (isNotStorable(note)) return 'noteNotStorable';
      if ([...note.trim()].length > 2_000) return 'noteTooLong';
    }
    if (
      isGiven(quantity) &&
      !(Number.isInteger(quantity) && Number(quantity) >= 1 && Number(quantity) <= MAX_QUANTITY)
    ) {
      return 'quantityInvalid';
    }
  }
  if (idempotencyKey === null) return null;
  const isValid = idempotencyKey.length > 0 && idempotencyKey.length <= 255 && !/[\p{C}]/u.test(idempotencyKey);
  return isValid ? null : 'idempotencyKeyInvalid';
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isNotStorable(text: string): boolean {
  return !text.isWellFormed() || text.includes('\0');
}

/** Names what is stated as the REST path does. */
export function toRestBody(stated: Step['stated']): object | null {
  if (stated === null) return null;
  const { reasonCode, ...others } = stated;
  return reasonCode === undefined ? others : { ...others, reason_code: reasonCode };
}

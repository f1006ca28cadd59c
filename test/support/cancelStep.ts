import { documentedExample } from './openApi.ts';
import { CANCEL } from './restContract.ts';

/** A cancel by one of two callers. */
export interface Step {
  readonly door: 'rest' | 'graphql' | 'graphqlBulk' | 'graphqlOrder';
  readonly caller: string;
  /** The ids as written. Only a bulk has several. The cancel of an order has none. */
  readonly ids: readonly string[];
  /** Null if the caller names the items. */
  readonly order: { readonly id: string; readonly mode: 'ALL_CANCELABLE' | 'ALL_OR_NOTHING' } | null;
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

/** A success: the request that cancelled, how many units it took and left. */
export interface Success {
  readonly id: string;
  readonly cancelledBy: string;
  readonly quantity: number;
  readonly remaining: number;
}

/** The outcome of one id: the request that cancelled it, or the refusal. */
export type ModelOutcome = Success | ModelRefusal;

/** A refusal, named as its example in the published contract. */
export interface ModelRefusal {
  readonly refused: { readonly status: number; readonly type: string; readonly message: string };
}

function refusal(status: number, type: string, example: string): ModelRefusal {
  const { message } = documentedExample('POST', CANCEL, status, example) as { message: string };
  return { refused: { status, type, message } };
}

export const invalid = (example: string): ModelRefusal => refusal(400, 'InvalidCancelRequest', example);
export const notFound = refusal(404, 'OrderItemNotFound', 'lineItemNotFound');
export const keyReused = refusal(422, 'IdempotencyKeyReused', 'idempotencyKeyReused');
export const notPreOrdered = refusal(400, 'OrderItemNotCancelable', 'notPreOrdered');
export const terminalStatus = refusal(400, 'OrderItemNotCancelable', 'terminalStatus');

/** REST cannot cancel an order, so its contract has no example. */
export const notAsWhole: ModelRefusal = {
  refused: {
    status: 400,
    type: 'OrderNotCancelableAsWhole',
    message: 'Another item of the order cannot be cancelled, so none was.',
  },
};

/** The documented refusal of too many units, with the number that is left. */
export function tooLarge(left: number): ModelRefusal {
  const { message } = documentedExample('POST', CANCEL, 400, 'quantityTooLarge') as { message: string };
  return { refused: { status: 400, type: 'QuantityNotCancelable', message: message.replace('2', String(left)) } };
}

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

/** Whether the values have the types of the inputs. */
export function isValidGraphQL(stated: Stated | null): boolean {
  const { reason, reasonCode, note, quantity } = stated ?? {};
  const isInt = Number.isInteger(quantity ?? 0) && Math.abs(Number(quantity ?? 0)) <= MAX_QUANTITY;
  return isText(reason) && isText(note ?? '') && isText(reasonCode ?? '') && isInt;
}

/** Returns the first rule that the values of a step break. Null is a value only through REST. */
export function findDefect({ door, stated, idempotencyKey }: Omit<Step, 'order'>): string | null {
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

export function isText(value: unknown): value is string {
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

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
  readonly stated: { readonly reason?: unknown; readonly note?: unknown } | null;
  readonly idempotencyKey: string | null;
}

/** The outcome of one id: the request that cancelled it, or the refusal. */
export type ModelOutcome = { readonly id: string; readonly cancelledBy: string } | { readonly refused: Refusal };

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
const OPEN = ['pending', 'on_hold', 'in_fulfillment'];

/** A model of the contract of cancels, for requests one after another. */
export class CancelModel {
  /** By id: the item as inserted, and its cancellation. */
  readonly items: Map<string, { readonly given: GivenItem; cancelled: Record<string, unknown> | null }>;
  readonly #keys = new Map<string, { readonly request: string; readonly successes: Map<string, string> }>();

  constructor(items: readonly (readonly [string, GivenItem])[]) {
    this.items = new Map(items.map(([id, given]) => [id, { given, cancelled: null }]));
  }

  /** Takes a step. @returns the outcome of each id, in order. Null if the step is invalid GraphQL. */
  take(step: Step, requestId: string): ModelOutcome[] | null {
    const { ids, stated, idempotencyKey } = step;
    if (step.door !== 'rest' && !(isText(stated?.reason) && isText(stated.note ?? ''))) return null;
    const defect = findDefect(step);
    const reason = stated === null ? null : String(stated.reason).trim();
    const note = isText(stated?.note) ? stated.note.trim() || null : null;
    const request = JSON.stringify([ids.map((id) => id.toLowerCase()), reason, note]);
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
      if (first !== undefined) return { id, cancelledBy: first };
      if (item.given.isPreOrder === false) return notPreOrdered;
      if (item.cancelled !== null || !OPEN.includes(item.given.status ?? 'pending')) return terminalStatus;
      item.cancelled = {
        previous_status: item.given.status,
        reason,
        note,
        cancelled_by: step.caller,
        channel: step.door === 'rest' ? 'rest' : 'graphql',
        request_id: requestId,
        idempotency_key: idempotencyKey,
      };
      if (idempotencyKey !== null) {
        const use = this.#keys.get(key) ?? { request, successes: new Map<string, string>() };
        use.successes.set(id, requestId);
        this.#keys.set(key, use);
      }
      return { id, cancelledBy: requestId };
    });
  }
}

/** Returns the first rule that the texts of a step break. */
function findDefect({ stated, idempotencyKey }: Step): string | null {
  if (stated !== null) {
    const { reason, note } = stated;
    if (reason === undefined) return 'reasonMissing';
    if (!isText(reason)) return 'reasonNotString';
    if (isNotStorable(reason)) return 'reasonNotStorable';
    if (reason.trim() === '') return 'reasonEmpty';
    if ([...reason.trim()].length > 500) return 'reasonTooLong';
    if (note !== undefined) {
      if (!isText(note)) return 'noteNotString';
      if (isNotStorable(note)) return 'noteNotStorable';
      if ([...note.trim()].length > 2_000) return 'noteTooLong';
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

import {
  findDefect,
  invalid,
  isText,
  isValidGraphQL,
  keyReused,
  type ModelOutcome,
  type ModelRefusal,
  notAsWhole,
  notFound,
  notPreOrdered,
  type Step,
  type Success,
  terminalStatus,
  tooLarge,
} from './cancelStep.ts';
import type { GivenItem } from './orderItems.ts';
import { type OutsideWrite, RECORDED_OUTSIDE } from './outsideWrites.ts';

/** An item, and what was cancelled of it. */
export interface ModelItem {
  readonly orderId: string;
  readonly status: string;
  readonly isPreOrder: boolean;
  readonly quantity: number;
  readonly cancelledQuantity: number;
  readonly version: number;
  readonly createdAt: number;
  /** The rows of its cancellations, oldest first. */
  readonly records: readonly Record<string, unknown>[];
}

/** An item as GraphQL shows it. */
export interface ItemView {
  readonly id: string;
  readonly status: string;
  readonly quantity: number;
  readonly cancelledQuantity: number;
  readonly cancelableQuantity: number;
  readonly cancelability: { readonly cancelable: boolean; readonly blockers: readonly { readonly code: string }[] };
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const OPEN = ['pending', 'on_hold', 'in_fulfillment'];

/** A model of the contract of cancels, for requests and writes of others one after another. */
export class CancelModel {
  /** By id. */
  readonly items = new Map<string, ModelItem>();
  readonly #keys = new Map<string, { readonly request: string; readonly successes: Map<string, Success> }>();

  readonly #isTooLate: (id: string) => boolean;

  /** @param isTooLate whether the cancellation windows have closed for an item. */
  constructor(items: readonly (readonly [string, GivenItem])[], isTooLate: (id: string) => boolean = () => false) {
    this.#isTooLate = isTooLate;
    for (const [id, given] of items) this.#add(id, given);
  }

  /** Takes a step. @returns the outcome of each id, in order. Null if the step is invalid GraphQL. */
  take(step: Step, requestId: string): ModelOutcome[] | null {
    if (step.door !== 'rest' && !isValidGraphQL(step.stated)) return null;
    const cancel = step.order === null ? this.#takeItems : this.#takeOrder;
    return cancel.call(this, step, describeRequest(step), requestId);
  }

  /** Takes what another system writes to the tables. @returns whether the database lets it. */
  write(change: OutsideWrite): boolean {
    const { id } = change;
    const item = this.items.get(id);
    if (change.kind === 'add') {
      if (item === undefined) this.#add(id, change.item);
      return item === undefined;
    }
    if (item === undefined) return true;
    if (change.kind === 'delete') return item.records.length === 0 && this.items.delete(id);
    const next = applyChange(item, change);
    const hasUnits = next.quantity > 0 && next.cancelledQuantity <= next.quantity;
    const isStatusOfUnits = next.cancelledQuantity < next.quantity || next.status === 'cancelled';
    const staysCancelled =
      next.cancelledQuantity >= item.cancelledQuantity && (item.status !== 'cancelled' || next.status === 'cancelled');
    // A record names the open status that the item had.
    const isRecordable = change.kind !== 'record' || item.status !== 'cancelled';
    const isAllowed = hasUnits && isStatusOfUnits && staysCancelled && isRecordable;
    if (isAllowed) this.items.set(id, next);
    return isAllowed;
  }

  /** Returns the ids of the items of an order, oldest first. */
  listItemsOfOrder(orderId: string): string[] {
    return this.#sortByAge([...this.items].flatMap(([id, item]) => (item.orderId === orderId ? [id] : [])));
  }

  view(id: string): ItemView | null {
    const item = this.items.get(id);
    if (item === undefined) return null;
    const { status, quantity, cancelledQuantity } = item;
    const blockers = this.#listBlockers(id, item);
    return {
      id,
      status: status.toUpperCase(),
      quantity,
      cancelledQuantity: status === 'cancelled' ? quantity : cancelledQuantity,
      cancelableQuantity: blockers.length === 0 ? quantity - cancelledQuantity : 0,
      cancelability: { cancelable: blockers.length === 0, blockers: blockers.map((code) => ({ code })) },
    };
  }

  #add(id: string, { orderId = '', status = 'pending', isPreOrder = true, quantity = 1, createdAt }: GivenItem): void {
    const age = { createdAt: createdAt?.getTime() ?? 0, version: 1 };
    this.items.set(id, { orderId, status, isPreOrder, quantity, cancelledQuantity: 0, records: [], ...age });
  }

  #takeItems(step: Step, request: string, requestId: string): ModelOutcome[] {
    const defect = findDefect(step);
    const used = this.#findUse(step);
    const repeated = new Map(used?.successes);
    return step.ids.map((written) => {
      if (!UUID.test(written)) return invalid('invalidUuid');
      if (defect !== null) return invalid(defect);
      if (used !== undefined && used.request !== request) return keyReused;
      const id = written.toLowerCase();
      if (!this.items.has(id)) return notFound;
      const first = repeated.get(id);
      repeated.delete(id);
      return first ?? this.#cancel(id, step, request, requestId);
    });
  }

  #takeOrder(step: Step, request: string, requestId: string): ModelOutcome[] {
    const defect = findDefect(step);
    if (defect !== null) return [invalid(defect)];
    const used = this.#findUse(step);
    if (used !== undefined) {
      if (used.request !== request) return [keyReused];
      return this.#sortByAge([...used.successes.keys()]).map((id) => used.successes.get(id) ?? notFound);
    }
    const ids = this.listItemsOfOrder(step.order?.id ?? '');
    if (step.order?.mode === 'ALL_OR_NOTHING' && ids.some((id) => this.#standsInTheWay(id))) {
      return ids.map((id) => this.#findRefusal(id) ?? notAsWhole);
    }
    return ids.map((id) => this.#cancel(id, step, request, requestId));
  }

  #cancel(id: string, step: Step, request: string, requestId: string): ModelOutcome {
    const item = this.items.get(id);
    const refusal = this.#findRefusal(id);
    if (item === undefined || refusal !== null) return refusal ?? notFound;
    const left = item.quantity - item.cancelledQuantity;
    const units = typeof step.stated?.quantity === 'number' ? step.stated.quantity : left;
    if (units > left) return tooLarge(left);
    const success: Success = { id, cancelledBy: requestId, quantity: units, remaining: left - units };
    const record = {
      ...describeRecord(item, units),
      ...readTexts(step),
      cancelled_by: step.caller,
      channel: step.door === 'rest' ? 'rest' : 'graphql',
      request_id: requestId,
      idempotency_key: step.idempotencyKey,
    };
    this.items.set(id, { ...takeUnits(item, units, record), version: item.version + 1 });
    if (step.idempotencyKey !== null) {
      const use = this.#findUse(step) ?? { request, successes: new Map<string, Success>() };
      use.successes.set(id, success);
      this.#keys.set(nameKey(step), use);
    }
    return success;
  }

  #findUse(step: Step) {
    return step.idempotencyKey === null ? undefined : this.#keys.get(nameKey(step));
  }

  #listBlockers(id: string, { isPreOrder, status }: ModelItem): string[] {
    const isClosed = !OPEN.includes(status) || this.#isTooLate(id);
    return [...(isPreOrder ? [] : ['NOT_PRE_ORDERED']), ...(isClosed ? ['TERMINAL_STATUS'] : [])];
  }

  #findRefusal(id: string): ModelRefusal | null {
    const item = this.items.get(id);
    if (item === undefined) return notFound;
    const [blocker] = this.#listBlockers(id, item);
    if (blocker === undefined) return null;
    return blocker === 'NOT_PRE_ORDERED' ? notPreOrdered : terminalStatus;
  }

  #standsInTheWay(id: string): boolean {
    return this.items.get(id)?.status !== 'cancelled' && this.#findRefusal(id) !== null;
  }

  #sortByAge(ids: string[]): string[] {
    const findTime = (id: string): number => this.items.get(id)?.createdAt ?? 0;
    return ids.sort((one, other) => findTime(one) - findTime(other) || (one < other ? -1 : 1));
  }
}

/** Returns the item as a change of another system leaves it, if the database lets it. */
function applyChange(item: ModelItem, change: Exclude<OutsideWrite, { readonly kind: 'add' | 'delete' }>): ModelItem {
  switch (change.kind) {
    case 'set':
      return { ...item, [change.column]: change.value };
    case 'count':
      return { ...item, cancelledQuantity: item.cancelledQuantity + change.units };
    case 'record':
      return takeUnits(item, change.units, { ...describeRecord(item, change.units), ...RECORDED_OUTSIDE });
  }
}

function describeRecord({ status, quantity, cancelledQuantity }: ModelItem, units: number): Record<string, unknown> {
  const remaining = quantity - cancelledQuantity - units;
  return { quantity: units, remaining, cancelled_before: cancelledQuantity, previous_status: status };
}

/** An item with nothing left is cancelled. */
function takeUnits(item: ModelItem, units: number, record: Record<string, unknown>): ModelItem {
  const cancelledQuantity = item.cancelledQuantity + units;
  const status = cancelledQuantity === item.quantity ? 'cancelled' : item.status;
  return { ...item, cancelledQuantity, status, records: [...item.records, record] };
}

/** Two steps are the same request if they have the same description. */
function describeRequest(step: Step): string {
  const asked = step.order === null ? step.ids.map((id) => id.toLowerCase()) : [step.order.id, step.order.mode];
  return JSON.stringify([step.order === null, asked, readTexts(step), step.stated?.quantity ?? null]);
}

/** Returns what is stored of a step's texts. */
function readTexts({ stated }: Step): Record<string, unknown> {
  return {
    reason: stated === null ? null : String(stated.reason).trim(),
    note: isText(stated?.note) ? stated.note.trim() || null : null,
    reason_code: stated?.reasonCode ?? null,
  };
}

function nameKey({ caller, idempotencyKey }: Step): string {
  return `${caller} ${idempotencyKey ?? ''}`;
}

import { type CancelReason, fingerprintRequest } from './cancelRequest.ts';
import { type ClosedWindows, findBlockers } from './eligibility.ts';
import { type Cancellation, type CancellationChannel, type OrderItem, parseOrderItemId } from './orderItem.ts';
import { isOwn } from './ownItems.ts';
import {
  idempotencyKeyReused,
  malformedOrderItemId,
  orderItemNotCancelable,
  orderItemNotFound,
  orderNotCancelableAsWhole,
  quantityNotCancelable,
  type Refusal,
} from './refusals.ts';

/** `ALL_OR_NOTHING` cancels nothing of an order if one of its items cannot be cancelled. */
export type OrderCancellationMode = 'ALL_CANCELABLE' | 'ALL_OR_NOTHING';

/** The order whose items a request cancels. */
export interface OrderToCancel {
  readonly id: string;
  readonly mode: OrderCancellationMode;
}

/** One caller's request to cancel one or more items. */
export interface CancelRequest extends CancelReason {
  /** The item ids as the caller wrote them. Of an order, the ids of its items, oldest first. */
  readonly ids: readonly string[];
  /** Null if the caller named the items. */
  readonly order: OrderToCancel | null;
  /** The `sub` of the caller's token. */
  readonly cancelledBy: string;
  /** The customer whose items alone exist for the caller. Null: all items do. */
  readonly customer: string | null;
  readonly channel: CancellationChannel;
  readonly requestId: string;
  /** What the windows had closed when the request arrived. Waiting for a lock closes nothing more. */
  readonly closedWindows: ClosedWindows;
}

/** The item was cancelled, now or by an earlier request with the same idempotency key. */
export interface Cancelled {
  readonly code: 'CANCELLED';
  readonly orderItem: OrderItem;
  readonly cancellation: Cancellation;
}

/** The answer for one item id of a request. */
export type CancelOutcome = Cancelled | Refusal;

/** An idempotency key together with its caller. Keys of different callers, or for different customers, never collide. */
export interface CallerKey {
  readonly cancelledBy: string;
  readonly customer: string | null;
  readonly idempotencyKey: string;
}

/** The earlier request that used an idempotency key. */
export interface KeyUse {
  /** Identifies the request, see {@link fingerprintRequest}. */
  readonly fingerprint: string;
  /** The cancellations that the request made, by item id. */
  readonly cancellations: ReadonlyMap<string, Cancellation>;
}

/** The facts that one transaction gives the judge. */
export interface CancelFacts {
  /** By id: the items that this transaction has locked, as they were before it. */
  readonly locked: ReadonlyMap<string, OrderItem>;
  /** By id: the items that other transactions have locked, in their last committed state. */
  readonly busy: ReadonlyMap<string, OrderItem>;
  /** The names of the idempotency keys that other transactions hold. */
  readonly busyKeys: ReadonlySet<string>;
  /** By name: the uses of the idempotency keys of the requests. */
  readonly keyUses: ReadonlyMap<string, KeyUse>;
}

/** The transaction must cancel units of the item. */
export interface CancelNow {
  readonly code: 'CANCEL_NOW';
  readonly orderItemId: string;
  /** The units that are cancelled before these. Together with the item, it identifies the cancellation. */
  readonly cancelledBefore: number;
}

export type Decision = CancelOutcome | CancelNow;

/** `DECIDED`: one decision for each id, in order. `MUST_WAIT`: another transaction has locked something it needs. */
export type Verdict =
  { readonly code: 'DECIDED'; readonly decisions: readonly Decision[] } | { readonly code: 'MUST_WAIT' };

/** Units of an item to cancel, and the request that gets them. */
export interface PlannedCancel {
  readonly orderItemId: string;
  readonly request: CancelRequest;
  /** The units of the item that earlier requests of the batch get. */
  readonly ahead: number;
  /** Null if the request has no idempotency key. */
  readonly requestFingerprint: string | null;
}

export interface Judgement {
  /** One verdict for each request, in order. */
  readonly verdicts: readonly Verdict[];
  /** One entry for each cancellation to write. Those of one item are in the order of their requests. */
  readonly planned: readonly PlannedCancel[];
}

/** The decisions that the batch has made so far. Later requests count them as done. */
interface Progress {
  readonly planned: PlannedCancel[];
  /** By id: the items of which units are planned to be cancelled, as they will be. */
  readonly items: Map<string, OrderItem>;
  /** By key name: the decisions of earlier requests of the batch with the same key. */
  readonly keyUses: Map<string, { readonly fingerprint: string; readonly decisions: Map<string, CancelNow> }>;
}

const MUST_WAIT: Verdict = { code: 'MUST_WAIT' };

/**
 * Judges a batch of requests in order. A pure function: it runs no SQL and reads no clock.
 * The order of checks is the contract's: ownership, idempotency key, existence, blockers, quantity. To a caller who is limited
 * to the items of one customer, an unknown item is one of somebody else's, so that no answer tells them apart.
 */
export function judgeCancels(requests: readonly CancelRequest[], facts: CancelFacts): Judgement {
  const progress: Progress = { planned: [], items: new Map(), keyUses: new Map() };
  const verdicts = requests.map((request) => judgeRequest(request, facts, progress));
  return { verdicts, planned: progress.planned };
}

function judgeRequest(request: CancelRequest, facts: CancelFacts, progress: Progress): Verdict {
  const key = hasKey(request) ? { name: nameKey(request), fingerprint: fingerprintRequest(request) } : null;
  if (key !== null && facts.busyKeys.has(key.name)) return MUST_WAIT;

  const use = key === null ? undefined : (progress.keyUses.get(key.name) ?? facts.keyUses.get(key.name));
  const findItem = (id: string): OrderItem | undefined => findOwnItem(id, request, facts);
  const isOthers = (id: string): boolean => request.customer !== null && findItem(id) === undefined;
  if (key !== null && use !== undefined && use.fingerprint !== key.fingerprint) {
    const reused = request.ids.map((asked) => {
      const id = parseOrderItemId(asked);
      if (id === null) return malformedOrderItemId();
      return isOthers(id) ? orderItemNotFound(asked) : idempotencyKeyReused();
    });
    return { code: 'DECIDED', decisions: request.order === null ? reused : [idempotencyKeyReused()] };
  }
  const remembered = findRemembered(key?.name, facts, progress);
  const written =
    request.order === null ? request.ids : findItemsOfOrder(request.order, request.ids, findItem, remembered);
  const { closedWindows } = request;
  const isHeld = (id: string): boolean =>
    !remembered.has(id) && facts.busy.has(id) && mustWaitFor(findItem(id), closedWindows);
  if (written.map(parseOrderItemId).some((id) => id !== null && isHeld(id))) return MUST_WAIT;

  if (request.order?.mode === 'ALL_OR_NOTHING' && remembered.size === 0) {
    const refusals = refuseOrder(written, request, facts, progress);
    if (refusals !== null) return { code: 'DECIDED', decisions: refusals };
  }
  const decisions = written.map((asked): Decision => {
    const id = parseOrderItemId(asked);
    if (id === null) return malformedOrderItemId();
    const item = findItem(id);
    if (item === undefined) return orderItemNotFound(asked);
    const earlier = remembered.get(id);
    // The first request refused the second occurrence of an id, so the repeat does the same.
    remembered.delete(id);
    if (earlier !== undefined) {
      return 'code' in earlier ? earlier : { code: 'CANCELLED', orderItem: item, cancellation: earlier };
    }
    const current = progress.items.get(id) ?? item;
    const [blocker, ...others] = findBlockers(current, closedWindows);
    if (blocker !== undefined) return orderItemNotCancelable(item, [blocker, ...others]);
    const left = current.quantity - current.cancelledQuantity;
    const units = request.quantity ?? left;
    if (units > left) return quantityNotCancelable(item, units, left);
    const ahead = current.cancelledQuantity - item.cancelledQuantity;
    progress.planned.push({ orderItemId: id, request, ahead, requestFingerprint: key?.fingerprint ?? null });
    progress.items.set(id, cancelUnits(current, units));
    return { code: 'CANCEL_NOW', orderItemId: id, cancelledBefore: current.cancelledQuantity };
  });
  if (key !== null) rememberDecisions(key, decisions, progress);
  return { code: 'DECIDED', decisions };
}

/**
 * Returns the ids of the items for which a request for an order gets answers, oldest first: those that the key's first request
 * cancelled, or those that are still in the order.
 */
function findItemsOfOrder(
  { id: orderId }: OrderToCancel,
  ids: readonly string[],
  findItem: (id: string) => OrderItem | undefined,
  remembered: ReadonlyMap<string, unknown>,
): string[] {
  if (remembered.size === 0) return ids.filter((id) => findItem(id)?.orderId === orderId);
  const items = [...remembered.keys()].map(findItem).filter((item) => item !== undefined);
  return items.sort(compareAge).map(({ id }) => id);
}

/** @returns undefined for an item that does not exist for the caller. */
function findOwnItem(id: string, { customer }: CancelRequest, { locked, busy }: CancelFacts): OrderItem | undefined {
  const item = locked.get(id) ?? busy.get(id);
  return item !== undefined && isOwn(item, customer) ? item : undefined;
}

/** PostgreSQL's texts of instants sort as the instants do. */
function compareAge(one: OrderItem, other: OrderItem): number {
  const [first, second] = [`${one.createdAt} ${one.id}`, `${other.createdAt} ${other.id}`];
  return first < second ? -1 : Number(first > second);
}

/**
 * Refuses all items of an order if one of them stands in the way. An item that is cancelled already does not.
 *
 * @returns null if none does.
 */
function refuseOrder(
  ids: readonly string[],
  { closedWindows }: CancelRequest,
  { locked, busy }: CancelFacts,
  progress: Progress,
): Refusal[] | null {
  const current = (id: string): OrderItem | undefined => progress.items.get(id) ?? locked.get(id) ?? busy.get(id);
  if (!ids.some((id) => standsInTheWay(current(id), closedWindows))) return null;
  return ids.map((id) => {
    const item = current(id);
    if (item === undefined) return orderItemNotFound(id);
    const [blocker, ...others] = findBlockers(item, closedWindows);
    return blocker === undefined ? orderNotCancelableAsWhole(item) : orderItemNotCancelable(item, [blocker, ...others]);
  });
}

function standsInTheWay(item: OrderItem | undefined, closedWindows: ClosedWindows): boolean {
  if (item === undefined || item.status === 'cancelled' || item.cancelledQuantity >= item.quantity) return false;
  return findBlockers(item, closedWindows).length > 0;
}

function cancelUnits(item: OrderItem, units: number): OrderItem {
  const cancelledQuantity = item.cancelledQuantity + units;
  return { ...item, cancelledQuantity, status: cancelledQuantity === item.quantity ? 'cancelled' : item.status };
}

/** The successes of earlier requests with the same key, in this batch or before it. */
function findRemembered(
  keyName: string | undefined,
  facts: CancelFacts,
  progress: Progress,
): Map<string, Cancellation | CancelNow> {
  if (keyName === undefined) return new Map();
  return new Map<string, Cancellation | CancelNow>([
    ...(facts.keyUses.get(keyName)?.cancellations ?? []),
    ...(progress.keyUses.get(keyName)?.decisions ?? []),
  ]);
}

/** Remembers only successes. A request that cancels nothing leaves its key free. */
function rememberDecisions(
  key: { readonly name: string; readonly fingerprint: string },
  decisions: readonly Decision[],
  progress: Progress,
): void {
  const made = decisions.filter((decision) => decision.code === 'CANCEL_NOW');
  if (made.length === 0) return;
  const use = progress.keyUses.get(key.name) ?? { fingerprint: key.fingerprint, decisions: new Map() };
  for (const decision of made) use.decisions.set(decision.orderItemId, decision);
  progress.keyUses.set(key.name, use);
}

/** An item with a blocker in its last committed state is refused without its lock. */
function mustWaitFor(busyItem: OrderItem | undefined, closedWindows: ClosedWindows): boolean {
  return busyItem !== undefined && findBlockers(busyItem, closedWindows).length === 0;
}

export function hasKey<T extends { readonly idempotencyKey: string | null }>(
  request: T,
): request is T & { readonly idempotencyKey: string } {
  return request.idempotencyKey !== null;
}

/** Returns a name that no other key, and no other caller's key, has. */
export function nameKey({ cancelledBy, customer, idempotencyKey }: CallerKey): string {
  return JSON.stringify([cancelledBy, idempotencyKey, ...(customer === null ? [] : [customer])]);
}

import { createHash } from 'node:crypto';
import type { DataSource, EntityManager } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { retryConflicts } from '../database/faults.ts';
import type { CancelStatement } from './cancelRequest.ts';
import {
  type CallersKey,
  findCancellationsByKey,
  type LockedItems,
  lockIdempotencyKeys,
  type LockMode,
  lockOrderItems,
  type PlannedCancellation,
  writeCancellations,
} from './cancelStatements.ts';
import { blockersOf } from './eligibility.ts';
import { type Cancellation, type CancellationChannel, type OrderItem, parseOrderItemId } from './orderItem.ts';
import {
  idempotencyKeyReused,
  invalidCancelRequest,
  orderItemNotCancelable,
  orderItemNotFound,
  type Refusal,
} from './refusals.ts';

/** One caller's wish to cancel one or more items. */
export interface CancelRequest extends CancelStatement {
  /** As the caller wrote them. */
  readonly ids: readonly string[];
  /** The `sub` of the caller's token. */
  readonly cancelledBy: string;
  readonly channel: CancellationChannel;
  readonly requestId: string;
}

/** The item was cancelled, now or by an earlier request with the same idempotency key. */
export interface Cancelled {
  readonly code: 'CANCELLED';
  readonly orderItem: OrderItem;
  readonly cancellation: Cancellation;
}

export type CancelOutcome = Cancelled | Refusal;

/** Decided, but not yet written. */
interface ToCancel {
  readonly code: 'TO_CANCEL';
  readonly orderItemId: string;
}

type Decision = CancelOutcome | ToCancel;

/** What an idempotency key was used for. */
interface KeyUse {
  readonly fingerprint: string;
  readonly cancellations: Map<string, Cancellation | ToCancel>;
}

/**
 * Cancels order items: all requests of a batch in one transaction, each item decided by the policy under its lock.
 * A request that needs an item (or an idempotency key) that another transaction has locked leaves the batch and is
 * carried out in a transaction of its own, which waits for the lock.
 *
 * @returns for each request, in order, the promise of one outcome for each of its ids, in order; it settles after the
 *   commit. It rejects, with nothing of that request written, when a lock is not released within the lock timeout or
 *   the database fails.
 */
export function cancelOrderItems(
  dataSource: DataSource,
  requests: readonly CancelRequest[],
): Promise<readonly CancelOutcome[]>[] {
  const batch = inTransaction(dataSource, requests, 'skip');
  return requests.map(async (request, position) => {
    const outcomes = (await batch)[position] ?? (await inTransaction(dataSource, [request], 'wait'))[0];
    if (outcomes === undefined || outcomes === null)
      throw new Error('A cancel that waits for its locks has an outcome.');
    return outcomes;
  });
}

/** Carries out a single request: a batch of one. */
export async function cancelInOneRequest(
  dataSource: DataSource,
  request: CancelRequest,
): Promise<readonly CancelOutcome[]> {
  const [outcomes] = cancelOrderItems(dataSource, [request]);
  return (await outcomes) ?? [];
}

/** @returns for each request its outcomes, or null where a lock that it needs was skipped. */
async function inTransaction(
  dataSource: DataSource,
  requests: readonly CancelRequest[],
  mode: LockMode,
): Promise<(readonly CancelOutcome[] | null)[]> {
  return retryConflicts(() =>
    dataSource.transaction('READ COMMITTED', async (manager) => {
      const keyUses = await lockKeys(manager, requests, mode);
      const ids = requests.flatMap((request) => request.ids.map(parseOrderItemId)).filter((id) => id !== null);
      const locked = await lockOrderItems(manager, [...new Set(ids)], mode);
      const planned = new Map<string, PlannedCancellation>();
      const decisions = requests.map((request) => decide(request, keyUses, locked, planned));
      const cancelled =
        planned.size === 0 ? new Map<string, OrderItem>() : await writeCancellations(manager, [...planned.values()]);
      return decisions.map((ofRequest) => ofRequest?.map((decision) => settle(decision, planned, cancelled)) ?? null);
    }),
  );
}

/** @returns by key name what each was used for; null for a key that another transaction has locked. */
async function lockKeys(
  manager: EntityManager,
  requests: readonly CancelRequest[],
  mode: LockMode,
): Promise<Map<string, KeyUse | null>> {
  const uses = new Map<string, KeyUse | null>();
  const keys = requests.filter(hasKey);
  if (keys.length === 0) return uses;
  const taken = await lockIdempotencyKeys(manager, keys, mode);
  for (const { key, requestFingerprint, cancellation } of await findCancellationsByKey(manager, keys)) {
    const use = uses.get(keyName(key)) ?? { fingerprint: requestFingerprint, cancellations: new Map() };
    use.cancellations.set(cancellation.orderItemId, cancellation);
    uses.set(keyName(key), use);
  }
  keys.forEach((key, position) => {
    if (taken[position] === false) uses.set(keyName(key), null);
  });
  return uses;
}

/** Judges one request; what is to be written goes into `planned` and counts as done for the requests after it. */
function decide(
  request: CancelRequest,
  keyUses: Map<string, KeyUse | null>,
  { items, busyIds }: LockedItems,
  planned: Map<string, PlannedCancellation>,
): Decision[] | null {
  const fingerprint = hasKey(request) ? fingerprintOf(request) : null;
  const keyUse = hasKey(request) ? keyUses.get(keyName(request)) : undefined;
  if (keyUse === null) return null;
  const ids = request.ids.map((id) => parseOrderItemId(id));
  if (ids.some((id) => id !== null && busyIds.has(id))) return null;

  const remembered = new Map(keyUse?.cancellations);
  const decisions = ids.map((id, position): Decision => {
    if (id === null) return invalidCancelRequest('id', 'the order item id is not a valid UUID');
    if (keyUse !== undefined && keyUse.fingerprint !== fingerprint) return idempotencyKeyReused();
    const item = items.get(id);
    if (item === undefined) return orderItemNotFound(request.ids[position] ?? id);
    const first = remembered.get(id);
    if (first !== undefined) {
      // Once: an id that stands twice in the request was refused the second time, and is again.
      remembered.delete(id);
      return 'code' in first ? first : { code: 'CANCELLED', orderItem: item, cancellation: first };
    }
    const [blocker, ...blockers] = blockersOf(planned.has(id) ? { ...item, status: 'cancelled' } : item);
    if (blocker !== undefined) return orderItemNotCancelable(item, [blocker, ...blockers]);
    planned.set(id, plan(request, item, fingerprint));
    return { code: 'TO_CANCEL', orderItemId: id };
  });

  const made = decisions.filter((decision) => decision.code === 'TO_CANCEL');
  if (hasKey(request) && fingerprint !== null && made.length > 0) {
    const use: KeyUse = keyUse ?? { fingerprint, cancellations: new Map() };
    for (const decision of made) use.cancellations.set(decision.orderItemId, decision);
    keyUses.set(keyName(request), use);
  }
  return decisions;
}

function plan(request: CancelRequest, item: OrderItem, requestFingerprint: string | null): PlannedCancellation {
  return {
    id: uuidv7(),
    orderItemId: item.id,
    previousStatus: item.status,
    reason: request.reason,
    note: request.note,
    cancelledBy: request.cancelledBy,
    channel: request.channel,
    requestId: request.requestId,
    idempotencyKey: request.idempotencyKey,
    requestFingerprint,
    eventId: uuidv7(),
  };
}

/** Turns a decision into what the caller is told once it is committed: the item as it is after the batch. */
function settle(
  decision: Decision,
  planned: ReadonlyMap<string, PlannedCancellation>,
  cancelled: ReadonlyMap<string, OrderItem>,
): CancelOutcome {
  if (decision.code === 'TO_CANCEL') {
    const orderItem = cancelled.get(decision.orderItemId);
    const written = planned.get(decision.orderItemId);
    if (orderItem === undefined || written === undefined) throw new Error('A decided cancel was not written.');
    const { id, orderItemId, previousStatus, reason, note, cancelledBy, channel, requestId } = written;
    return {
      code: 'CANCELLED',
      orderItem,
      cancellation: {
        id,
        orderItemId,
        previousStatus,
        reason,
        note,
        cancelledAt: orderItem.updatedAt,
        cancelledBy,
        channel,
        requestId,
      },
    };
  }
  if (decision.code === 'ORDER_ITEM_NOT_CANCELABLE') {
    return { ...decision, orderItem: cancelled.get(decision.orderItem.id) ?? decision.orderItem };
  }
  return decision;
}

function hasKey<T extends { readonly idempotencyKey: string | null }>(
  request: T,
): request is T & { readonly idempotencyKey: string } {
  return request.idempotencyKey !== null;
}

function keyName({ cancelledBy, idempotencyKey }: CallersKey): string {
  return JSON.stringify([cancelledBy, idempotencyKey]);
}

/** The same for the same ids in the same order with the same reason and note, whichever the door. */
function fingerprintOf({ ids, reason, note }: CancelRequest): string {
  return createHash('sha256')
    .update(JSON.stringify([ids.map((id) => id.toLowerCase()), reason, note]))
    .digest('hex');
}

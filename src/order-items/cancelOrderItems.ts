import type { DataSource, EntityManager } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { coalesce, type CoalesceOptions, type QueueState } from '../work/coalesce.ts';
import { isDatabaseUnavailable, retryConflicts } from '../database/errors.ts';
import { createLane, type LaneState } from '../work/lockQueue.ts';
import { type CancelStatement, fingerprintOf } from './cancelRequest.ts';
import {
  type CallersKey,
  cancelFreeItems,
  findCancellationsByKey,
  type LockedItems,
  lockIdempotencyKeys,
  lockOrderItems,
  nameOfKey,
  selectBusyItems,
  type PlannedCancellation,
  type WrittenCancellation,
} from './cancelSql.ts';
import { blockersOf } from './eligibility.ts';
import { type Cancellation, type CancellationChannel, type OrderItem, parseOrderItemId } from './orderItem.ts';
import {
  idempotencyKeyReused,
  malformedOrderItemId,
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

/** Carries out one request, as a door needs it. */
export type Cancel = (request: CancelRequest) => Promise<readonly CancelOutcome[]>;

/** A transaction of a batch, as far as it has got. */
interface Batch extends LockedItems {
  /** Names of the idempotency keys that another transaction has. */
  readonly busyKeys: ReadonlySet<string>;
  readonly keyUses: Map<string, KeyUse>;
  readonly planned: Map<string, PlannedCancellation>;
}

/** One batch after the other: two at a time would take each other's items. */
const BATCHES: CoalesceOptions = { slots: 1, maxBatchSize: 200, maxWaiting: 10_000, changes: true };

/**
 * Cancels order items: all requests of a batch in one transaction, each item decided by the policy under its lock.
 * A request that needs an item (or an idempotency key) that another transaction has locked leaves the batch and waits
 * in a lane, so that a locked item delays only itself.
 *
 * @param lockTimeoutMs how long a request tries, in milliseconds.
 * @returns for each request, in order, the promise of one outcome for each of its ids, in order; it settles after the
 *   commit. It rejects, with nothing of that request written, with a LockTimeout or when the database fails.
 */
export function cancelOrderItems(
  dataSource: DataSource,
  requests: readonly CancelRequest[],
  lockTimeoutMs: number,
): Promise<readonly CancelOutcome[]>[] {
  const lockDeadline = performance.now() + lockTimeoutMs;
  const lane = laneOf(dataSource);
  const batch = inTransaction(dataSource, requests);
  return requests.map(async (request, position) => (await batch)[position] ?? (await lane(request, lockDeadline)));
}

/** What is told of the cancels of a service. */
export interface CancelObserver {
  readonly queue: QueueState;
  readonly lane: LaneState;
  readonly observe: (channel: CancellationChannel, outcome: CancelOutcome) => void;
}

/** Carries out the requests of one service, those that come together in one batch. @param lockTimeoutMs as above. */
export function createCancel(dataSource: DataSource, lockTimeoutMs: number, observer: CancelObserver): Cancel {
  const carryOut = (requests: readonly CancelRequest[]): ReturnType<typeof eachItsOwn> =>
    eachItsOwn(dataSource, requests);
  const first = coalesce(carryOut, BATCHES, observer.queue);
  const lane = laneOf(dataSource, observer.lane);
  return async (request) => {
    const lockDeadline = performance.now() + lockTimeoutMs;
    const outcomes = (await first(request)) ?? (await lane(request, lockDeadline));
    for (const outcome of outcomes) observer.observe(request.channel, outcome);
    return outcomes;
  };
}

type Lane = (request: CancelRequest, lockDeadline: number) => Promise<readonly CancelOutcome[]>;

/** There is one for each data source, so that those who wait need one connection of its pool. */
const lanes = new WeakMap<DataSource, Lane>();

function laneOf(dataSource: DataSource, state?: LaneState): Lane {
  const known = lanes.get(dataSource);
  if (known !== undefined) return known;
  const lane = createLane((requests: readonly CancelRequest[]) => eachItsOwn(dataSource, requests), state);
  lanes.set(dataSource, lane);
  return lane;
}

/** @returns as {@link inTransaction}; where the batch fails as a whole and may be tried again, each request's own error. */
async function eachItsOwn(
  dataSource: DataSource,
  requests: readonly CancelRequest[],
): Promise<(readonly CancelOutcome[] | null | Error)[]> {
  try {
    return await inTransaction(dataSource, requests);
  } catch (error) {
    // With the database away, nobody would be served one by one, and a commit may have been lost on its way.
    if (requests.length === 1 || isDatabaseUnavailable(error)) throw error;
  }
  const results: (readonly CancelOutcome[] | null | Error)[] = [];
  for (const request of requests) {
    const [result = null] = await inTransaction(dataSource, [request]).catch((error: unknown) => [error as Error]);
    results.push(result);
  }
  return results;
}

/** @returns for each request its outcomes, or null where another transaction has locked what it needs. */
async function inTransaction(
  dataSource: DataSource,
  requests: readonly CancelRequest[],
): Promise<(readonly CancelOutcome[] | null)[]> {
  const ids = new Set(requests.flatMap((request) => request.ids.map(parseOrderItemId)).filter((id) => id !== null));
  // Nothing that the database would have to be asked for.
  if (ids.size === 0) return requests.map((request) => request.ids.map(malformedOrderItemId));
  if (requests.every(isSimple)) return retryConflicts(() => inOneStatement(dataSource, requests));
  return retryConflicts(() =>
    dataSource.transaction(async (manager) => {
      const keys = await useKeys(manager, requests.filter(hasKey));
      const batch: Batch = { ...keys, ...(await lockOrderItems(manager, [...ids])), planned: new Map() };
      const decisions = requests.map((request) => decide(request, batch));
      if (batch.planned.size === 0) return settleAll(decisions, new Map());
      const { written } = await cancelFreeItems(manager, [...batch.planned.values()]);
      // A rule or a policy on a table brought along can hide rows from the update. Half a cancel must not be committed.
      if (written.size < batch.planned.size) throw new Error('An order item was locked but not updated.');
      return settleAll(decisions, written);
    }),
  );
}

/** It asks for one item, whatever else it may have asked for before: the item alone decides. */
function isSimple(request: CancelRequest): boolean {
  return request.ids.length === 1 && !hasKey(request);
}

/** The usual case needs no transaction of several statements: the database judges by itself, and the same is found here. */
async function inOneStatement(
  dataSource: DataSource,
  requests: readonly CancelRequest[],
): Promise<(readonly CancelOutcome[] | null)[]> {
  const planned = new Map<string, PlannedCancellation>();
  for (const request of requests) {
    const id = parseOrderItemId(request.ids[0] ?? '');
    if (id !== null && !planned.has(id)) planned.set(id, plan(request, id, null));
  }
  const { written, locked } = await cancelFreeItems(dataSource, [...planned.values()]);
  // It is committed: whatever becomes of a look at the others, which then find out for themselves, this must be told.
  const busy = await selectBusyItems(dataSource, [...planned.keys()], locked).catch(() => null);
  const batch: Batch = { locked, busy: busy ?? new Map(), busyKeys: new Set(), keyUses: new Map(), planned: new Map() };
  const isKnown = (id: string | null): boolean => busy !== null || id === null || locked.has(id);
  return settleAll(
    requests.map((request) => (request.ids.map(parseOrderItemId).every(isKnown) ? decide(request, batch) : null)),
    written,
  );
}

async function useKeys(
  manager: EntityManager,
  keys: readonly CallersKey[],
): Promise<Pick<Batch, 'busyKeys' | 'keyUses'>> {
  const keyUses = new Map<string, KeyUse>();
  if (keys.length === 0) return { busyKeys: new Set(), keyUses };
  const busyKeys = await lockIdempotencyKeys(manager, keys);
  for (const { keyName, requestFingerprint, cancellation } of await findCancellationsByKey(manager, keys)) {
    const use = keyUses.get(keyName) ?? { fingerprint: requestFingerprint, cancellations: new Map() };
    use.cancellations.set(cancellation.orderItemId, cancellation);
    keyUses.set(keyName, use);
  }
  return { busyKeys, keyUses };
}

/**
 * Judges one request; what is to be written is planned in the batch and counts as done for the requests after it.
 *
 * @returns null, with nothing planned, where another transaction has locked what it needs.
 */
function decide(request: CancelRequest, batch: Batch): Decision[] | null {
  const key = hasKey(request) ? { name: nameOfKey(request), fingerprint: fingerprintOf(request) } : null;
  if (key !== null && batch.busyKeys.has(key.name)) return null;
  const use: KeyUse = (key === null ? undefined : batch.keyUses.get(key.name)) ?? {
    fingerprint: key?.fingerprint ?? '',
    cancellations: new Map(),
  };
  const ids = request.ids.map(parseOrderItemId);
  if (key !== null && use.fingerprint !== key.fingerprint) {
    return ids.map((id) => (id === null ? malformedOrderItemId() : idempotencyKeyReused()));
  }
  if (ids.some((id) => id !== null && !use.cancellations.has(id) && mustWaitFor(batch.busy.get(id)))) return null;

  const remembered = new Map(use.cancellations);
  const decisions = ids.map((id, position): Decision => {
    if (id === null) return malformedOrderItemId();
    const item = batch.locked.get(id) ?? batch.busy.get(id);
    if (item === undefined) return orderItemNotFound(request.ids[position] ?? id);
    const first = remembered.get(id);
    // Once: an id that stands twice in the request was refused the second time, and is again.
    remembered.delete(id);
    if (first !== undefined)
      return 'code' in first ? first : { code: 'CANCELLED', orderItem: item, cancellation: first };
    const [blocker, ...blockers] = blockersOf(batch.planned.has(id) ? { ...item, status: 'cancelled' } : item);
    if (blocker !== undefined) return orderItemNotCancelable(item, [blocker, ...blockers]);
    const decision: ToCancel = { code: 'TO_CANCEL', orderItemId: id };
    batch.planned.set(id, plan(request, id, key?.fingerprint ?? null));
    use.cancellations.set(id, decision);
    return decision;
  });
  if (key !== null && use.cancellations.size > 0) batch.keyUses.set(key.name, use);
  return decisions;
}

/** An item that cannot be cancelled as it was last committed needs no lock to be refused. */
function mustWaitFor(busyItem: OrderItem | undefined): boolean {
  return busyItem !== undefined && blockersOf(busyItem).length === 0;
}

function plan(request: CancelRequest, orderItemId: string, requestFingerprint: string | null): PlannedCancellation {
  return {
    id: uuidv7(),
    orderItemId,
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

function settleAll(
  decisions: readonly (readonly Decision[] | null)[],
  written: ReadonlyMap<string, WrittenCancellation>,
): (readonly CancelOutcome[] | null)[] {
  return decisions.map((ofRequest) => ofRequest?.map((decision) => settle(decision, written)) ?? null);
}

/** Turns a decision into what the caller is told once it is committed: the item as it is after the batch. */
function settle(decision: Decision, written: ReadonlyMap<string, WrittenCancellation>): CancelOutcome {
  if (decision.code === 'TO_CANCEL') {
    const cancelled = written.get(decision.orderItemId);
    if (cancelled === undefined) throw new Error('A decided cancel was not written.');
    return { code: 'CANCELLED', ...cancelled };
  }
  if (decision.code === 'ORDER_ITEM_NOT_CANCELABLE') {
    return { ...decision, orderItem: written.get(decision.orderItem.id)?.orderItem ?? decision.orderItem };
  }
  return decision;
}

function hasKey<T extends { readonly idempotencyKey: string | null }>(
  request: T,
): request is T & { readonly idempotencyKey: string } {
  return request.idempotencyKey !== null;
}

import type { DataSource, EntityManager } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { isDuplicate, retryConflicts } from '../database/errors.ts';
import type { Clock } from '../work/clock.ts';
import type { Attempt } from '../work/lockQueue.ts';
import { isLimited, listAsked } from './askedItems.ts';
import {
  cancelFreeItems,
  type CancelSql,
  cancelSql,
  findCancellationsByKey,
  lockIdempotencyKeys,
  selectBusyItems,
} from './cancelSql.ts';
import { distributedCancelSql } from './distributedCancelSql.ts';
import type { ClosedWindows } from './eligibility.ts';
import {
  type CallerKey,
  type CancelFacts,
  type CancelOutcome,
  type CancelRequest,
  type Decision,
  hasKey,
  judgeCancels,
  type KeyUse,
  nameKey,
  type PlannedCancel,
  type Verdict,
} from './judgeCancels.ts';
import { type Cancellation, parseOrderItemId } from './orderItem.ts';
import { malformedOrderItemId } from './refusals.ts';
import type { NewCancellation, WrittenCancels } from './writtenCancels.ts';

/** The database that holds the items. */
export interface OrderItemDatabase {
  readonly dataSource: DataSource;
  /** Whether Citus has distributed the tables by item. They need other statements. */
  readonly distributed: boolean;
}

/** The answers for the ids of one request, in their order. */
export type CancelOutcomes = readonly CancelOutcome[];

/** The result for one request: its outcomes, or `locked` if another transaction has locked something that it needs. */
export type CancelAttempt = Exclude<Attempt<CancelOutcomes>, { readonly state: 'failed' }>;

const LOCKED: CancelAttempt = { state: 'locked' };
const NO_KEYS: Pick<CancelFacts, 'busyKeys' | 'keyUses'> = { busyKeys: new Set(), keyUses: new Map() };

/**
 * Cancels the items of all requests in one transaction: it locks, judges, writes and commits.
 * It waits for no lock. A request that needs a locked item is `locked`, and nothing of it is written.
 *
 * @param newId makes the ids of cancellations and events.
 * @param clock times the pauses between retries.
 * @returns one attempt for each request, in order, after the commit.
 * @throws if the database fails; a conflict with another transaction is retried first.
 */
export async function cancelInTransaction(
  database: OrderItemDatabase,
  requests: readonly CancelRequest[],
  newId: () => string,
  clock: Clock,
): Promise<CancelAttempt[]> {
  const { dataSource, distributed } = database;
  const sql = chooseSql(database);
  const hasIds = requests.some(({ ids }) => ids.some((id) => parseOrderItemId(id) !== null));
  const mustFindKeys = requests.some((request) => request.order !== null && hasKey(request));
  if (!hasIds && !mustFindKeys) {
    return requests.map(({ ids }) => ({ state: 'done', value: ids.map(malformedOrderItemId) }));
  }
  if (!distributed && canJudgeInStatement(requests) && !differInAccess(requests) && !differForAnItem(requests)) {
    return retryConflicts(() => cancelInOneStatement(dataSource, requests, newId), clock, isOfSameUnits);
  }
  const cancel = (): Promise<CancelAttempt[]> =>
    dataSource.transaction(async (manager) => {
      const keys = await lockKeys(manager, requests.filter(hasKey));
      const items = await sql.lockOrderItems(manager, listAsked(requests, keys.keyUses));
      const { verdicts, planned } = judgeCancels(requests, { ...keys, ...items });
      if (planned.length === 0) return settleAll(verdicts, new Map());
      const written = await sql.cancelLockedItems(manager, describeCancellations(planned, newId), items.locked);
      // A rule or policy on a table brought along can hide rows from the update. Throwing rolls back the whole cancel.
      if (planned.some(({ orderItemId }) => !written.has(orderItemId))) {
        throw new Error('An order item was locked but not updated.');
      }
      return settleAll(verdicts, written);
    });
  return retryConflicts(cancel, clock, isOfSameUnits);
}

/** Whether another writer has recorded the same units. That writer does not lock the item as the service does. */
function isOfSameUnits(error: unknown): boolean {
  return isDuplicate(error, 'order_item_cancellation_pkey');
}

function chooseSql({ distributed }: OrderItemDatabase): CancelSql {
  return distributed ? distributedCancelSql : cancelSql;
}

/**
 * Tries a cancel of no item.
 *
 * @throws the error of the database with which every cancel would fail.
 */
export async function tryCancel(database: OrderItemDatabase): Promise<void> {
  await chooseSql(database).tryCancel(database.dataSource);
}

/** What a cancel made of an item, in any status that the database lets it have. */
interface RehearsedItem {
  readonly status: string;
  readonly quantity: number;
  readonly cancelledQuantity: number;
}

/**
 * Cancels an item in a transaction that it rolls back.
 *
 * @param id of a cancelable item.
 * @param closedWindows what the windows have closed now.
 * @returns the item as it then was, or null if another transaction has locked it.
 * @throws the error with which a cancel of the item would fail.
 */
export async function rehearseCancel(
  database: OrderItemDatabase,
  id: string,
  closedWindows: ClosedWindows,
): Promise<RehearsedItem | null> {
  const request: CancelRequest = {
    ids: [id],
    reason: 'Rehearsal',
    reasonCode: null,
    note: null,
    quantity: null,
    order: null,
    cancelledBy: 'rehearsal',
    customer: null,
    channel: 'rest',
    requestId: '0'.repeat(32),
    idempotencyKey: null,
    closedWindows,
  };
  const { lockOrderItems, cancelLockedItems } = chooseSql(database);
  const runner = database.dataSource.createQueryRunner();
  try {
    await runner.startTransaction();
    const items = await lockOrderItems(runner.manager, [{ id, customer: null }]);
    if (items.locked.size === 0) return null;
    const { planned } = judgeCancels([request], { ...NO_KEYS, ...items });
    await cancelLockedItems(runner.manager, describeCancellations(planned, uuidv7), items.locked);
    const [item] = (await runner.query(
      'SELECT status, quantity, cancelled_quantity AS "cancelledQuantity" FROM order_item WHERE id = $1',
      [id],
    )) as RehearsedItem[];
    return item ?? null;
  } finally {
    await runner.rollbackTransaction();
    await runner.release();
  }
}

/**
 * Whether one statement can judge the requests. A request for one item without a key depends on nothing but that item. Of
 * several requests for an item, the statement judges the first, so this must take all that is left.
 */
function canJudgeInStatement(requests: readonly CancelRequest[]): boolean {
  const partial = new Set<string>();
  return requests.every((request) => {
    const id = request.ids[0]?.toLowerCase() ?? '';
    if (request.ids.length !== 1 || request.order !== null || hasKey(request) || partial.has(id)) return false;
    if (request.quantity !== null) partial.add(id);
    return true;
  });
}

/** Whether two simple requests for one item differ in whether it exists for them. The statement judges an item once. */
function differInAccess(requests: readonly CancelRequest[]): boolean {
  if (!requests.some(isLimited)) return false;
  const customers = Map.groupBy(requests, ({ ids: [id] }) => id?.toLowerCase());
  return [...customers.values()].some((some) => some.some(({ customer }) => customer !== some[0]?.customer));
}

/**
 * Whether two simple requests for one item arrived at instants that the windows tell apart. The statement judges an item
 * once, and the request that it judges could be the one that came too late.
 */
function differForAnItem(requests: readonly CancelRequest[]): boolean {
  if (requests.every(({ closedWindows }) => closedWindows === requests[0]?.closedWindows)) return false;
  const closedFor = new Map<string | undefined, ClosedWindows>();
  return requests.some(({ ids: [id], closedWindows }) => {
    const first = closedFor.get(id?.toLowerCase()) ?? closedWindows;
    closedFor.set(id?.toLowerCase(), first);
    return first.createdBefore !== closedWindows.createdBefore || first.releasedBefore !== closedWindows.releasedBefore;
  });
}

/**
 * Cancels simple requests without an explicit transaction: the statement holds the policy's SQL form and judges by itself.
 * The pure policy then judges the rows as they were and reaches the same decisions.
 */
async function cancelInOneStatement(
  dataSource: DataSource,
  requests: readonly CancelRequest[],
  newId: () => string,
): Promise<CancelAttempt[]> {
  const asked = new Map<string, PlannedCancel>();
  for (const request of requests) {
    const id = parseOrderItemId(request.ids[0] ?? '');
    if (id === null || asked.has(id)) continue;
    asked.set(id, { orderItemId: id, request, ahead: 0, requestFingerprint: null });
  }
  const { written, locked } = await cancelFreeItems(dataSource, describeCancellations([...asked.values()], newId));
  // The cancels are committed and must be answered, even if this read fails. The other requests then try again.
  const items = [...asked].map(([id, { request }]) => ({ id, customer: request.customer }));
  const busy = await selectBusyItems(dataSource, items, locked).catch(() => null);
  const { verdicts } = judgeCancels(requests, { ...NO_KEYS, locked, busy: busy ?? new Map() });
  const isKnown = (id: string | null): boolean => busy !== null || id === null || locked.has(id);
  return settleAll(
    verdicts.map((verdict, position) =>
      requests[position]?.ids.map(parseOrderItemId).every(isKnown) === true ? verdict : { code: 'MUST_WAIT' },
    ),
    written,
  );
}

/** Locks the keys until the transaction ends, and finds what each was used for. */
async function lockKeys(
  manager: EntityManager,
  keys: readonly CallerKey[],
): Promise<Pick<CancelFacts, 'busyKeys' | 'keyUses'>> {
  if (keys.length === 0) return NO_KEYS;
  const busyKeys = await lockIdempotencyKeys(manager, keys);
  const keyUses = new Map<string, KeyUse & { readonly cancellations: Map<string, Cancellation> }>();
  for (const { key, requestFingerprint, cancellation } of await findCancellationsByKey(manager, keys)) {
    const name = nameKey(key);
    const use = keyUses.get(name) ?? { fingerprint: requestFingerprint, cancellations: new Map() };
    use.cancellations.set(cancellation.orderItemId, cancellation);
    keyUses.set(name, use);
  }
  return { busyKeys, keyUses };
}

/** @param planned has the cancels of one item in their order. */
function describeCancellations(planned: readonly PlannedCancel[], newId: () => string): NewCancellation[] {
  const plansOfItem = Map.groupBy(planned, ({ orderItemId }) => orderItemId);
  return planned.map((plan) => ({
    id: newId(),
    orderItemId: plan.orderItemId,
    units: plan.request.quantity,
    ahead: plan.ahead,
    cancels: countIfLast(plan, plansOfItem.get(plan.orderItemId) ?? []),
    reasonCode: plan.request.reasonCode,
    reason: plan.request.reason,
    note: plan.request.note,
    cancelledBy: plan.request.cancelledBy,
    customer: plan.request.customer,
    channel: plan.request.channel,
    requestId: plan.request.requestId,
    idempotencyKey: plan.request.idempotencyKey,
    requestFingerprint: plan.requestFingerprint,
    eventId: newId(),
    ...plan.request.closedWindows,
  }));
}

function countIfLast(plan: PlannedCancel, plans: readonly PlannedCancel[]): number {
  return plans.at(-1) === plan ? plans.length : 0;
}

function settleAll(verdicts: readonly Verdict[], written: ReadonlyMap<string, WrittenCancels>): CancelAttempt[] {
  return verdicts.map((verdict) =>
    verdict.code === 'MUST_WAIT'
      ? LOCKED
      : { state: 'done', value: verdict.decisions.map((decision) => settle(decision, written)) },
  );
}

/** Turns a decision into its answer, which shows the item as the batch leaves it. */
function settle(decision: Decision, written: ReadonlyMap<string, WrittenCancels>): CancelOutcome {
  if (decision.code === 'CANCEL_NOW') {
    const { orderItem, cancellations = [] } = written.get(decision.orderItemId) ?? {};
    const cancellation = cancellations.find(({ cancelledBefore }) => cancelledBefore === decision.cancelledBefore);
    if (orderItem === undefined || cancellation === undefined) throw new Error('A decided cancel was not written.');
    return { code: 'CANCELLED', orderItem, cancellation };
  }
  if ('orderItem' in decision && decision.code !== 'CANCELLED') {
    return { ...decision, orderItem: written.get(decision.orderItem.id)?.orderItem ?? decision.orderItem };
  }
  return decision;
}

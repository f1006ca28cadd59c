import fc from 'fast-check';
import {
  type CancelOutcome,
  type CancelRequest,
  hasKey,
  judgeCancels,
  nameKey,
} from '../../src/order-items/judgeCancels.ts';
import type { Cancellation, OrderItemStatus } from '../../src/order-items/orderItem.ts';
import { CancelModel, type ModelItem } from '../support/cancelModel.ts';
import { findDefect, type ModelOutcome } from '../support/cancelStep.ts';
import { cancelHistories, ORDERS, resolveStep, resolveWrite, type Roster } from '../support/cancelSteps.ts';
import { aCancellation, anItem, facts, SECOND } from '../support/judged.ts';
import { seeded } from '../support/seeded.ts';

const ITEMS = [
  anItem({ orderId: ORDERS[0], quantity: 3 }),
  anItem({ orderId: ORDERS[0], id: SECOND, status: 'in_fulfillment' }),
  anItem({ orderId: ORDERS[1], id: SECOND.replace(/2$/, '3'), status: 'returned' }),
  anItem({ orderId: ORDERS[1], id: SECOND.replace(/2$/, '4'), isPreOrder: false }),
  anItem({ orderId: ORDERS[0], id: SECOND.replace(/2$/, '5'), createdAt: '1969-12-31 23:59:59.999+00' }),
  anItem({ orderId: ORDERS[1], id: SECOND.replace(/2$/, '6'), releaseDate: '1970-01-01' }),
];
const TOO_LATE = ITEMS.slice(4).map(({ id }) => id);
const CLOSED_WINDOWS = { createdBefore: '1970-01-01 00:00:00+00', releasedBefore: '1970-01-02' };
const ROSTER: Roster = {
  items: ITEMS.map(({ id, orderId, status, isPreOrder, quantity, createdAt }) => [
    id,
    { orderId, status, isPreOrder, quantity, createdAt: new Date(createdAt) },
  ]),
  callers: ['one', 'another'],
  nameOrder: (planned) => planned,
};

/** Converts an outcome to the form of the model. */
function toModelOutcome(outcome: CancelOutcome): ModelOutcome | string {
  return outcome.code === 'CANCELLED'
    ? {
        id: outcome.orderItem.id,
        cancelledBy: outcome.cancellation.requestId,
        quantity: outcome.cancellation.quantity,
        remaining: outcome.cancellation.remaining,
      }
    : outcome.message;
}

/** Judges requests one after another, and keeps the rows that a database would keep. */
class MemoryDatabase {
  readonly #items = new Map(ITEMS.map((item) => [item.id, item]));
  readonly #uses = new Map<
    string,
    { readonly fingerprint: string; readonly cancellations: Map<string, Cancellation> }
  >();

  /** Takes over what another system has written. */
  replace(id: string, written: ModelItem | undefined): void {
    const item = ITEMS.find((one) => one.id === id) ?? anItem();
    const { orderId, isPreOrder, quantity, cancelledQuantity } = written ?? item;
    const status = (written?.status ?? item.status) as OrderItemStatus;
    if (written === undefined) this.#items.delete(id);
    else this.#items.set(id, { ...item, orderId, isPreOrder, quantity, cancelledQuantity, status });
  }

  take(request: CancelRequest): (ModelOutcome | string)[] {
    if (request.order !== null && request.ids.length === 0 && !hasKey(request)) return [];
    const { verdicts, planned } = judgeCancels([request], facts({ locked: this.#items, keyUses: this.#uses }));
    const made = new Map<string, Cancellation>();
    for (const { orderItemId, requestFingerprint } of planned) {
      const item = this.#items.get(orderItemId) ?? anItem();
      const left = item.quantity - item.cancelledQuantity;
      const quantity = request.quantity ?? left;
      const { requestId } = request;
      const [cancelledBefore, remaining] = [item.cancelledQuantity, left - quantity];
      const cancellation = aCancellation({ orderItemId, quantity, cancelledBefore, remaining, requestId });
      made.set(orderItemId, cancellation);
      const status = remaining === 0 ? 'cancelled' : item.status;
      this.#items.set(orderItemId, { ...item, status, cancelledQuantity: cancelledBefore + quantity });
      if (!hasKey(request) || requestFingerprint === null) continue;
      const use = this.#uses.get(nameKey(request)) ?? { fingerprint: requestFingerprint, cancellations: new Map() };
      use.cancellations.set(orderItemId, cancellation);
      this.#uses.set(nameKey(request), use);
    }
    const [verdict] = verdicts;
    if (verdict?.code !== 'DECIDED') throw new Error('Nothing is locked, so every request is decided.');
    return verdict.decisions.map((decision) =>
      decision.code === 'CANCEL_NOW'
        ? toModelOutcome({
            code: 'CANCELLED',
            orderItem: this.#items.get(decision.orderItemId) ?? anItem(),
            cancellation: made.get(decision.orderItemId) ?? aCancellation(),
          })
        : toModelOutcome(decision),
    );
  }
}

test('judgeCancels decides any sequence of requests as the model of the contract does', () => {
  fc.assert(
    fc.property(cancelHistories(ITEMS.length), (history) => {
      const model = new CancelModel(ROSTER.items, (id) => TOO_LATE.includes(id));
      const memory = new MemoryDatabase();
      for (const [position, planned] of history.entries()) {
        if ('kind' in planned) {
          const change = resolveWrite(planned, ROSTER);
          if (model.write(change)) memory.replace(change.id, model.items.get(change.id));
          continue;
        }
        const step = resolveStep(planned, ROSTER);
        // The doors pass only accepted values to the judge.
        if (findDefect(step) !== null) continue;
        const requestId = String(position).padStart(32, '0');
        const ids = step.order === null ? step.ids : model.listItemsOfOrder(step.order.id);
        const told = model.take(step, requestId);
        if (told === null) continue;
        const { reason, reasonCode, note, quantity } = step.stated ?? {};
        const outcomes = memory.take({
          ids,
          order: step.order,
          reason: typeof reason === 'string' ? reason.trim() : null,
          reasonCode: typeof reasonCode === 'string' ? reasonCode : null,
          note: typeof note === 'string' ? note.trim() || null : null,
          quantity: typeof quantity === 'number' ? quantity : null,
          idempotencyKey: step.idempotencyKey,
          cancelledBy: step.caller,
          customer: null,
          channel: step.door === 'rest' ? 'rest' : 'graphql',
          requestId,
          closedWindows: CLOSED_WINDOWS,
        });
        expect(outcomes).toEqual(told.map((one) => ('refused' in one ? one.refused.message : one)));
      }
    }),
    seeded('judgeCancels against the model', 2_000),
  );
});

import fc from 'fast-check';
import {
  type CancelOutcome,
  type CancelRequest,
  hasKey,
  judgeCancels,
  nameKey,
} from '../../src/order-items/judgeCancels.ts';
import type { Cancellation } from '../../src/order-items/orderItem.ts';
import { CancelModel, type ModelOutcome, type Step } from '../support/cancelModel.ts';
import { cancelSteps } from '../support/cancelSteps.ts';
import { aCancellation, anItem, facts, FIRST, REQUEST_ID, SECOND } from '../support/judged.ts';

const ITEMS = [
  anItem({ quantity: 3 }),
  anItem({ id: SECOND, status: 'in_fulfillment' }),
  anItem({ id: SECOND.replace(/2$/, '3'), status: 'returned' }),
  anItem({ id: SECOND.replace(/2$/, '4'), isPreOrder: false }),
  anItem({ id: SECOND.replace(/2$/, '5'), createdAt: '1969-12-31 23:59:59.999+00' }),
  anItem({ id: SECOND.replace(/2$/, '6'), releaseDate: '1970-01-01' }),
];
const TOO_LATE = ITEMS.slice(4).map(({ id }) => id);
const CLOSED_WINDOWS = { createdBefore: '1970-01-01 00:00:00+00', releasedBefore: '1970-01-02' };

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

  take(request: CancelRequest): (ModelOutcome | string)[] {
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

/** Whether the parser accepts the texts of a step. The doors pass only accepted texts to the judge. */
function isAccepted({ stated, idempotencyKey }: Pick<Step, 'stated' | 'idempotencyKey'>): boolean {
  const model = new CancelModel([]);
  const [told] = model.take({ door: 'rest', caller: '', ids: [FIRST], stated, idempotencyKey }, REQUEST_ID) ?? [];
  return told !== undefined && 'refused' in told && told.refused.type === 'OrderItemNotFound';
}

test('judgeCancels decides any sequence of requests as the model of the contract does', () => {
  fc.assert(
    fc.property(cancelSteps(ITEMS.length), (steps) => {
      const model = new CancelModel(
        ITEMS.map(({ id, status, isPreOrder, quantity }) => [id, { status, isPreOrder, quantity }]),
        (id) => TOO_LATE.includes(id),
      );
      const memory = new MemoryDatabase();
      for (const [position, { places, caller, ...step }] of steps.filter(isAccepted).entries()) {
        const ids = places.map(({ position: place, inUpperCase }) => {
          const id = ITEMS[place]?.id ?? (place === ITEMS.length ? FIRST.replace(/1$/, '9') : 'none');
          return inUpperCase ? id.toUpperCase() : id;
        });
        const requestId = String(position).padStart(32, '0');
        const told = model.take({ ...step, ids, caller: String(caller) }, requestId);
        if (told === null) continue;
        const { reason, reasonCode, note, quantity } = step.stated ?? {};
        const outcomes = memory.take({
          ids,
          order: null,
          reason: typeof reason === 'string' ? reason.trim() : null,
          reasonCode: typeof reasonCode === 'string' ? reasonCode : null,
          note: typeof note === 'string' ? note.trim() || null : null,
          quantity: typeof quantity === 'number' ? quantity : null,
          idempotencyKey: step.idempotencyKey,
          cancelledBy: String(caller),
          customer: null,
          channel: step.door === 'rest' ? 'rest' : 'graphql',
          requestId,
          closedWindows: CLOSED_WINDOWS,
        });
        expect(outcomes).toEqual(told.map((one) => ('refused' in one ? one.refused.message : one)));
      }
    }),
    { numRuns: 2_000 },
  );
});

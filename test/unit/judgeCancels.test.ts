import fc from 'fast-check';
import { fingerprintRequest } from '../../src/order-items/cancelRequest.ts';
import { NOTHING_CLOSED } from '../../src/order-items/eligibility.ts';
import {
  type CancelFacts,
  type CancelOutcome,
  type CancelRequest,
  hasKey,
  judgeCancels,
  nameKey,
} from '../../src/order-items/judgeCancels.ts';
import type { Cancellation, OrderItem } from '../../src/order-items/orderItem.ts';
import { CancelModel, type Step, type ModelOutcome } from '../support/cancelModel.ts';
import { cancelSteps } from '../support/cancelSteps.ts';

const REQUEST_ID = '0af7651916cd43dd8448eb211c80319c';
const FIRST = '0d5f1f3e-5d5c-4a57-9d0c-1f3a4c1f0001';
const SECOND = '0d5f1f3e-5d5c-4a57-9d0c-1f3a4c1f0002';

function anItem(given: Partial<OrderItem> = {}): OrderItem {
  return {
    id: FIRST,
    orderId: 'order-1',
    productId: 'product-1',
    externalId: null,
    status: 'pending',
    isPreOrder: true,
    releaseDate: null,
    quantity: 1,
    cancelledQuantity: 0,
    priceAmount: '1.0000',
    priceCurrency: 'EUR',
    version: 1,
    createdAt: '1970-01-01 00:00:00+00',
    updatedAt: '1970-01-01 00:00:00+00',
    ...given,
  };
}

function aRequest(given: Partial<CancelRequest> = {}): CancelRequest {
  return {
    ids: [FIRST],
    order: null,
    reason: 'Late',
    reasonCode: null,
    note: null,
    quantity: null,
    idempotencyKey: null,
    cancelledBy: 'somebody',
    channel: 'rest',
    requestId: REQUEST_ID,
    closedWindows: NOTHING_CLOSED,
    ...given,
  };
}

function aCancellation(given: Partial<Cancellation> = {}): Cancellation {
  return {
    id: '0198c0de-0000-7000-8000-000000000001',
    orderItemId: FIRST,
    quantity: 1,
    cancelledBefore: 0,
    remaining: 0,
    previousStatus: 'pending',
    reasonCode: null,
    reason: 'Late',
    note: null,
    cancelledAt: '1970-01-01 00:00:00+00',
    cancelledBy: 'somebody',
    channel: 'rest',
    requestId: REQUEST_ID,
    ...given,
  };
}

function byId(...items: OrderItem[]): ReadonlyMap<string, OrderItem> {
  return new Map(items.map((item) => [item.id, item]));
}

function facts(given: Partial<CancelFacts> = {}): CancelFacts {
  return { locked: byId(), busy: byId(), busyKeys: new Set(), keyUses: new Map(), ...given };
}

/** The codes of all decisions, request by request. */
function codes(requests: readonly CancelRequest[], given: Partial<CancelFacts>): (string | string[])[] {
  return judgeCancels(requests, facts(given)).verdicts.map((verdict) =>
    verdict.code === 'MUST_WAIT' ? verdict.code : verdict.decisions.map(({ code }) => code),
  );
}

const keyed = aRequest({ idempotencyKey: 'k' });
const keyName = nameKey({ cancelledBy: 'somebody', idempotencyKey: 'k' });
const usedForFirst: Partial<CancelFacts> = {
  keyUses: new Map([
    [keyName, { fingerprint: fingerprintRequest(keyed), cancellations: new Map([[FIRST, aCancellation()]]) }],
  ]),
};
const free = { locked: byId(anItem()) };

describe('judgeCancels', () => {
  test.each<[string, CancelRequest[], Partial<CancelFacts>, (string | string[])[]]>([
    ['cancels an open pre-order', [aRequest()], free, [['CANCEL_NOW']]],
    ['refuses an unknown item', [aRequest()], {}, [['ORDER_ITEM_NOT_FOUND']]],
    ['refuses a malformed id', [aRequest({ ids: ['1'] })], {}, [['INVALID_CANCEL_REQUEST']]],
    [
      'refuses a blocked item',
      [aRequest()],
      { locked: byId(anItem({ status: 'complete' })) },
      [['ORDER_ITEM_NOT_CANCELABLE']],
    ],
    [
      'gives an item to the second of two requests if the first one arrived too late',
      [aRequest({ closedWindows: { createdBefore: '1970-01-01 00:00:00.001+00' } }), aRequest()],
      free,
      [['ORDER_ITEM_NOT_CANCELABLE'], ['CANCEL_NOW']],
    ],
    [
      'refuses a held item without waiting if it is past its cut-off',
      [aRequest({ closedWindows: { releasedBefore: '1970-01-02' } })],
      { busy: byId(anItem({ releaseDate: '1970-01-01' })) },
      [['ORDER_ITEM_NOT_CANCELABLE']],
    ],
    [
      'repeats the first answer for a used key after the window has closed',
      [{ ...keyed, closedWindows: { createdBefore: 'infinity' } }],
      { ...usedForFirst, locked: byId(anItem({ status: 'cancelled' })) },
      [['CANCELLED']],
    ],
    ['accepts an id in capitals', [aRequest({ ids: [FIRST.toUpperCase()] })], free, [['CANCEL_NOW']]],
    [
      'cancels an id that occurs twice only once',
      [aRequest({ ids: [FIRST, FIRST] })],
      free,
      [['CANCEL_NOW', 'ORDER_ITEM_NOT_CANCELABLE']],
    ],
    [
      'gives an item to the first of two requests',
      [aRequest(), aRequest()],
      free,
      [['CANCEL_NOW'], ['ORDER_ITEM_NOT_CANCELABLE']],
    ],
    ['waits for an item that another transaction holds', [aRequest()], { busy: byId(anItem()) }, ['MUST_WAIT']],
    [
      'refuses a held item without waiting if its committed state has a blocker',
      [aRequest()],
      { busy: byId(anItem({ isPreOrder: false })) },
      [['ORDER_ITEM_NOT_CANCELABLE']],
    ],
    [
      'plans nothing for a request that waits, so a later request gets the free item',
      [aRequest({ ids: [FIRST, SECOND] }), aRequest()],
      { ...free, busy: byId(anItem({ id: SECOND })) },
      ['MUST_WAIT', ['CANCEL_NOW']],
    ],
    [
      'waits for a key that another transaction holds',
      [keyed],
      { ...free, busyKeys: new Set([keyName]) },
      ['MUST_WAIT'],
    ],
    [
      'repeats the first answer for a used key',
      [keyed],
      { ...usedForFirst, locked: byId(anItem({ status: 'cancelled' })) },
      [['CANCELLED']],
    ],
    [
      'repeats an answer without waiting for the item',
      [keyed],
      { ...usedForFirst, busy: byId(anItem({ status: 'cancelled' })) },
      [['CANCELLED']],
    ],
    [
      'refuses a key that another request used, before it looks for the item',
      [aRequest({ idempotencyKey: 'k', ids: [SECOND] })],
      usedForFirst,
      [['IDEMPOTENCY_KEY_REUSED']],
    ],
    [
      'names a malformed id rather than the reused key',
      [aRequest({ idempotencyKey: 'k', ids: ['1', SECOND] })],
      usedForFirst,
      [['INVALID_CANCEL_REQUEST', 'IDEMPOTENCY_KEY_REUSED']],
    ],
    ['repeats the success of the same key within a batch', [keyed, keyed], free, [['CANCEL_NOW'], ['CANCEL_NOW']]],
    [
      'refuses another request with the same key within a batch',
      [keyed, aRequest({ idempotencyKey: 'k', reason: 'Other' })],
      free,
      [['CANCEL_NOW'], ['IDEMPOTENCY_KEY_REUSED']],
    ],
    [
      'does not remember a key that cancelled nothing',
      [aRequest({ idempotencyKey: 'k', ids: [SECOND] }), keyed],
      free,
      [['ORDER_ITEM_NOT_FOUND'], ['CANCEL_NOW']],
    ],
    [
      'keeps the keys of two callers apart',
      [aRequest({ idempotencyKey: 'k', cancelledBy: 'another', reason: 'Other' })],
      { ...free, ...usedForFirst },
      [['CANCEL_NOW']],
    ],
  ])('%s', (_, requests, given, expected) => {
    expect(codes(requests, given)).toEqual(expected);
  });

  test('plans each item once, for the request that gets it', () => {
    const [first, second] = [aRequest(), aRequest({ ids: [FIRST, SECOND], requestId: 'f'.repeat(32) })];
    const { planned } = judgeCancels([first, second], facts({ locked: byId(anItem(), anItem({ id: SECOND })) }));
    expect(planned).toEqual([
      { orderItemId: FIRST, request: first, ahead: 0, requestFingerprint: null },
      { orderItemId: SECOND, request: second, ahead: 0, requestFingerprint: null },
    ]);
  });

  test('gives units in the order of the requests, as long as there are enough', () => {
    const item = anItem({ quantity: 50, cancelledQuantity: 5 });
    const requests = [30, 20, 15, null, 1].map((quantity) => aRequest({ quantity }));
    const { verdicts, planned } = judgeCancels(requests, facts({ locked: byId(item) }));
    const decisions = verdicts.map((verdict) => (verdict.code === 'DECIDED' ? verdict.decisions[0] : null));
    expect(decisions).toMatchObject([
      { code: 'CANCEL_NOW', cancelledBefore: 5 },
      { code: 'QUANTITY_NOT_CANCELABLE', requested: 20, remaining: 15, orderItem: item },
      { code: 'CANCEL_NOW', cancelledBefore: 35 },
      { code: 'ORDER_ITEM_NOT_CANCELABLE', blockers: [{ code: 'TERMINAL_STATUS' }] },
      { code: 'ORDER_ITEM_NOT_CANCELABLE' },
    ]);
    expect(planned.map(({ ahead }) => ahead)).toEqual([0, 30]);
  });
});

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

import { fingerprintRequest } from '../../src/order-items/cancelRequest.ts';
import { type CancelFacts, type CancelRequest, judgeCancels, nameKey } from '../../src/order-items/judgeCancels.ts';
import { aCancellation, anItem, aRequest, byId, facts, FIRST, SECOND } from '../support/judged.ts';

/** The codes of all decisions, request by request. */
function codes(requests: readonly CancelRequest[], given: Partial<CancelFacts>): (string | string[])[] {
  return judgeCancels(requests, facts(given)).verdicts.map((verdict) =>
    verdict.code === 'MUST_WAIT' ? verdict.code : verdict.decisions.map(({ code }) => code),
  );
}

const keyed = aRequest({ idempotencyKey: 'k' });
const keyName = nameKey({ cancelledBy: 'somebody', customer: null, idempotencyKey: 'k' });
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

describe('judgeCancels of an order', () => {
  const order = { id: 'order-1', mode: 'ALL_OR_NOTHING' } as const;
  const ids = [FIRST, SECOND];
  const whole = aRequest({ ids, order });

  test.each<[string, CancelRequest[], Partial<CancelFacts>, (string | string[])[]]>([
    ['cancels all of it', [whole], { locked: byId(anItem(), anItem({ id: SECOND })) }, [['CANCEL_NOW', 'CANCEL_NOW']]],
    [
      'cancels nothing of it if an item is blocked',
      [whole],
      { locked: byId(anItem(), anItem({ id: SECOND, status: 'complete' })) },
      [['ORDER_NOT_CANCELABLE_AS_WHOLE', 'ORDER_ITEM_NOT_CANCELABLE']],
    ],
    [
      'cancels the others in the other mode',
      [aRequest({ ids, order: { ...order, mode: 'ALL_CANCELABLE' } })],
      { locked: byId(anItem(), anItem({ id: SECOND, status: 'complete' })) },
      [['CANCEL_NOW', 'ORDER_ITEM_NOT_CANCELABLE']],
    ],
    [
      'does not mind an item that is cancelled, before or in the batch',
      [aRequest(), whole],
      { locked: byId(anItem(), anItem({ id: SECOND })) },
      [['CANCEL_NOW'], ['ORDER_ITEM_NOT_CANCELABLE', 'CANCEL_NOW']],
    ],
    [
      'leaves out an item that is not in it any more',
      [whole],
      { locked: byId(anItem({ orderId: 'another' }), anItem({ id: SECOND })) },
      [['CANCEL_NOW']],
    ],
    [
      'waits for an item that another transaction holds',
      [whole],
      { ...free, busy: byId(anItem({ id: SECOND })) },
      ['MUST_WAIT'],
    ],
    [
      'refuses a reused key once',
      [aRequest({ ids, order, idempotencyKey: 'k' })],
      usedForFirst,
      [['IDEMPOTENCY_KEY_REUSED']],
    ],
  ])('%s', (_, requests, given, expected) => {
    expect(codes(requests, given)).toEqual(expected);
  });
});

import { randomUUID } from 'node:crypto';
import { aRequest, cancellingIn, listCodes } from '../support/cancelling.ts';
import { anOrderItem, findCancellations, findOrderItem, insertOrderItems } from '../support/orderItems.ts';
import { startTestService } from '../support/testService.ts';

const { dataSource } = await startTestService();
const { cancel, cancelAtOnce, whileLocked } = cancellingIn(dataSource);

describe('an idempotency key', () => {
  const key = (): string => randomUUID();

  test('gives a repeat the first answer and changes nothing, through either door', async () => {
    const id = await anOrderItem(dataSource);
    const idempotencyKey = key();
    const [[first] = []] = await cancel(aRequest([id], { idempotencyKey }));
    const again = aRequest([id.toUpperCase()], { idempotencyKey, channel: 'rest', requestId: 'f'.repeat(32) });
    expect(await cancel(again)).toEqual([[first]]);
    expect(await findCancellations(dataSource, [id])).toHaveLength(1);
    expect(await findOrderItem(dataSource, id)).toMatchObject({ version: 2 });
  });

  test('is refused for another item, reason, note or order of ids, before the existence of the item', async () => {
    const [id = '', other = ''] = await insertOrderItems(dataSource, [{}, {}]);
    const idempotencyKey = key();
    await cancel(aRequest([id], { idempotencyKey }));
    for (const request of [
      aRequest([other], { idempotencyKey }),
      aRequest([randomUUID()], { idempotencyKey }),
      aRequest([id], { idempotencyKey, reason: 'Another reason' }),
      aRequest([id], { idempotencyKey, reason: null }),
      aRequest([id], { idempotencyKey, note: 'a note' }),
      aRequest([id, id], { idempotencyKey }),
    ]) {
      const [outcomes = []] = await cancel(request);
      expect(outcomes.map(({ code }) => code)).toEqual(request.ids.map(() => 'IDEMPOTENCY_KEY_REUSED'));
    }
    expect(await findCancellations(dataSource, [other])).toEqual([]);
  });

  test('belongs to its caller', async () => {
    const [id = '', other = ''] = await insertOrderItems(dataSource, [{}, {}]);
    const idempotencyKey = key();
    await cancel(aRequest([id], { idempotencyKey }));
    const [outcomes] = await cancel(aRequest([other], { idempotencyKey, cancelledBy: 'somebody else' }));
    expect(outcomes).toMatchObject([{ code: 'CANCELLED' }]);
  });

  test('remembers successes only; a repeat after a refusal is decided anew', async () => {
    const [open = '', held = ''] = await insertOrderItems(dataSource, [{}, { isPreOrder: false }]);
    const request = aRequest([open, held, open], { idempotencyKey: key() });
    const before = await cancel(request);
    expect(listCodes(before)).toEqual([['CANCELLED', 'ORDER_ITEM_NOT_CANCELABLE', 'ORDER_ITEM_NOT_CANCELABLE']]);
    expect(await cancel(request)).toEqual(before);

    await dataSource.query('UPDATE order_item SET is_pre_order = true WHERE id = $1', [held]);
    expect(listCodes(await cancel(request))).toEqual([['CANCELLED', 'CANCELLED', 'ORDER_ITEM_NOT_CANCELABLE']]);
  });

  test('of a refused request is free for another request', async () => {
    const [held = '', open = ''] = await insertOrderItems(dataSource, [{ isPreOrder: false }, {}]);
    const idempotencyKey = key();
    await cancel(aRequest([held], { idempotencyKey }));
    expect(listCodes(await cancel(aRequest([open], { idempotencyKey })))).toEqual([['CANCELLED']]);
  });

  test('works within a batch and between concurrent batches', async () => {
    const [id = '', other = ''] = await insertOrderItems(dataSource, [{}, {}]);
    const idempotencyKey = key();
    const same = aRequest([id], { idempotencyKey });
    const outcomes = await Promise.all([
      ...cancelAtOnce([same, same, aRequest([other], { idempotencyKey })]),
      ...cancelAtOnce([same]),
      ...cancelAtOnce([same]),
    ]);
    expect(listCodes(outcomes)).toEqual([
      ['CANCELLED'],
      ['CANCELLED'],
      ['IDEMPOTENCY_KEY_REUSED'],
      ['CANCELLED'],
      ['CANCELLED'],
    ]);
    expect(
      new Set(outcomes.flat().map((outcome) => ('cancellation' in outcome ? outcome.cancellation.id : null))).size,
    ).toBe(2);
  });

  test('is judged before the wait for the item', async () => {
    const [id = '', other = ''] = await insertOrderItems(dataSource, [{}, {}]);
    const idempotencyKey = key();
    const [first] = await cancel(aRequest([id], { idempotencyKey }));
    await whileLocked([id, other], async () => {
      expect(await cancel(aRequest([id], { idempotencyKey }))).toEqual([first]);
      expect(listCodes(await cancel(aRequest([other], { idempotencyKey })))).toEqual([['IDEMPOTENCY_KEY_REUSED']]);
    });
  });

  test('used by two concurrent requests serves one and refuses the other', async () => {
    const [id = '', other = ''] = await insertOrderItems(dataSource, [{}, {}]);
    const idempotencyKey = key();
    const outcomes = await Promise.all([
      ...cancelAtOnce([aRequest([id], { idempotencyKey })]),
      ...cancelAtOnce([aRequest([other], { idempotencyKey })]),
    ]);
    expect(listCodes(outcomes).flat().sort()).toEqual(['CANCELLED', 'IDEMPOTENCY_KEY_REUSED']);
    expect(await findCancellations(dataSource, [id, other])).toHaveLength(1);
  });
});

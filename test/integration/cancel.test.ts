import { randomUUID } from 'node:crypto';
import type { CancelOutcome, CancelRequest } from '../../src/order-items/cancelOrderItems.ts';
import { cancelOrderItems } from '../../src/order-items/cancelOrderItems.ts';
import { anOrderItem, findCancellations, findOrderItem, insertOrderItems } from '../support/orderItems.ts';
import { startTestService } from '../support/testService.ts';

const service = await startTestService();
const { dataSource } = service;

function aRequest(ids: readonly string[], given: Partial<CancelRequest> = {}): CancelRequest {
  return {
    ids,
    reason: 'Changed my mind',
    note: null,
    idempotencyKey: null,
    cancelledBy: 'somebody',
    channel: 'graphql',
    requestId: '0af7651916cd43dd8448eb211c80319c',
    ...given,
  };
}

async function cancel(...requests: CancelRequest[]): Promise<(readonly CancelOutcome[])[]> {
  return Promise.all(cancelOrderItems(dataSource, requests));
}

const codesOf = (outcomes: readonly (readonly CancelOutcome[])[]): string[][] =>
  outcomes.map((ofRequest) => ofRequest.map(({ code }) => code));

/** Keeps rows locked by a session of its own until the action has ended. */
async function whileLocked<T>(ids: readonly string[], action: () => Promise<T>): Promise<T> {
  return dataSource.transaction(async (manager) => {
    await manager.query('SELECT 1 FROM order_item WHERE id = ANY($1::uuid[]) FOR UPDATE', [ids]);
    return action();
  });
}

describe('a cancel', () => {
  test('writes status, cancellation and event, and answers with what it wrote', async () => {
    const id = await anOrderItem(dataSource, { status: 'on_hold' });
    const [[outcome] = []] = await cancel(aRequest([id], { note: 'see mail' }));

    const item = await findOrderItem(dataSource, id);
    expect(item).toMatchObject({ status: 'cancelled', version: 2 });
    expect(outcome).toEqual({
      code: 'CANCELLED',
      orderItem: item,
      cancellation: {
        id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/),
        orderItemId: id,
        previousStatus: 'on_hold',
        reason: 'Changed my mind',
        note: 'see mail',
        cancelledAt: item?.updatedAt,
        cancelledBy: 'somebody',
        channel: 'graphql',
        requestId: '0af7651916cd43dd8448eb211c80319c',
      },
    });
    expect(await findCancellations(dataSource, [id])).toMatchObject([
      { previous_status: 'on_hold', reason: 'Changed my mind', note: 'see mail', cancelled_by: 'somebody' },
    ]);
    expect(await dataSource.query('SELECT type, payload FROM order_item_event WHERE order_item_id = $1', [id])).toEqual(
      [
        {
          type: 'order_item.cancelled',
          payload: {
            cancellationId: expect.any(String),
            previousStatus: 'on_hold',
            cancelledBy: 'somebody',
            channel: 'graphql',
            requestId: '0af7651916cd43dd8448eb211c80319c',
          },
        },
      ],
    );
  });

  test('of several items has one outcome for each id, in order, and harms no neighbour', async () => {
    const [first = '', shipped = '', second = ''] = await insertOrderItems(dataSource, [
      {},
      { status: 'complete' },
      {},
    ]);
    const unknown = randomUUID();
    const outcomes = await cancel(aRequest([second, 'nonsense', unknown, shipped, first, second.toUpperCase()]));
    expect(codesOf(outcomes)).toEqual([
      [
        'CANCELLED',
        'INVALID_CANCEL_REQUEST',
        'ORDER_ITEM_NOT_FOUND',
        'ORDER_ITEM_NOT_CANCELABLE',
        'CANCELLED',
        'ORDER_ITEM_NOT_CANCELABLE',
      ],
    ]);
    expect(outcomes[0]?.[2]).toMatchObject({ id: unknown });
    expect(outcomes[0]?.[5]).toMatchObject({
      blockers: [{ code: 'TERMINAL_STATUS' }],
      orderItem: { id: second, status: 'cancelled', version: 2 },
    });
    expect(await findCancellations(dataSource, [first, shipped, second])).toHaveLength(2);
  });

  test('of the same item by two requests of a batch succeeds once', async () => {
    const id = await anOrderItem(dataSource);
    expect(codesOf(await cancel(aRequest([id]), aRequest([id])))).toEqual([
      ['CANCELLED'],
      ['ORDER_ITEM_NOT_CANCELABLE'],
    ]);
  });

  test('of an item that another transaction has locked delays no other request of its batch', async () => {
    const [locked = '', free = ''] = await insertOrderItems(dataSource, [{}, {}]);
    let waiting: Promise<readonly CancelOutcome[]> | undefined;
    await whileLocked([locked], async () => {
      const [ofLocked, ofFree] = cancelOrderItems(dataSource, [aRequest([locked]), aRequest([free])]);
      waiting = ofLocked;
      // Resolves although the lock is still held.
      expect(await ofFree).toMatchObject([{ code: 'CANCELLED' }]);
    });
    expect(await waiting).toMatchObject([{ code: 'CANCELLED' }]);
  });

  test('of an item that stays locked fails after the lock timeout and writes nothing of its request', async () => {
    const [locked = '', free = ''] = await insertOrderItems(dataSource, [{}, {}]);
    await whileLocked([locked], async () => {
      await expect(cancel(aRequest([free, locked]))).rejects.toMatchObject({ code: '55P03' });
    });
    expect(await findCancellations(dataSource, [locked, free])).toEqual([]);
    expect(await findOrderItem(dataSource, free)).toMatchObject({ status: 'pending', version: 1 });
  });

  test('judges an item as the transaction that had it locked left it', async () => {
    const id = await anOrderItem(dataSource);
    let waiting: Promise<readonly CancelOutcome[]> | undefined;
    await dataSource.transaction(async (manager) => {
      await manager.query(`UPDATE order_item SET status = 'complete' WHERE id = $1`, [id]);
      [waiting] = cancelOrderItems(dataSource, [aRequest([id])]);
    });
    expect(await waiting).toMatchObject([{ code: 'ORDER_ITEM_NOT_CANCELABLE', orderItem: { status: 'complete' } }]);
  });

  test('survives deadlocks: batches that overlap in any order all end with one success an item', async () => {
    const ids = await insertOrderItems(
      dataSource,
      Array.from({ length: 20 }, () => ({})),
    );
    const batches = Array.from({ length: 12 }, (_, i) => aRequest(i % 2 === 0 ? ids : [...ids].reverse()));
    const outcomes = await Promise.all(batches.flatMap((request) => cancelOrderItems(dataSource, [request])));
    expect(outcomes.flat().filter(({ code }) => code === 'CANCELLED')).toHaveLength(20);
    expect(outcomes.flat().filter(({ code }) => code === 'ORDER_ITEM_NOT_CANCELABLE')).toHaveLength(11 * 20);
    expect(await findCancellations(dataSource, ids)).toHaveLength(20);
  });

  test('is tried again after a deadlock with another service, unseen by its caller', async () => {
    const [first = '', second = '', third = ''] = (await insertOrderItems(dataSource, [{}, {}, {}])).sort();
    let waiting: Promise<(readonly CancelOutcome[])[]> | undefined;
    // The other service takes the third item, then wants the first, which the cancel has by then. The second item
    // holds the cancel up until the other waits, so that the cancel closes the circle and PostgreSQL gives it up.
    let otherService: Promise<unknown> | undefined;
    await whileLocked([second], async () => {
      let wantFirst: (() => void) | undefined;
      const holdsThird = new Promise<void>((resolve, reject) => {
        otherService = dataSource.transaction(async (manager) => {
          await manager.query(`SET LOCAL deadlock_timeout = '10s'`);
          await manager.query(`SET LOCAL lock_timeout = 0`);
          await manager.query('UPDATE order_item SET quantity = 2 WHERE id = $1', [third]);
          const wanted = new Promise<void>((go) => (wantFirst = go));
          resolve();
          await wanted;
          await manager.query('UPDATE order_item SET quantity = 2 WHERE id = $1', [first]);
        });
        otherService.catch(reject);
      });
      await holdsThird;
      waiting = cancel(aRequest([first, second, third]));
      await untilWaiting(1);
      wantFirst?.();
      await untilWaiting(2);
    });
    expect(codesOf((await waiting) ?? [])).toEqual([['CANCELLED', 'CANCELLED', 'CANCELLED']]);
    await otherService;
    expect(await findOrderItem(dataSource, first)).toMatchObject({ status: 'cancelled', quantity: 2 });
  });
});

/** Until this many sessions of the test's database wait for a lock. */
async function untilWaiting(sessions: number): Promise<void> {
  for (;;) {
    const [row] = await dataSource.query<{ waiting: number }[]>(
      `SELECT count(*)::int AS waiting FROM pg_stat_activity
       WHERE wait_event_type = 'Lock' AND datname = current_database()`,
    );
    if ((row?.waiting ?? 0) >= sessions) return;
  }
}

describe('an idempotency key', () => {
  const key = (): string => randomUUID();

  test('gives a repeat the first answer and changes nothing, whichever the door', async () => {
    const id = await anOrderItem(dataSource);
    const idempotencyKey = key();
    const [[first] = []] = await cancel(aRequest([id], { idempotencyKey }));
    const again = aRequest([id.toUpperCase()], { idempotencyKey, channel: 'rest', requestId: 'f'.repeat(32) });
    expect(await cancel(again)).toEqual([[first]]);
    expect(await findCancellations(dataSource, [id])).toHaveLength(1);
    expect(await findOrderItem(dataSource, id)).toMatchObject({ version: 2 });
  });

  test('is refused for another item, reason, note or order of ids, before anybody asks whether the item exists', async () => {
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

  test('remembers successes only: a refusal is decided anew', async () => {
    const [open = '', held = ''] = await insertOrderItems(dataSource, [{}, { isPreOrder: false }]);
    const request = aRequest([open, held, open], { idempotencyKey: key() });
    const before = await cancel(request);
    expect(codesOf(before)).toEqual([['CANCELLED', 'ORDER_ITEM_NOT_CANCELABLE', 'ORDER_ITEM_NOT_CANCELABLE']]);
    expect(await cancel(request)).toEqual(before);

    await dataSource.query('UPDATE order_item SET is_pre_order = true WHERE id = $1', [held]);
    expect(codesOf(await cancel(request))).toEqual([['CANCELLED', 'CANCELLED', 'ORDER_ITEM_NOT_CANCELABLE']]);
  });

  test('of a request that was refused whole stays free for another', async () => {
    const [held = '', open = ''] = await insertOrderItems(dataSource, [{ isPreOrder: false }, {}]);
    const idempotencyKey = key();
    await cancel(aRequest([held], { idempotencyKey }));
    expect(codesOf(await cancel(aRequest([open], { idempotencyKey })))).toEqual([['CANCELLED']]);
  });

  test('holds within one batch and between batches at the same time', async () => {
    const [id = '', other = ''] = await insertOrderItems(dataSource, [{}, {}]);
    const idempotencyKey = key();
    const same = aRequest([id], { idempotencyKey });
    const outcomes = await Promise.all([
      ...cancelOrderItems(dataSource, [same, same, aRequest([other], { idempotencyKey })]),
      ...cancelOrderItems(dataSource, [same]),
      ...cancelOrderItems(dataSource, [same]),
    ]);
    expect(codesOf(outcomes)).toEqual([
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

  test('used at once for two different requests serves one and refuses the other', async () => {
    const [id = '', other = ''] = await insertOrderItems(dataSource, [{}, {}]);
    const idempotencyKey = key();
    const outcomes = await Promise.all([
      ...cancelOrderItems(dataSource, [aRequest([id], { idempotencyKey })]),
      ...cancelOrderItems(dataSource, [aRequest([other], { idempotencyKey })]),
    ]);
    expect(codesOf(outcomes).flat().sort()).toEqual(['CANCELLED', 'IDEMPOTENCY_KEY_REUSED']);
    expect(await findCancellations(dataSource, [id, other])).toHaveLength(1);
  });
});

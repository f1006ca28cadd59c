import { randomUUID } from 'node:crypto';
import type { CancelOutcome } from '../../src/order-items/judgeCancels.ts';
import { aRequest, cancellingIn, listCodes } from '../support/cancelling.ts';
import { listStatementsDuring } from '../support/countStatements.ts';
import { untilSessionWaits } from '../support/lockedItem.ts';
import { anOrderItem, findCancellations, findOrderItem, insertOrderItems } from '../support/orderItems.ts';
import { startTestService } from '../support/testService.ts';

const service = await startTestService();
const { dataSource } = service;
const { cancel, cancelAtOnce, whileLocked } = cancellingIn(dataSource);

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
        quantity: 1,
        cancelledBefore: 0,
        remaining: 0,
        previousStatus: 'on_hold',
        reasonCode: null,
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
            orderItemId: id,
            quantity: 1,
            cancelledQuantity: 1,
            remaining: 0,
            status: 'cancelled',
            reasonCode: null,
            orderId: 'order-1',
            previousStatus: 'on_hold',
            cancelledBy: 'somebody',
            channel: 'graphql',
            requestId: '0af7651916cd43dd8448eb211c80319c',
          },
        },
      ],
    );
  });

  test.each([null, 'a-key'])(
    'that a rule of the database suppresses writes nothing; idempotency key %s',
    async (key) => {
      const id = await anOrderItem(dataSource, { orderId: 'refused' });
      await dataSource.query(`CREATE FUNCTION let_fall() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`);
      await dataSource.query(`
      CREATE TRIGGER let_fall BEFORE UPDATE ON order_item FOR EACH ROW WHEN (OLD.order_id = 'refused')
      EXECUTE FUNCTION let_fall()`);
      try {
        const [request] = cancelAtOnce([aRequest([id], { idempotencyKey: key })]);
        await expect(request).rejects.toThrow(/not written|not updated/);
        expect(await findCancellations(dataSource, [id])).toEqual([]);
        expect(await dataSource.query('SELECT FROM order_item_event WHERE order_item_id = $1', [id])).toEqual([]);
      } finally {
        await dataSource.query('DROP FUNCTION let_fall() CASCADE');
      }
    },
  );

  test('of several items has one outcome per id, in order, and affects no neighbor', async () => {
    const [first = '', shipped = '', second = ''] = await insertOrderItems(dataSource, [
      {},
      { status: 'complete' },
      {},
    ]);
    const unknown = randomUUID();
    const outcomes = await cancel(aRequest([second, 'nonsense', unknown, shipped, first, second.toUpperCase()]));
    expect(listCodes(outcomes)).toEqual([
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
    expect(listCodes(await cancel(aRequest([id]), aRequest([id])))).toEqual([
      ['CANCELLED'],
      ['ORDER_ITEM_NOT_CANCELABLE'],
    ]);
  });

  test('of an item that another transaction has locked delays no other request of its batch', async () => {
    const [locked = '', free = ''] = await insertOrderItems(dataSource, [{}, {}]);
    let waiting: Promise<readonly CancelOutcome[]> | undefined;
    await whileLocked([locked], async () => {
      const [ofLocked, ofFree] = cancelAtOnce([aRequest([locked]), aRequest([free])]);
      waiting = ofLocked;
      // Resolves although the lock is still held.
      expect(await ofFree).toMatchObject([{ code: 'CANCELLED' }]);
    });
    expect(await waiting).toMatchObject([{ code: 'CANCELLED' }]);
  });

  test('of an item that stays locked fails after the lock timeout and writes nothing of its request', async () => {
    const [locked = '', free = ''] = await insertOrderItems(dataSource, [{}, {}]);
    const hasty = cancellingIn(dataSource, 200);
    await whileLocked([locked], async () => {
      await expect(hasty.cancel(aRequest([free, locked]))).rejects.toMatchObject({ code: '55P03' });
    });
    expect(await findCancellations(dataSource, [locked, free])).toEqual([]);
    expect(await findOrderItem(dataSource, free)).toMatchObject({ status: 'pending', version: 1 });
  });

  test('holds no connection while it waits for a lock', async () => {
    const [locked = '', free = ''] = await insertOrderItems(dataSource, [{}, {}]);
    let waiting: Promise<unknown> | undefined;
    await whileLocked([locked], async () => {
      // Many times as many as the pool has connections.
      waiting = Promise.allSettled(Array.from({ length: 100 }, () => cancel(aRequest([locked]))));
      for (let i = 0; i < 20; i += 1) {
        expect(await cancel(aRequest([free, 'nonsense']))).toMatchObject([[{}, { code: 'INVALID_CANCEL_REQUEST' }]]);
      }
    });
    await waiting;
    expect(await findCancellations(dataSource, [locked, free])).toHaveLength(2);
  });

  test('sends no statement if every id is malformed', async () => {
    const statements = await listStatementsDuring(dataSource, () => cancel(aRequest(['nonsense', ''])));
    expect(statements).toEqual([]);
  });

  test('judges an item in the state that the locking transaction committed', async () => {
    const id = await anOrderItem(dataSource);
    let waiting: Promise<readonly CancelOutcome[]> | undefined;
    await dataSource.transaction(async (manager) => {
      await manager.query(`UPDATE order_item SET status = 'complete' WHERE id = $1`, [id]);
      [waiting] = cancelAtOnce([aRequest([id])]);
    });
    expect(await waiting).toMatchObject([{ code: 'ORDER_ITEM_NOT_CANCELABLE', orderItem: { status: 'complete' } }]);
  });

  test('in overlapping batches succeeds once per item', async () => {
    const ids = await insertOrderItems(
      dataSource,
      Array.from({ length: 20 }, () => ({})),
    );
    const batches = Array.from({ length: 12 }, (_, i) => aRequest(i % 2 === 0 ? ids : [...ids].reverse()));
    const outcomes = await Promise.all(batches.flatMap((request) => cancelAtOnce([request])));
    expect(outcomes.flat().filter(({ code }) => code === 'CANCELLED')).toHaveLength(20);
    expect(outcomes.flat().filter(({ code }) => code === 'ORDER_ITEM_NOT_CANCELABLE')).toHaveLength(11 * 20);
    expect(await findCancellations(dataSource, ids)).toHaveLength(20);
  });

  test('of an item with the greatest version that others can write succeeds, alone and beside others', async () => {
    const greatest = { version: 2_147_483_647 };
    const [alone = '', ...together] = await insertOrderItems(dataSource, [greatest, greatest, {}]);
    const outcomes = [...(await cancel(aRequest([alone]))), ...(await cancel(aRequest(together)))];
    expect(listCodes(outcomes)).toEqual([['CANCELLED'], ['CANCELLED', 'CANCELLED']]);
    expect(await findOrderItem(dataSource, alone)).toMatchObject({ status: 'cancelled', version: 1 });
  });

  test('of one item does not wait for a bulk that is running', async () => {
    await dataSource.query(`
      CREATE FUNCTION wait_for_test() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM pg_advisory_xact_lock(17); RETURN NEW; END $$;
      CREATE TRIGGER wait_for_test BEFORE UPDATE ON order_item FOR EACH ROW WHEN (OLD.product_id = 'slow')
        EXECUTE FUNCTION wait_for_test()`);
    const slow = await insertOrderItems(dataSource, [{ productId: 'slow' }, { productId: 'slow' }]);
    let bulk: Promise<(readonly CancelOutcome[])[]> | undefined;
    await dataSource.transaction(async (manager) => {
      await manager.query('SELECT pg_advisory_xact_lock(17)');
      bulk = cancel(aRequest(slow));
      await untilSessionWaits(service.databaseUrl);
      for (const keyed of [null, 'key-beside-a-bulk']) {
        const request = aRequest([await anOrderItem(dataSource)], { idempotencyKey: keyed });
        expect(listCodes(await cancel(request))).toEqual([['CANCELLED']]);
      }
    });
    expect(listCodes((await bulk) ?? [])).toEqual([['CANCELLED', 'CANCELLED']]);
  });

  test('is retried after a deadlock without the caller noticing', async () => {
    // A cancel waits for no item, but a trigger that another service has put on the table can wait for anything.
    await dataSource.query(`
      CREATE TABLE stock (product_id text PRIMARY KEY, free int NOT NULL);
      INSERT INTO stock VALUES ('scarce', 0);
      CREATE FUNCTION free_stock() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN UPDATE stock SET free = free + 1 WHERE product_id = NEW.product_id; RETURN NEW; END $$;
      CREATE TRIGGER free_stock AFTER UPDATE OF status ON order_item FOR EACH ROW EXECUTE FUNCTION free_stock()`);
    const id = await anOrderItem(dataSource, { productId: 'scarce' });
    let waiting: Promise<(readonly CancelOutcome[])[]> | undefined;
    // The other service has the stock and wants the item, which the cancel has while its trigger wants the stock.
    await dataSource.transaction(async (manager) => {
      await manager.query(`SET LOCAL deadlock_timeout = '10s'`);
      await manager.query(`UPDATE stock SET free = free + 1 WHERE product_id = 'scarce'`);
      waiting = cancel(aRequest([id]));
      await untilSessionWaits(service.databaseUrl);
      await manager.query('UPDATE order_item SET quantity = 2 WHERE id = $1', [id]);
    });
    expect(listCodes((await waiting) ?? [])).toEqual([['CANCELLED']]);
    expect(await findOrderItem(dataSource, id)).toMatchObject({ status: 'cancelled', quantity: 2 });
    expect(await dataSource.query('SELECT free FROM stock')).toEqual([{ free: 2 }]);
  });
});

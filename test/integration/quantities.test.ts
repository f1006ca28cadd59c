import { randomUUID } from 'node:crypto';
import { migrateDown, migrations } from '../../src/database/migrations.ts';
import { cancelUnits } from '../support/cancelUnits.ts';
import { anOrderItem, findCancellations, findOrderItem } from '../support/orderItems.ts';
import { startTestService } from '../support/testService.ts';

// Many requests for one item at once take long on a slow machine.
const service = await startTestService({ REQUEST_TIMEOUT_MS: '120000', LOCK_TIMEOUT_MS: '60000' });
const { dataSource } = service;

const cancel = (id: string, input?: object): ReturnType<typeof cancelUnits> => cancelUnits(service, id, input);

describe('a cancel of a quantity', () => {
  test('leaves the rest of the item open until nothing is left', async () => {
    const id = await anOrderItem(dataSource, { quantity: 5, status: 'on_hold' });
    expect(await cancel(id, { quantity: 2, reasonCode: 'changed_mind' })).toEqual({
      __typename: 'CancelOrderItemSuccess',
      orderItem: {
        status: 'ON_HOLD',
        quantity: 5,
        cancelledQuantity: 2,
        cancelableQuantity: 3,
        cancellation: null,
        cancellations: [{ quantity: 2, reasonCode: 'changed_mind' }],
      },
      cancellation: { id: expect.any(String), quantity: 2, reasonCode: 'changed_mind' },
    });
    const byRest = await service.cancelByRest(id, { body: { reason: 'Fewer', quantity: 1, reason_code: 'other' } });
    expect([byRest.status, byRest.body]).toEqual([
      200,
      expect.objectContaining({ id, status: 'on_hold', quantity: 1, remaining: 2 }),
    ]);
    expect(await cancel(id)).toMatchObject({
      orderItem: {
        status: 'CANCELLED',
        quantity: 5,
        cancelledQuantity: 5,
        cancelableQuantity: 0,
        cancellation: { quantity: 2 },
        cancellations: [
          { quantity: 2, reasonCode: 'changed_mind' },
          { quantity: 1, reasonCode: 'other' },
          { quantity: 2, reasonCode: null },
        ],
      },
    });
    expect(await findOrderItem(dataSource, id)).toMatchObject({
      version: 4,
      cancelledQuantity: 5,
      status: 'cancelled',
    });
    expect(await findCancellations(dataSource, [id])).toMatchObject([
      { quantity: 2, cancelled_before: 0, remaining: 3, reason_code: 'changed_mind', previous_status: 'on_hold' },
      { quantity: 1, cancelled_before: 2, remaining: 2, reason_code: 'other', previous_status: 'on_hold' },
      { quantity: 2, cancelled_before: 3, remaining: 0, reason_code: null, previous_status: 'on_hold' },
    ]);
    const events = await dataSource.query<{ type: string; payload: Record<string, unknown> }[]>(
      'SELECT type, payload FROM order_item_event WHERE order_item_id = $1 ORDER BY id',
      [id],
    );
    expect(events.map(({ type }) => type)).toEqual([
      'order_item.partially_cancelled',
      'order_item.partially_cancelled',
      'order_item.cancelled',
    ]);
    expect(events[1]?.payload).toEqual({
      orderId: 'order-1',
      orderItemId: id,
      cancellationId: expect.any(String),
      quantity: 1,
      cancelledQuantity: 3,
      remaining: 2,
      previousStatus: 'on_hold',
      status: 'on_hold',
      reasonCode: 'other',
      cancelledBy: 'developer',
      channel: 'rest',
      requestId: byRest.body.request_id,
    });
  });

  test('of more than is left is refused by both doors in the same words, and writes nothing', async () => {
    const id = await anOrderItem(dataSource, { quantity: 3 });
    await cancel(id, { quantity: 1 });
    const message = `Validation of cancel order request failed with error: 'quantity' is more than the 2 that are left.`;
    expect(await cancel(id, { quantity: 3 })).toEqual({
      __typename: 'QuantityNotCancelable',
      message,
      requested: 3,
      remaining: 2,
      orderItem: { cancelableQuantity: 2 },
    });
    const { status, body } = await service.cancelByRest(id, { body: { reason: 'Fewer', quantity: 3 } });
    expect([status, body.error_code, body.message]).toEqual([400, 'bad_request', message]);
    expect(await findOrderItem(dataSource, id)).toMatchObject({ cancelledQuantity: 1, version: 2 });
  });

  test.each([{ isPreOrder: false }, { status: 'complete' as const }])(
    'of an item with a blocker gets the blocker: %j',
    async (given) => {
      const id = await anOrderItem(dataSource, { quantity: 3, ...given });
      expect((await cancel(id, { quantity: 9 })).__typename).toBe('OrderItemNotCancelable');
    },
  );

  test('with a key is repeated with its own first answer, and takes nothing more', async () => {
    const id = await anOrderItem(dataSource, { quantity: 5 });
    const body = { reason: 'Fewer', quantity: 2 };
    const key = { 'idempotency-key': randomUUID() };
    const first = await service.cancelByRest(id, { body, headers: key });
    await cancel(id, { quantity: 3 });
    const again = await service.cancelByRest(id, { body, headers: key });
    expect(again.body).toEqual(first.body);
    expect(again.body).toMatchObject({ status: 'pending', quantity: 2, remaining: 3 });
    const other = await service.cancelByRest(id, { body: { ...body, quantity: 1 }, headers: key });
    expect(other.status).toBe(422);
    expect(await findCancellations(dataSource, [id])).toHaveLength(2);
  });

  test('is one request with a key, through either door, also several times in one batch', async () => {
    const id = await anOrderItem(dataSource, { quantity: 5 });
    const idempotencyKey = randomUUID();
    const answers = await Promise.all(
      Array.from({ length: 6 }, async (_, n) =>
        n % 2 === 0
          ? (await cancel(id, { quantity: 2, idempotencyKey })).cancellation?.quantity
          : ((
              await service.cancelByRest(id, {
                body: { reason: 'Fewer', quantity: 2 },
                headers: { 'idempotency-key': idempotencyKey },
              })
            ).body.quantity as number),
      ),
    );
    expect(answers).toEqual([2, 2, 2, 2, 2, 2]);
    expect(await findOrderItem(dataSource, id)).toMatchObject({ cancelledQuantity: 2 });
  });

  test.each([
    [10, 10, 5],
    [100, 1, 50],
    [20, 7, 7],
  ])('by %d callers at once, %d of 50 each: %d succeed', async (callers, quantity, successes) => {
    const id = await anOrderItem(dataSource, { quantity: 50 });
    const answers = await Promise.all(
      Array.from({ length: callers }, async (_, n) => {
        if (n % 2 === 0) return (await cancel(id, { quantity })).__typename;
        const { status } = await service.cancelByRest(id, { body: { reason: 'Fewer', quantity } });
        return status === 200 ? 'CancelOrderItemSuccess' : 'refused';
      }),
    );
    expect(answers.filter((answer) => answer === 'CancelOrderItemSuccess')).toHaveLength(successes);
    const cancelledQuantity = successes * quantity;
    expect(await findOrderItem(dataSource, id)).toMatchObject({
      cancelledQuantity,
      version: 1 + successes,
      status: cancelledQuantity === 50 ? 'cancelled' : 'pending',
    });
    const records = await findCancellations(dataSource, [id]);
    expect(records.map((record) => record['cancelled_before']).sort((a, b) => Number(a) - Number(b))).toEqual(
      Array.from({ length: successes }, (_, n) => n * quantity),
    );
  });

  test('beside a cancel of all that is left never takes a unit twice', async () => {
    const id = await anOrderItem(dataSource, { quantity: 10 });
    const requests = [3, null, 3, null, 3].map((quantity) => cancel(id, { quantity }));
    const answers = await Promise.all(requests);
    const taken = answers.map((answer) => answer.cancellation?.quantity ?? 0);
    expect(taken.reduce((sum, units) => sum + units, 0)).toBe(10);
    expect(await findOrderItem(dataSource, id)).toMatchObject({ status: 'cancelled', cancelledQuantity: 10 });
  });
});

test('a record of the release before, without a quantity, counts as the whole item', async () => {
  const id = await anOrderItem(dataSource, { quantity: 4 });
  await dataSource.query(
    `INSERT INTO order_item_cancellation (id, order_item_id, previous_status, reason, cancelled_by, channel, request_id)
     VALUES (gen_random_uuid(), $1, 'pending', 'Late', 'somebody', 'rest', repeat('a', 32))`,
    [id],
  );
  await dataSource.query(`UPDATE order_item SET status = 'cancelled', version = 2 WHERE id = $1`, [id]);
  const { data } = await service.graphql(
    `{ orderItem(id: "${id}") { cancelledQuantity cancellation { quantity reasonCode } cancellations { quantity } } }`,
  );
  expect(data.orderItem).toEqual({
    cancelledQuantity: 4,
    cancellation: { quantity: 4, reasonCode: null },
    cancellations: [{ quantity: 4 }],
  });
});

describe('codes for reasons', () => {
  const READ = '{ cancellationReasons { code label } }';

  test('are listed for callers with either scope', async () => {
    for (const scope of ['order-items:read', 'order-items:cancel']) {
      const { data } = await service.graphql(READ, {}, await service.token({ scope }));
      expect(data.cancellationReasons).toContainEqual({ code: 'changed_mind', label: 'Changed their mind' });
    }
    const { data, errors } = await service.graphql(READ, {}, await service.token({ scope: 'other' }));
    expect([data, errors.map(({ extensions }) => extensions['code'])]).toEqual([
      { cancellationReasons: null },
      ['FORBIDDEN'],
    ]);
  });

  test('that are unknown are refused with the list', async () => {
    const id = await anOrderItem(dataSource);
    const message =
      'Validation of cancel order request failed with error: the reason code is not one of: changed_mind, ordered_by_mistake, found_elsewhere, release_delayed, payment_failed, out_of_stock, fraud, other.';
    expect(await cancel(id, { reasonCode: 'late' })).toEqual({ __typename: 'InvalidCancelRequest', message });
    const { status, body } = await service.cancelByRest(id, { body: { reason: 'Late', reason_code: 'late' } });
    expect([status, body.message]).toEqual([400, message]);
  });
});

test('the migration of quantities is not reverted once items are cancelled in part', async () => {
  const id = await anOrderItem(dataSource, { quantity: 2 });
  await cancel(id, { quantity: 1 });
  const later = migrations.slice(migrations.findIndex(({ name }) => name.startsWith('Quantities')) + 1);
  for (const { name } of later.toReversed()) expect(await migrateDown(dataSource)).toEqual([name]);
  await expect(migrateDown(dataSource)).rejects.toThrow('Items were cancelled in part');
});

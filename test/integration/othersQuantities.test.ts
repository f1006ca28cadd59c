import pg from 'pg';
import { cancelUnits } from '../support/cancelUnits.ts';
import { violates } from '../support/citus.ts';
import { untilSessionWaits } from '../support/lockedItem.ts';
import { anOrderItem } from '../support/orderItems.ts';
import { startTestService } from '../support/testService.ts';

// Many requests for one item at once take long on a slow machine.
const service = await startTestService({ REQUEST_TIMEOUT_MS: '120000', LOCK_TIMEOUT_MS: '60000' });
const { dataSource } = service;

const cancel = (id: string, input?: object): ReturnType<typeof cancelUnits> => cancelUnits(service, id, input);

describe('an item that others change after a cancel in part', () => {
  const change = async (id: string, set: string): Promise<unknown> =>
    dataSource.query(`UPDATE order_item SET ${set} WHERE id = $1`, [id]);

  test('and enlarge has more left', async () => {
    const id = await anOrderItem(dataSource, { quantity: 3 });
    await cancel(id, { quantity: 2 });
    await change(id, 'quantity = 10');
    expect(await cancel(id, { quantity: 8 })).toMatchObject({
      orderItem: { cancelledQuantity: 10, status: 'CANCELLED' },
    });
  });

  test('and reduce has less left', async () => {
    const id = await anOrderItem(dataSource, { quantity: 5 });
    await cancel(id, { quantity: 2 });
    await change(id, 'quantity = 3');
    expect(await cancel(id, { quantity: 2 })).toMatchObject({ __typename: 'QuantityNotCancelable', remaining: 1 });
    expect(await cancel(id)).toMatchObject({ cancellation: { quantity: 1 } });
  });

  test('and cancel whole counts as cancelled whole, without a record of the last unit', async () => {
    const id = await anOrderItem(dataSource, { quantity: 5 });
    await cancel(id, { quantity: 2 });
    await change(id, `status = 'cancelled'`);
    expect(await cancel(id, { quantity: 1 })).toMatchObject({ __typename: 'OrderItemNotCancelable' });
    const { data } = await service.graphql(
      `{ orderItem(id: "${id}") { cancelledQuantity cancelableQuantity cancellation { id } cancellations { quantity } } }`,
    );
    expect(data.orderItem).toEqual({
      cancelledQuantity: 5,
      cancelableQuantity: 0,
      cancellation: null,
      cancellations: [{ quantity: 2 }],
    });
  });

  test.each([
    ['order_item_units_cancelled_check', 'quantity = 1'],
    ['order_item_units_cancelled_check', 'cancelled_quantity = 6'],
    ['order_item_units_left_check', 'cancelled_quantity = 5'],
    ['order_item_units_left_check', 'quantity = 2'],
    ['order_item_units_stay_cancelled', 'cancelled_quantity = 1'],
  ])('is protected by %s from %s', async (constraint, set) => {
    const id = await anOrderItem(dataSource, { quantity: 5 });
    await cancel(id, { quantity: 2 });
    await expect(change(id, set)).rejects.toMatchObject(violates('23514', constraint));
  });

  test('does not let others record the same units once more', async () => {
    const id = await anOrderItem(dataSource, { quantity: 5 });
    await cancel(id, { quantity: 2 });
    await expect(
      dataSource.query(
        `INSERT INTO order_item_cancellation SELECT ($2::order_item_cancellation).* FROM order_item WHERE id = $1`,
        [id, await recordOf(id)],
      ),
    ).rejects.toMatchObject(violates('23505', 'order_item_cancellation_pkey'));
  });

  test('and record with the same units gets a conflict, which the cancel judges anew', async () => {
    const id = await anOrderItem(dataSource, { quantity: 5 });
    const [recording, counting] = [new pg.Client(service.databaseUrl), new pg.Client(service.databaseUrl)];
    await Promise.all([recording.connect(), counting.connect()]);
    await recording.query('BEGIN');
    await recording.query(
      `INSERT INTO order_item_cancellation
         (id, order_item_id, quantity, remaining, previous_status, cancelled_by, channel, request_id)
       VALUES (gen_random_uuid(), $1, 2, 3, 'pending', 'another', 'rest', repeat('a', 32))`,
      [id],
    );
    const cancelled = cancel(id, { quantity: 1 });
    await untilSessionWaits(service.databaseUrl);
    const counted = counting.query('UPDATE order_item SET cancelled_quantity = 2 WHERE id = $1', [id]);
    await untilSessionWaits(service.databaseUrl, 2);
    await recording.query('COMMIT');
    await counted;
    expect(await cancelled).toMatchObject({ orderItem: { cancelledQuantity: 3 }, cancellation: { quantity: 1 } });
    await Promise.all([recording.end(), counting.end()]);
  });

  async function recordOf(id: string): Promise<string> {
    const [row] = await dataSource.query<{ record: string }[]>(
      'SELECT cancellation::text AS record FROM order_item_cancellation AS cancellation WHERE order_item_id = $1',
      [id],
    );
    return row?.record ?? '';
  }
});

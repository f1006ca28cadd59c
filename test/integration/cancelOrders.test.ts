import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { listStatementsDuring } from '../support/countStatements.ts';
import { lockItem } from '../support/lockedItem.ts';
import { findCancellations, findOrderItem, type GivenItem, insertOrderItems } from '../support/orderItems.ts';
import { createTestDatabase } from '../support/testDatabase.ts';
import { startTestService } from '../support/testService.ts';

const database = await createTestDatabase();
const service = await startTestService({
  DATABASE_URL: database.url,
  LOCK_TIMEOUT_MS: '60000',
  REQUEST_TIMEOUT_MS: '120000',
});
const impatient = await startTestService({ DATABASE_URL: database.url, LOCK_TIMEOUT_MS: '200' });
afterAll(database.drop);
const { dataSource } = service;

const CANCEL = `mutation($input: CancelItemsOfOrderInput!) {
  cancelItemsOfOrder(input: $input) {
    __typename
    ... on CancelOrderItemRefusal { message }
    ... on InvalidCancelRequest { field }
    ... on CancelOrderItemSuccess { orderItem { id status } cancellation { requestId quantity } }
    ... on OrderItemNotCancelable { orderItem { id } blockers { code } }
    ... on OrderNotCancelableAsWhole { orderItem { id status } }
  }
}`;

interface Answer {
  readonly __typename: string;
  readonly orderItem?: { readonly id: string };
  readonly cancellation?: { readonly requestId: string; readonly quantity: number };
}

async function cancelOrder(orderId: string, input: object = {}): Promise<Answer[]> {
  const { data, errors } = await service.graphql(CANCEL, { input: { orderId, reason: 'Late', ...input } });
  expect(errors).toEqual([]);
  return data.cancelItemsOfOrder as Answer[];
}

const listTypes = (answers: readonly Answer[]): string[] => answers.map(({ __typename }) => __typename);
const listIds = (answers: readonly Answer[]): (string | undefined)[] => answers.map(({ orderItem }) => orderItem?.id);

/** Inserts the items of a new order, the oldest first. */
async function anOrder(items: readonly GivenItem[]): Promise<{ orderId: string; ids: string[] }> {
  const orderId = `order-${randomUUID()}`;
  const ids = await insertOrderItems(
    dataSource,
    items.map((item, n) => ({ orderId, createdAt: new Date(Date.UTC(2025, 0, 1 + n)), ...item })),
  );
  return { orderId, ids };
}

describe('a cancel of an order', () => {
  test('cancels what can be cancelled, and answers by item, oldest first', async () => {
    const { orderId, ids } = await anOrder([
      { quantity: 3 },
      { status: 'complete' },
      { quantity: 5, cancelledQuantity: 2 },
      { isPreOrder: false },
    ]);
    const answers = await cancelOrder(orderId, { reasonCode: 'other', note: 'All of it' });
    expect(listIds(answers)).toEqual(ids);
    expect(answers).toMatchObject([
      { __typename: 'CancelOrderItemSuccess', orderItem: { status: 'CANCELLED' }, cancellation: { quantity: 3 } },
      { __typename: 'OrderItemNotCancelable', blockers: [{ code: 'TERMINAL_STATUS' }] },
      { __typename: 'CancelOrderItemSuccess', cancellation: { quantity: 3 } },
      { __typename: 'OrderItemNotCancelable', blockers: [{ code: 'NOT_PRE_ORDERED' }] },
    ]);
    expect(await findCancellations(dataSource, ids)).toMatchObject([
      { reason: 'Late', reason_code: 'other', note: 'All of it' },
      { reason: 'Late', reason_code: 'other', note: 'All of it' },
    ]);
    expect(listTypes(await cancelOrder(orderId))).toEqual(Array(4).fill('OrderItemNotCancelable'));
  });

  test('cancels all or nothing', async () => {
    const { orderId, ids } = await anOrder([{}, { status: 'cancelled' }, { status: 'complete' }, {}]);
    const refused = await cancelOrder(orderId, { mode: 'ALL_OR_NOTHING' });
    expect(listIds(refused)).toEqual(ids);
    expect(refused).toMatchObject([
      {
        __typename: 'OrderNotCancelableAsWhole',
        message: 'Another item of the order cannot be cancelled, so none was.',
      },
      { __typename: 'OrderItemNotCancelable' },
      { __typename: 'OrderItemNotCancelable' },
      { __typename: 'OrderNotCancelableAsWhole', orderItem: { status: 'PENDING' } },
    ]);
    expect(await findCancellations(dataSource, ids)).toEqual([]);
    await dataSource.query(`UPDATE order_item SET status = 'pending' WHERE id = $1`, [ids[2]]);
    expect(listTypes(await cancelOrder(orderId, { mode: 'ALL_OR_NOTHING' }))).toEqual([
      'CancelOrderItemSuccess',
      'OrderItemNotCancelable',
      'CancelOrderItemSuccess',
      'CancelOrderItemSuccess',
    ]);
  });

  test.each([randomUUID(), 'a\0b', '\ud800', 'x'.repeat(1_001), ''])(
    'that is unknown here is an empty list: %j',
    async (id) => {
      expect(await cancelOrder(id)).toEqual([]);
      expect(await cancelOrder(id, { mode: 'ALL_OR_NOTHING', idempotencyKey: 'unused' })).toEqual([]);
    },
  );

  test.each([
    ['reason', { reason: ' ' }],
    ['reasonCode', { reasonCode: 'nonsense' }],
    ['note', { note: 'a\0' }],
    ['idempotencyKey', { idempotencyKey: '' }],
  ])('with a bad %s gets one refusal', async (field, input) => {
    const { orderId, ids } = await anOrder([{}, {}]);
    expect(await cancelOrder(orderId, input)).toMatchObject([{ __typename: 'InvalidCancelRequest', field }]);
    expect(await findCancellations(dataSource, ids)).toEqual([]);
  });

  test('takes 1,000 items, and refuses 1,001', async () => {
    const { orderId, ids } = await anOrder(Array.from({ length: 1_000 }, () => ({ createdAt: new Date(0) })));
    await insertOrderItems(dataSource, [{ orderId, createdAt: new Date(0) }]);
    expect(await cancelOrder(orderId)).toEqual([
      {
        __typename: 'InvalidCancelRequest',
        field: 'orderId',
        message: 'Validation of cancel order request failed with error: the order has more than 1000 items.',
      },
    ]);
    await dataSource.query('DELETE FROM order_item WHERE order_id = $1 AND NOT id = ANY($2)', [orderId, ids]);
    const answers = await cancelOrder(orderId);
    expect(new Set(listTypes(answers))).toEqual(new Set(['CancelOrderItemSuccess']));
    // Of items of one instant, the id decides.
    expect(listIds(answers)).toEqual([...ids].sort());
  });

  test.each(['ALL_CANCELABLE', 'ALL_OR_NOTHING'])(
    '%s waits for an item that is locked, and writes nothing meanwhile',
    async (mode) => {
      const { orderId, ids } = await anOrder([{}, {}]);
      const client = new pg.Client(service.databaseUrl);
      await client.connect();
      await client.query('BEGIN');
      await client.query('SELECT FROM order_item WHERE id = $1 FOR UPDATE', [ids[1]]);
      const { status, errors } = await impatient.graphql(CANCEL, { input: { orderId, reason: 'Late', mode } });
      expect([status, errors[0]?.extensions['code']]).toEqual([503, 'SERVICE_UNAVAILABLE']);
      expect(await findCancellations(dataSource, ids)).toEqual([]);
      const waiting = cancelOrder(orderId, { mode });
      await client.end();
      expect(listTypes(await waiting)).toEqual(['CancelOrderItemSuccess', 'CancelOrderItemSuccess']);
    },
  );

  test('takes no item that has left the order meanwhile', async () => {
    const { orderId, ids } = await anOrder([{}, {}]);
    const lock = await lockItem(
      service.databaseUrl,
      ids[0] ?? '',
      `UPDATE order_item SET order_id = 'another' WHERE id = $1`,
    );
    const cancelling = cancelOrder(orderId);
    await lock.untilTried();
    await lock.release();
    expect(listIds(await cancelling)).toEqual([ids[1]]);
    expect(await findOrderItem(dataSource, ids[0] ?? '')).toMatchObject({ status: 'pending' });
  });
});

describe('a key of a cancel of an order', () => {
  test('repeats the first answers, and cancels nothing more', async () => {
    const { orderId, ids } = await anOrder([{}, { status: 'complete' }, {}]);
    const idempotencyKey = randomUUID();
    const first = await cancelOrder(orderId, { idempotencyKey });
    await insertOrderItems(dataSource, [{ orderId, createdAt: new Date(0) }]);
    await dataSource.query(`UPDATE order_item SET status = 'pending' WHERE id = $1`, [ids[1]]);
    const again = await cancelOrder(orderId, { idempotencyKey });
    expect(again).toEqual([first[0], first[2]]);
    expect(await findCancellations(dataSource, ids)).toHaveLength(2);
  });

  test('repeats them after the items have left the order', async () => {
    const { orderId } = await anOrder([{}, {}]);
    const idempotencyKey = randomUUID();
    const first = await cancelOrder(orderId, { idempotencyKey });
    await dataSource.query(`UPDATE order_item SET order_id = 'moved' WHERE order_id = $1`, [orderId]);
    expect(await cancelOrder(orderId, { idempotencyKey })).toEqual(first);
  });

  test.each([
    ['another mode', { mode: 'ALL_OR_NOTHING' }],
    ['another reason', { reason: 'Early' }],
    ['a code', { reasonCode: 'other' }],
  ])('is refused once for %s', async (_, change) => {
    const { orderId } = await anOrder([{}, {}]);
    const idempotencyKey = randomUUID();
    await cancelOrder(orderId, { idempotencyKey });
    expect(listTypes(await cancelOrder(orderId, { idempotencyKey, ...change }))).toEqual(['IdempotencyKeyReused']);
  });

  test('is one request when it comes several times at once', async () => {
    const { orderId, ids } = await anOrder([{}, {}, {}]);
    const idempotencyKey = randomUUID();
    const answers = await Promise.all(Array.from({ length: 5 }, () => cancelOrder(orderId, { idempotencyKey })));
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(listIds(answers[0] ?? [])).toEqual(ids);
    expect(await findCancellations(dataSource, ids)).toHaveLength(3);
  });

  test('of a bulk is not one of an order', async () => {
    const { orderId, ids } = await anOrder([{}]);
    const idempotencyKey = randomUUID();
    await service.cancelByRest(ids[0] ?? '', {
      body: { reason: 'Late' },
      headers: { 'idempotency-key': idempotencyKey },
    });
    expect(listTypes(await cancelOrder(orderId, { idempotencyKey }))).toEqual(['IdempotencyKeyReused']);
  });
});

test('cancels of orders and of their items at once take each unit once', async () => {
  const { orderId, ids } = await anOrder(Array.from({ length: 8 }, () => ({ quantity: 4 })));
  const byOrder = Array.from({ length: 6 }, (_, n) => cancelOrder(orderId, { mode: n % 2 ? 'ALL_OR_NOTHING' : null }));
  const byItem = [...ids, ...ids].map((id, n) =>
    service.cancelByRest(id, n % 3 === 0 ? {} : { body: { reason: 'Fewer', quantity: 1 } }),
  );
  await Promise.all([...byOrder, ...byItem]);
  const [sums] = await dataSource.query<{ units: number; records: number; open: number }[]>(
    `SELECT sum(quantity)::int AS units, count(*) FILTER (WHERE remaining = 0)::int AS records,
       (SELECT count(*)::int FROM order_item WHERE order_id = $2 AND status <> 'cancelled') AS open
     FROM order_item_cancellation WHERE order_item_id = ANY($1)`,
    [ids, orderId],
  );
  expect(sums).toEqual({ units: 32, records: 8, open: 0 });
});

describe('Order.cancelability', () => {
  const READ = `query($orders: [_Any!]!) { _entities(representations: $orders) { ... on Order {
    id cancelability { cancelable cancelableItems blockedItems blockers { code } } } } }`;

  test('counts the items of any number of orders in one statement', async () => {
    const [mixed, blocked, open] = await Promise.all([
      anOrder([{}, { isPreOrder: false }, { status: 'complete' }, { quantity: 2, cancelledQuantity: 1 }]),
      anOrder([{ status: 'cancelled' }]),
      anOrder([{}, {}]),
    ]);
    const ids = [mixed.orderId, 'nobody', blocked.orderId, open.orderId, 'a\0', mixed.orderId];
    let read: { id: string }[] = [];
    const statements = await listStatementsDuring(dataSource, async () => {
      const { data } = await service.graphql(READ, { orders: ids.map((id) => ({ __typename: 'Order', id })) });
      read = data._entities as { id: string }[];
    });
    expect(statements).toHaveLength(1);
    const nothing = { cancelable: false, cancelableItems: 0, blockedItems: 0, blockers: [] };
    const counts = {
      cancelable: true,
      cancelableItems: 2,
      blockedItems: 2,
      blockers: [{ code: 'NOT_PRE_ORDERED' }, { code: 'TERMINAL_STATUS' }],
    };
    expect(read).toEqual([
      { id: ids[0], cancelability: counts },
      { id: ids[1], cancelability: nothing },
      { id: ids[2], cancelability: { ...nothing, blockedItems: 1, blockers: [{ code: 'TERMINAL_STATUS' }] } },
      { id: ids[3], cancelability: { ...nothing, cancelable: true, cancelableItems: 2 } },
      { id: ids[4], cancelability: nothing },
      { id: ids[0], cancelability: counts },
    ]);
  });

  test('is current after a cancel in the same request', async () => {
    const { orderId, ids } = await anOrder([{}]);
    const { data } = await service.graphql(
      `mutation($id: ID!) { cancelOrderItem(input: { id: $id, reason: "Late" }) { ... on CancelOrderItemSuccess {
         orderItem { order { id cancelability { cancelableItems blockedItems } } } } } }`,
      { id: ids[0] },
    );
    expect(data.cancelOrderItem.orderItem.order).toEqual({
      id: orderId,
      cancelability: { cancelableItems: 0, blockedItems: 1 },
    });
  });
});

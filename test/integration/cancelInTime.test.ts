import { randomUUID } from 'node:crypto';
import { createZonedDays, writeDay } from '../../src/order-items/zonedDays.ts';
import { aRequest, cancellingIn, listCodes } from '../support/cancelling.ts';
import { lockItem } from '../support/lockedItem.ts';
import {
  anOrderItem,
  findCancellations,
  findOrderItem,
  type GivenItem,
  insertOrderItems,
} from '../support/orderItems.ts';
import { startTestService } from '../support/testService.ts';

/* A service with cancellation windows: both doors, reads and lists. */

const HOUR_MS = 3_600_000;
const WINDOW_MS = 48 * HOUR_MS;
const CUTOFF_MS = 36 * HOUR_MS;
const TIME_ZONE = 'Asia/Tokyo';

const service = await startTestService({
  CANCELLATION_WINDOW: 'P2D',
  CANCELLATION_CUTOFF: 'PT36H',
  CANCELLATION_TIME_ZONE: TIME_ZONE,
  LOCK_TIMEOUT_MS: '60000',
  REQUEST_TIMEOUT_MS: '60000',
  DATABASE_POOL_SIZE: '2',
});
const { dataSource } = service;

const message = 'Order item is no longer cancelable.';
const WINDOW_CLOSED = { code: 'WINDOW_CLOSED', message };
const PAST_CUTOFF = { code: 'PAST_CUTOFF', message };
const TERMINAL_STATUS = { code: 'TERMINAL_STATUS', message };
const NOT_PRE_ORDERED = { code: 'NOT_PRE_ORDERED', message: "The Order item can't be canceled." };

/** A creation whose window closes after this time, or has closed before. */
function createdFor(remainingMs: number): Date {
  return new Date(Date.now() - WINDOW_MS + remainingMs);
}

/** The release dates on both sides of the cut-off now. */
const firstOpenDay = createZonedDays(TIME_ZONE).findNextDay(Date.now() + CUTOFF_MS);
const openDate = writeDay(firstOpenDay + 1);
const pastDate = writeDay(firstOpenDay - 1);

const CANCEL = `mutation($input: CancelOrderItemInput!) {
  cancelOrderItem(input: $input) {
    __typename
    ... on OrderItemNotCancelable { message blockers { code message } orderItem { status } }
  }
}`;

async function readCancelability(id: string): Promise<unknown> {
  const { data, errors } = await service.graphql(
    `query($id: ID!) { orderItem(id: $id) { cancelability { cancelable blockers { code message } } } }`,
    { id },
  );
  expect(errors).toEqual([]);
  return data.orderItem.cancelability;
}

describe('an item', () => {
  test.each<[string, GivenItem, object[]]>([
    ['inside its window and before its cut-off', { createdAt: createdFor(HOUR_MS), releaseDate: openDate }, []],
    ['without a release date', { releaseDate: null }, []],
    ['after its window', { createdAt: createdFor(-1_000), releaseDate: openDate }, [WINDOW_CLOSED]],
    ['past its cut-off', { releaseDate: pastDate }, [PAST_CUTOFF]],
    ['that was released in the year 1', { releaseDate: '0001-01-01' }, [PAST_CUTOFF]],
    ['that is released in the year 9999', { releaseDate: '9999-12-31' }, []],
    [
      'of the year 1',
      { createdAt: new Date('0001-01-01T00:00:00Z'), releaseDate: '0001-01-01' },
      [WINDOW_CLOSED, PAST_CUTOFF],
    ],
    ['of the year 9999', { createdAt: new Date('9999-12-30T00:00:00Z') }, []],
    [
      'with every reason against it',
      { isPreOrder: false, status: 'complete', createdAt: createdFor(-HOUR_MS), releaseDate: pastDate },
      [NOT_PRE_ORDERED, TERMINAL_STATUS, WINDOW_CLOSED, PAST_CUTOFF],
    ],
  ])('%s has the same blockers in reads, lists and both doors', async (_, given, blockers) => {
    const orderId = randomUUID();
    const [byRest = '', byGraphQL = '', inBulk = ''] = await insertOrderItems(
      dataSource,
      [1, 2, 3].map(() => ({ ...given, orderId })),
    );
    const cancelable = blockers.length === 0;
    expect(await readCancelability(byRest)).toEqual({ cancelable, blockers });
    for (const filtered of [true, false]) {
      const { data } = await service.graphql(
        `query($orderId: ID!, $filtered: Boolean, $order: [_Any!]!) {
          orderItems(filter: { orderId: $orderId, cancelable: $filtered }) { edges { node { id } } }
          _entities(representations: $order) { ... on Order { items(filter: { cancelable: $filtered }) { edges { node { id } } } } }
        }`,
        { orderId, filtered, order: [{ __typename: 'Order', id: orderId }] },
      );
      const count = filtered === cancelable ? 3 : 0;
      expect(data.orderItems.edges).toHaveLength(count);
      expect(data._entities[0].items.edges).toHaveLength(count);
    }

    const rest = await service.cancelByRest(byRest);
    const graphql = await service.graphql(CANCEL, { input: { id: byGraphQL, reason: 'Late' } });
    const bulk = await service.graphql(
      `mutation($input: CancelOrderItemsInput!) { cancelOrderItems(input: $input) {
        __typename ... on OrderItemNotCancelable { message blockers { code message } }
      } }`,
      { input: { ids: [inBulk, 'nonsense'], reason: 'Late' } },
    );
    if (cancelable) {
      expect(rest).toMatchObject({ status: 200 });
      expect(graphql.data.cancelOrderItem).toEqual({ __typename: 'CancelOrderItemSuccess' });
      expect(bulk.data.cancelOrderItems[0]).toEqual({ __typename: 'CancelOrderItemSuccess' });
      return;
    }
    const words = (blockers[0] as typeof WINDOW_CLOSED).message;
    expect(rest).toMatchObject({ status: 400, body: { error_code: 'bad_request', message: words } });
    const refusal = { __typename: 'OrderItemNotCancelable', message: words, blockers };
    expect(graphql.data.cancelOrderItem).toMatchObject(refusal);
    expect(bulk.data.cancelOrderItems[0]).toEqual(refusal);
    expect(await findCancellations(dataSource, [byRest, byGraphQL, inBulk])).toEqual([]);
    expect(await findOrderItem(dataSource, byRest)).toMatchObject({ status: given.status ?? 'pending', version: 1 });
  });
});

test('waiting for a lock closes no window, alone and in a bulk', async () => {
  const [alone = '', inBulk = '', free = ''] = await insertOrderItems(
    dataSource,
    [1, 2, 3].map(() => ({ createdAt: createdFor(2_000) })),
  );
  const locks = [await lockItem(service.databaseUrl, alone), await lockItem(service.databaseUrl, inBulk)];
  const waiting = [
    service.graphql(CANCEL, { input: { id: alone, reason: 'Late' } }),
    service.graphql('mutation($input: CancelOrderItemsInput!) { cancelOrderItems(input: $input) { __typename } }', {
      input: { ids: [inBulk, free], reason: 'Late' },
    }),
  ];
  await locks[0]?.untilTried();
  while (((await readCancelability(alone)) as { cancelable: boolean }).cancelable);
  // The window has closed, so the lock does not matter to a request that arrives now.
  expect(await service.cancelByRest(alone)).toMatchObject({ status: 400, body: { message } });
  for (const lock of locks) await lock.release();
  const [single, bulk] = await Promise.all(waiting);
  expect(single?.data.cancelOrderItem.__typename).toBe('CancelOrderItemSuccess');
  expect(bulk?.data.cancelOrderItems).toEqual([
    { __typename: 'CancelOrderItemSuccess' },
    { __typename: 'CancelOrderItemSuccess' },
  ]);
});

test('a repeat with an idempotency key gets the first answer after the window has closed', async () => {
  const id = await anOrderItem(dataSource);
  const request = { headers: { 'idempotency-key': 'a-key' } };
  const first = await service.cancelByRest(id, request);
  await dataSource.query('UPDATE order_item SET created_at = $2 WHERE id = $1', [id, createdFor(-1_000)]);
  expect(await service.cancelByRest(id, request)).toMatchObject({ status: 200, body: first.body });
});

test.each([
  ['late', [['ORDER_ITEM_NOT_CANCELABLE'], ['CANCELLED'], ['ORDER_ITEM_NOT_CANCELABLE']]],
  ['early', [['CANCELLED'], ['ORDER_ITEM_NOT_CANCELABLE'], ['ORDER_ITEM_NOT_CANCELABLE']]],
])('two requests of a batch that arrived on both sides of the end, the %s one first', async (first, codes) => {
  const createdAt = '2026-01-01 00:00:00.5+00';
  const id = await anOrderItem(dataSource, { createdAt: new Date('2026-01-01T00:00:00.500Z') });
  const neighbor = await anOrderItem(dataSource);
  const early = aRequest([id], { closedWindows: { createdBefore: createdAt } });
  const late = aRequest([id], { closedWindows: { createdBefore: createdAt.replace('.5', '.501') } });
  const { cancel } = cancellingIn(dataSource);
  const requests = [...(first === 'late' ? [late, early] : [early, late]), late];
  expect(listCodes(await cancel(...requests, aRequest([neighbor])))).toEqual([...codes, ['CANCELLED']]);
  expect(await findCancellations(dataSource, [id])).toHaveLength(1);
});

test('metrics count the blockers of windows', async () => {
  await service.cancelByRest(await anOrderItem(dataSource, { createdAt: createdFor(-1_000) }));
  const metrics = await (await fetch(`${service.url}/metrics`)).text();
  expect(metrics).toMatch(
    /^order_items_cancels_total\{channel="rest",outcome="ORDER_ITEM_NOT_CANCELABLE",blocker="WINDOW_CLOSED"\} [1-9]/m,
  );
});

test('each statement has one plan, whatever the instant', async () => {
  for (let count = 0; count < 12; count += 1) {
    const { errors } = await service.graphql(
      `{ yes: orderItems(filter: { cancelable: true }) { edges { node { id } } }
         no: orderItems(filter: { cancelable: false }) { edges { node { id } } } }`,
    );
    expect(errors).toEqual([]);
    expect(await service.cancelByRest(await anOrderItem(dataSource))).toMatchObject({ status: 200 });
  }
  // A connection has the statements that it has run.
  const prepared = await dataSource.transaction((manager) =>
    manager.query<{ name: string; customPlans: number }[]>(
      `SELECT name, custom_plans::int AS "customPlans" FROM pg_prepared_statements
       WHERE name ~ '^(list_order_items|cancel_order_items)_'`,
    ),
  );
  expect(prepared.length).toBeGreaterThan(0);
  expect(prepared.filter(({ customPlans }) => customPlans > 0)).toEqual([]);
});

import { untilMetric } from '../support/exposition.ts';
import { lockItem } from '../support/lockedItem.ts';
import { anOrderItem, insertOrderItems } from '../support/orderItems.ts';
import { startTestService } from '../support/testService.ts';

/** A hundred times what the requests of a test take while it holds a lock. */
const service = await startTestService({ LOCK_TIMEOUT_MS: '3000' });
const CANCEL = 'mutation($input: CancelOrderItemInput!) { cancelOrderItem(input: $input) { __typename } }';

/** The values at `/metrics`, by name and labels as Prometheus writes them. */
async function read(): Promise<Map<string, number>> {
  const text = await (await fetch(`${service.url}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line.startsWith('order_items_'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
}

/** What something adds to them. */
async function addedBy(act: () => Promise<unknown>): Promise<Record<string, number>> {
  const before = await read();
  await act();
  const after = await read();
  return Object.fromEntries(
    [...after]
      .map(([name, value]) => [name, value - (before.get(name) ?? 0)] as const)
      .filter(([, added]) => added !== 0),
  );
}

test('cancels are counted by channel, outcome and first blocker', async () => {
  const id = await anOrderItem(service.dataSource);
  const never = await anOrderItem(service.dataSource, { isPreOrder: false });
  const added = await addedBy(async () => {
    await service.cancelByRest(id);
    await service.cancelByRest(id);
    await service.graphql(CANCEL, { input: { id: never, reason: 'Late' } });
    await service.graphql(CANCEL, { input: { id: never, reason: '' } });
  });
  const label = (channel: string, outcome: string, blocker: string): string =>
    `order_items_cancels_total{channel="${channel}",outcome="${outcome}",blocker="${blocker}"}`;
  expect(added).toMatchObject({
    [label('rest', 'CANCELLED', 'none')]: 1,
    [label('rest', 'ORDER_ITEM_NOT_CANCELABLE', 'TERMINAL_STATUS')]: 1,
    [label('graphql', 'ORDER_ITEM_NOT_CANCELABLE', 'NOT_PRE_ORDERED')]: 1,
  });
});

test('cancelled units are counted by code, and a repeat is not', async () => {
  const id = await anOrderItem(service.dataSource, { quantity: 5 });
  const added = await addedBy(async () => {
    const keyed = {
      body: { reason: 'Fewer', quantity: 2, reason_code: 'fraud' },
      headers: { 'idempotency-key': 'units' },
    };
    await service.cancelByRest(id, keyed);
    await service.cancelByRest(id, keyed);
    await service.cancelByRest(id, { body: { reason: 'Fewer', quantity: 9, reason_code: 'fraud' } });
    await service.graphql(CANCEL, { input: { id, reason: 'The rest' } });
  });
  expect(added).toMatchObject({
    'order_items_units_cancelled_total{channel="rest",reason_code="fraud"}': 2,
    'order_items_units_cancelled_total{channel="graphql",reason_code="none"}': 3,
  });
});

test('measures batches, and counts tokens by whether the cache had them', async () => {
  const ids = await insertOrderItems(
    service.dataSource,
    Array.from({ length: 30 }, () => ({})),
  );
  const newToken = await service.token({ subject: 'new' });
  const readItem = (id: string): Promise<unknown> => service.graphql(`{ orderItem(id: "${id}") { id } }`, {}, newToken);
  const added = await addedBy(async () => {
    const [first = '', one = '', other = '', ...gathering] = ids;
    const queue = { queue: 'read_order_items' };
    await readItem(first);
    const reading = await service.dataSource.transaction(async (manager) => {
      await manager.query('LOCK TABLE order_item IN ACCESS EXCLUSIVE MODE');
      const sent = [readItem(one)];
      await untilMetric(service.url, 'order_items_batches_under_way', queue, 1);
      sent.push(readItem(other));
      await untilMetric(service.url, 'order_items_batches_under_way', queue, 2);
      // Both slots are taken, so the other reads gather in one batch.
      sent.push(...gathering.map(readItem));
      await untilMetric(service.url, 'order_items_queue_waiting', queue, gathering.length);
      return { sent };
    });
    await Promise.all(reading.sent);
  });
  expect(added['order_items_batch_size_sum{queue="read_order_items"}']).toBe(30);
  expect(added['order_items_batch_size_count{queue="read_order_items"}']).toBe(4);
  expect(added['order_items_tokens_total{remembered="false"}']).toBe(1);
  expect(added['order_items_tokens_total{remembered="true"}']).toBe(29);
});

test('shows waiting cancels, connections and queues', async () => {
  const id = await anOrderItem(service.dataSource);
  const lock = await lockItem(service.databaseUrl, id);
  const waiting = service.cancelByRest(id);
  await lock.untilTried();
  const during = await read();
  expect(during.get('order_items_lock_waiting')).toBe(1);
  expect(during.get('order_items_database_connections{state="idle"}')).toBeGreaterThanOrEqual(0);
  expect((await waiting).status).toBe(503);
  await lock.release();
  const after = await read();
  expect(after.get('order_items_lock_waiting')).toBe(0);
  expect(after.get('order_items_lock_wait_seconds_count')).toBe(1);
  expect(after.get('order_items_lock_wait_seconds_sum')).toBeGreaterThan(0);
  for (const queue of ['read_order_items', 'read_cancellations', 'cancel_order_items', 'cancel_order_items_bulk']) {
    expect(after.get(`order_items_queue_waiting{queue="${queue}"}`)).toBe(0);
    expect(after.get(`order_items_batches_under_way{queue="${queue}"}`)).toBe(0);
  }
  expect(after.get('order_items_database_waiting')).toBe(0);
});

test('uses base units and bounded labels', async () => {
  const text = await (await fetch(`${service.url}/metrics`)).text();
  const names = [...text.matchAll(/^# TYPE (order_items_\w+) (\w+)$/gm)];
  expect(names.length).toBeGreaterThan(8);
  for (const [, name = '', type] of names) {
    expect(name).toMatch(type === 'counter' ? /_total$/ : /^(?!.*_(ms|milliseconds|total)$)/);
    expect(text).toMatch(new RegExp(`^# HELP ${name} .{20,}$`, 'm'));
  }
  expect(text).toContain('nodejs_eventloop_lag_seconds');
});

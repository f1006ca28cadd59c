import type { CancelledData } from '../../src/events/cloudEvent.ts';
import { CursorExpired, openEventLog } from '../../src/events/eventLog.ts';
import { readFreeTexts } from '../../src/events/freeTexts.ts';
import { startSequencer } from '../../src/events/sequencer.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { unwatchedQueue } from '../../src/work/coalesce.ts';
import { cancelAsEarlier } from '../../bench/earlierCancel.ts';
import { anOrderItem, findCancellations } from '../support/orderItems.ts';
import { insertEvents, waitForPositions } from '../support/outbox.ts';
import { startTestService } from '../support/testService.ts';
import { waitFor } from '../support/waitFor.ts';

/* The log as readers see it, beside the service that cancels. Each test begins with an empty outbox. */

const service = await startTestService();
const { dataSource } = service;
const log = openEventLog(dataSource, '/shop', unwatchedQueue('read_events'));
const sequencer = startSequencer(
  dataSource,
  {
    observe: ({ newest }) => {
      log.advance(newest);
    },
  },
  createLogger('silent'),
);
const never = new AbortController().signal;

beforeEach(async () => {
  await dataSource.query('TRUNCATE order_item_event');
});
// Before the service stops.
afterAll(sequencer.stop);

async function cancel(id: string, body?: object): Promise<void> {
  expect((await service.cancelByRest(id, body === undefined ? {} : { body })).status).toBe(200);
}

test('an event is a CloudEvent that says what the database has', async () => {
  const id = await anOrderItem(dataSource, { orderId: 'order-7', quantity: 5, status: 'on_hold' });
  await cancel(id, { reason: 'Fewer', reason_code: 'other', quantity: 2 });
  await cancel(id);
  await waitForPositions(dataSource, 2);
  const [first, second] = await log.readEvents(null, 10);
  const [row] = await dataSource.query<{ id: string; occurred_at: Date }[]>(
    'SELECT id, occurred_at FROM order_item_event WHERE position = 1',
  );
  const record = (await findCancellations(dataSource, [id])).find(({ remaining }) => remaining === 3);
  expect(first).toEqual({
    position: 1,
    event: {
      specversion: '1.0',
      id: row?.id,
      source: '/shop',
      type: 'order_item.partially_cancelled',
      subject: id,
      time: row?.occurred_at.toISOString(),
      data: {
        orderId: 'order-7',
        orderItemId: id,
        cancellationId: record?.['id'],
        quantity: 2,
        cancelledQuantity: 2,
        remaining: 3,
        previousStatus: 'on_hold',
        status: 'on_hold',
        reasonCode: 'other',
        cancelledBy: 'developer',
        channel: 'rest',
        requestId: record?.['request_id'],
      },
    },
  });
  expect(second?.event).toMatchObject({
    type: 'order_item.cancelled',
    subject: id,
    data: { quantity: 3, cancelledQuantity: 5, remaining: 0, previousStatus: 'on_hold', status: 'cancelled' },
  });
});

test('the free texts of events are in the records of the cancellations', async () => {
  const id = await anOrderItem(dataSource, { quantity: 2 });
  await cancel(id, { reason: 'Fewer', note: 'By telephone', quantity: 1 });
  await cancel(id);
  await insertEvents(dataSource, [{}]);
  await waitForPositions(dataSource, 3);
  const events = (await log.readEvents(null, 10)).map(({ event }) => event);
  const texts = await readFreeTexts(dataSource, events);
  const ofItem = events.filter(({ subject }) => subject === id);
  expect(ofItem.map((event) => texts.get(event.id))).toEqual([
    { reason: 'Fewer', note: 'By telephone' },
    { reason: null, note: null },
  ]);
  // An event of another process can have no record.
  expect(texts.size).toBe(2);
});

test('the event of an early release reads as the whole item', async () => {
  const id = await anOrderItem(dataSource, { orderId: 'order-8', quantity: 4 });
  await cancelAsEarlier((statement, parameters) => dataSource.query(statement, parameters), id);
  await dataSource.query(
    `UPDATE order_item_event SET payload = '{"cancellationId": "early", "previousStatus": "pending", "cancelledBy": "me",
       "channel": "rest", "requestId": "of then"}'`,
  );
  await waitForPositions(dataSource, 1);
  const [logged] = await log.readEvents(null, 1);
  expect(logged?.event.data).toEqual({
    orderId: 'order-8',
    orderItemId: id,
    cancellationId: 'early',
    quantity: 4,
    cancelledQuantity: 4,
    remaining: 0,
    previousStatus: 'pending',
    status: 'cancelled',
    reasonCode: null,
    cancelledBy: 'me',
    channel: 'rest',
    requestId: 'of then',
  } satisfies CancelledData);
});

test('an event that another process wrote in its own way stops no reader', async () => {
  await dataSource.query(`INSERT INTO order_item_event (id, order_item_id, type, occurred_at, payload)
    SELECT gen_random_uuid(), gen_random_uuid(), 'order_item.cancelled', at::timestamptz, payload
    FROM (VALUES ('infinity', '{}'::jsonb), ('-infinity', 'null'), ('2026-03-04', '[]'), ('2026-03-04', '7')) AS given(at, payload)`);
  await waitForPositions(dataSource, 4);
  const events = await log.readEvents(null, 10);
  expect(events.map(({ position }) => position)).toEqual([1, 2, 3, 4]);
  expect(events.map(({ event }) => event.time).toSorted()).toEqual([
    '0001-01-01T00:00:00.000Z',
    '2026-03-04T00:00:00.000Z',
    '2026-03-04T00:00:00.000Z',
    '9999-12-31T00:00:00.000Z',
  ]);
});

test('a page ends at its limit, and the next one goes on after it', async () => {
  await insertEvents(dataSource, [{}, {}, {}]);
  await waitForPositions(dataSource, 3);
  const read = async (after: number | null, limit: number) =>
    (await log.readEvents(after, limit)).map(({ position }) => position);
  expect(await Promise.all([read(null, 2), read(0, 2), read(2, 2), read(3, 2)])).toEqual([[1, 2], [1, 2], [3], []]);
});

test('a position that is no longer kept, or not given yet, has expired. Others at the same time are served', async () => {
  await insertEvents(dataSource, [{}, {}, {}, {}]);
  await waitForPositions(dataSource, 4);
  await dataSource.query('DELETE FROM order_item_event WHERE position < 3');
  const [expired, oldest, kept, newest, future] = await Promise.allSettled(
    [1, null, 2, 4, 5].map((after) => log.readEvents(after, 10)),
  );
  for (const one of [expired, future]) {
    expect(one).toMatchObject({ status: 'rejected', reason: expect.any(CursorExpired) as unknown });
  }
  for (const [one, positions] of [
    [oldest, [3, 4]],
    [kept, [3, 4]],
    [newest, []],
  ] as const) {
    expect(one).toMatchObject({ status: 'fulfilled', value: positions.map((position) => ({ position })) });
  }
});

describe('a wait', () => {
  test('ends with the event of a cancel, and at once if there is one', async () => {
    await waitFor('the empty log', () => log.newest() === 0);
    const isThere = log.waitForEvents(0, never);
    await cancel(await anOrderItem(dataSource));
    expect(await isThere).toBe(true);
    expect(await log.readEvents(null, 10)).toHaveLength(1);
    expect(await log.waitForEvents(0, never)).toBe(true);
  });

  test('ends with its signal', async () => {
    const abort = new AbortController();
    const isThere = log.waitForEvents(1_000_000, abort.signal);
    abort.abort();
    expect(await isThere).toBe(false);
    expect(await log.waitForEvents(1_000_000, abort.signal)).toBe(false);
  });

  test('ends when the log closes', async () => {
    const closing = openEventLog(dataSource, '/shop', unwatchedQueue('read_events'));
    const isThere = closing.waitForEvents(0, never);
    closing.close();
    expect(await isThere).toBe(false);
    expect(await closing.waitForEvents(0, never)).toBe(false);
  });
});

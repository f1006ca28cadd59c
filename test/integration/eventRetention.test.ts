import pg from 'pg';
import { pruneEvents } from '../../src/events/pruneEvents.ts';
import { untilMetric } from '../support/exposition.ts';
import { anOrderItem } from '../support/orderItems.ts';
import { insertEvents, numberAllEvents, readOutbox, useConnection, waitForPositions } from '../support/outbox.ts';
import { createTestDatabase } from '../support/testDatabase.ts';
import { startTestService } from '../support/testService.ts';

/* A service that starts on a database with old events. */

const database = await createTestDatabase();
const client = new pg.Client(database.url);
await client.connect();
const outbox = useConnection(client);
const threeDaysAgo = new Date(Date.now() - 3 * 86_400_000);
await insertEvents(
  outbox,
  Array.from({ length: 1_200 }, () => ({ occurredAt: threeDaysAgo })),
);
await numberAllEvents(outbox);
const service = await startTestService({ DATABASE_URL: database.url, EVENT_RETENTION_DAYS: '2' });
afterAll(async () => {
  await client.end();
  await database.drop();
});

test('deletes them, and keeps the newest one', async () => {
  await untilMetric(service.url, 'order_items_events_pruned_total', {}, 1_199);
  expect((await readOutbox(outbox)).map(({ position }) => position)).toEqual([1_200]);
});

test('holds no cancel up', async () => {
  const id = await anOrderItem(service.dataSource, { quantity: 2 });
  expect((await service.cancelByRest(id, { body: { reason: 'Fewer', quantity: 1 } })).status).toBe(200);
  await waitForPositions(outbox, 2);
  await client.query('BEGIN');
  expect(await pruneEvents(outbox, 2, null)).toMatchObject({ count: 1 });
  expect((await service.cancelByRest(id)).status).toBe(200);
  await client.query('COMMIT');
  expect((await waitForPositions(outbox, 2)).map(({ position }) => position)).toEqual([1_201, 1_202]);
});

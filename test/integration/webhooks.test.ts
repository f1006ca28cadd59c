import { randomUUID } from 'node:crypto';
import {
  addEndpoint,
  enableEndpoint,
  listDeliveries,
  listEndpoints,
  replayEvents,
  rotateSecret,
} from '../../src/events/webhooks/endpoints.ts';
import { anOrderItem } from '../support/orderItems.ts';
import { insertEvents } from '../support/outbox.ts';
import { findValue, readMetrics, untilMetric } from '../support/exposition.ts';
import { createTestDatabase } from '../support/testDatabase.ts';
import { startTestService } from '../support/testService.ts';
import { waitFor } from '../support/waitFor.ts';
import { expectInOrderOfItems, startWebhookReceiver, verify } from '../support/webhookReceiver.ts';

/* Two services share the deliveries. Each test has an endpoint of its own. */

const database = await createTestDatabase();
const ENVIRONMENT = {
  DATABASE_URL: database.url,
  WEBHOOK_ALLOW_PRIVATE: 'true',
  WEBHOOK_RETRY_SCHEDULE: '0.1',
};
const receiver = await startWebhookReceiver();
const service = await startTestService(ENVIRONMENT);
const other = await startTestService(ENVIRONMENT);
afterAll(database.drop);
afterEach(() => service.dataSource.query(`UPDATE order_item_webhook SET status = 'disabled'`));

const { dataSource } = service;
const THREE_DAYS_MS = 3 * 86_400_000;

async function anEndpoint(given: { types?: string[]; freeTexts?: string[] } = {}) {
  const path = `/${randomUUID()}`;
  const added = await addEndpoint(dataSource, {
    url: `${receiver.url}${path}`,
    types: given.types ?? null,
    freeTexts: given.freeTexts ?? [],
  });
  return { ...added, path };
}

async function findListed(id: string) {
  const listed = (await listEndpoints(dataSource)).find((endpoint) => endpoint.id === id);
  if (listed === undefined) throw new Error('The endpoint is not listed.');
  return listed;
}

const untilLag = (id: string, lag: number): Promise<unknown> =>
  waitFor(`a lag of ${lag} events`, async () => (await findListed(id)).lag === lag);

test('sends each cancel once, signed, in the form of CloudEvents', async () => {
  const endpoint = await anEndpoint();
  const id = await anOrderItem(dataSource, { quantity: 2 });
  await service.cancelByRest(id, { body: { reason: 'Fewer', quantity: 1 } });
  await service.cancelByRest(id, { body: { reason: 'None' } });
  const received = await receiver.untilReceived(endpoint.path, 2);
  await untilLag(endpoint.id, 0);
  expect(received.map(({ event }) => event)).toMatchObject([
    { specversion: '1.0', type: 'order_item.partially_cancelled', subject: id, data: { cancelledQuantity: 1 } },
    { specversion: '1.0', type: 'order_item.cancelled', subject: id, data: { cancelledQuantity: 2 } },
  ]);
  for (const one of received) {
    verify(endpoint.secret, one);
    expect(one.headers).toMatchObject({
      'content-type': 'application/cloudevents+json',
      'webhook-id': one.event.id,
    });
    expect(one.event.data).not.toHaveProperty('reason');
  }
  expect(await listDeliveries(dataSource, endpoint.id, 10)).toMatchObject(
    received.toReversed().map(({ event }) => ({
      eventId: event.id,
      subject: id,
      state: 'taken',
      attempts: 1,
      lastStatus: 204,
      nextAttemptAt: null,
    })),
  );
});

test('sends what happens after it was added, of the types and with the texts that it asks for', async () => {
  const before = await anOrderItem(dataSource);
  await service.cancelByRest(before);
  await untilLag((await anEndpoint()).id, 0);
  const endpoint = await anEndpoint({ types: ['order_item.cancelled'], freeTexts: ['reason', 'note'] });
  const id = await anOrderItem(dataSource, { quantity: 2 });
  await service.cancelByRest(id, { body: { reason: 'Fewer', quantity: 1 } });
  await service.cancelByRest(id, { body: { reason: 'Too late', note: 'Called twice' } });
  const [received] = await receiver.untilReceived(endpoint.path, 1);
  await untilLag(endpoint.id, 0);
  expect(receiver.received.filter(({ path }) => path === endpoint.path)).toHaveLength(1);
  expect(received?.event).toMatchObject({
    type: 'order_item.cancelled',
    subject: id,
    data: { reason: 'Too late', note: 'Called twice' },
  });
});

test.each(['null', '{}', '{"cancellationId": "none", "quantity": 1}', '[1]', '"text"'])(
  'an event of another process with the data %s stops nobody',
  async (payload) => {
    const endpoint = await anEndpoint({ freeTexts: ['reason', 'note'] });
    await dataSource.query(
      `INSERT INTO order_item_event (id, order_item_id, type, payload)
       VALUES (gen_random_uuid(), gen_random_uuid(), 'order_item.cancelled', $1::jsonb)`,
      [payload],
    );
    await insertEvents(dataSource, [{}]);
    await receiver.untilReceived(endpoint.path, 2);
    await untilLag(endpoint.id, 0);
  },
);

test('an item’s next event waits until the one before is taken, and other items do not', async () => {
  const endpoint = await anEndpoint();
  const [poisoned, other] = [randomUUID(), randomUUID()];
  let isPoisoned = true;
  receiver.answer(endpoint.path, ({ event }) => (event.subject === poisoned && isPoisoned ? 500 : 200));
  await insertEvents(
    dataSource,
    [1, 2, 3].map((reached) => ({ itemId: poisoned, reached })),
  );
  await insertEvents(
    dataSource,
    [1, 2, 3].map((reached) => ({ itemId: other, reached })),
  );
  await waitFor('the events of the other item, and three attempts of the poisoned one', () => {
    const subjects = receiver.received.filter(({ path }) => path === endpoint.path).map(({ event }) => event.subject);
    return (
      subjects.filter((one) => one === other).length === 3 && subjects.filter((one) => one === poisoned).length > 3
    );
  });
  const attempts = receiver.received.filter(({ path, event }) => path === endpoint.path && event.subject === poisoned);
  expect(new Set(attempts.map(({ event }) => event.data.cancelledQuantity))).toEqual(new Set([1]));
  isPoisoned = false;
  await untilLag(endpoint.id, 0);
  expectInOrderOfItems(receiver.received.filter(({ path }) => path === endpoint.path));
});

test('each attempt has a time and a signature of its own', async () => {
  const endpoint = await anEndpoint();
  receiver.answer(endpoint.path, () => 503);
  await insertEvents(dataSource, [{}]);
  const times = (): Set<string | undefined> =>
    new Set(
      receiver.received.filter(({ path }) => path === endpoint.path).map((one) => one.headers['webhook-timestamp']),
    );
  await waitFor('attempts in two seconds', () => times().size > 1);
  const received = receiver.received.filter(({ path }) => path === endpoint.path);
  for (const one of received) verify(endpoint.secret, one);
  expect(new Set(received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
});

test('an endpoint that never answers delays no other', async () => {
  const [silent, quick] = [await anEndpoint(), await anEndpoint()];
  receiver.answer(silent.path, () => undefined);
  await insertEvents(
    dataSource,
    Array.from({ length: 100 }, () => ({})),
  );
  await receiver.untilReceived(silent.path, 1);
  await receiver.untilReceived(quick.path, 100);
  await untilLag(quick.id, 0);
  expect(await findListed(silent.id)).toMatchObject({ lag: 100 });
});

test('gives an event up after three days, and goes on with the item', async () => {
  const endpoint = await anEndpoint();
  receiver.answer(endpoint.path, ({ event }) => (event.data.cancelledQuantity === 1 ? 500 : 200));
  const itemId = randomUUID();
  const old = new Date(Date.now() - THREE_DAYS_MS);
  await insertEvents(dataSource, [
    { itemId, reached: 1, occurredAt: old },
    { itemId, reached: 2, occurredAt: old },
  ]);
  await untilLag(endpoint.id, 0);
  expect(await findListed(endpoint.id)).toMatchObject({ status: 'enabled', deadLetters: 1 });
  expect(await listDeliveries(dataSource, endpoint.id, 10)).toMatchObject([
    { state: 'taken', attempts: 1, lastStatus: 200 },
    { state: 'dead', attempts: 1, lastStatus: 500, nextAttemptAt: null },
  ]);
});

test('the metrics show attempts, the lag, dead letters and why endpoints are disabled', async () => {
  const count = async (outcome: string): Promise<number> => {
    const expositions = await Promise.all([readMetrics(service.url), readMetrics(other.url)]);
    const values = expositions.map((one) => findValue(one, 'order_items_webhook_deliveries_total', { outcome }));
    return values.reduce<number>((sum, value) => sum + (value ?? 0), 0);
  };
  const before = { taken: await count('taken'), failed: await count('failed'), dead: await count('dead') };
  const endpoint = await anEndpoint();
  const dead = (await listEndpoints(dataSource)).reduce((sum, { deadLetters }) => sum + deadLetters, 0);
  receiver.answer(endpoint.path, () => 500);
  await insertEvents(dataSource, [{ occurredAt: new Date(Date.now() - THREE_DAYS_MS) }]);
  await untilMetric(service.url, 'order_items_webhook_dead_letters', {}, dead + 1);
  expect([await count('failed'), await count('dead')]).toEqual([before.failed + 1, before.dead + 1]);
  await insertEvents(dataSource, [{ occurredAt: new Date(Date.now() - 3_600_000) }]);
  await untilMetric(service.url, 'order_items_webhook_lag_events', {}, 1);
  expect(findValue(await readMetrics(service.url), 'order_items_webhook_lag_seconds')).toBeGreaterThanOrEqual(3_600);
  receiver.answer(endpoint.path, () => 200);
  await untilMetric(service.url, 'order_items_webhook_lag_events', {}, 0);
  expect(await count('taken')).toBe(before.taken + 1);
  receiver.answer(endpoint.path, () => 410);
  await insertEvents(dataSource, [{}]);
  await untilMetric(service.url, 'order_items_webhook_endpoints', { state: 'enabled' }, 0);
  expect(findValue(await readMetrics(service.url), 'order_items_webhook_endpoints', { state: 'gone' })).toBe(1);
});

test('410 disables an endpoint, and enabling it goes on where it stopped', async () => {
  const endpoint = await anEndpoint();
  receiver.answer(endpoint.path, () => 410);
  const [first] = await insertEvents(dataSource, [{}]);
  await waitFor('the endpoint to be disabled', async () => (await findListed(endpoint.id)).status === 'disabled');
  const [second] = await insertEvents(dataSource, [{}]);
  await untilLag(endpoint.id, 2);
  expect(await findListed(endpoint.id)).toMatchObject({ disabledBecause: 'gone' });
  receiver.answer(endpoint.path, () => 200);
  await enableEndpoint(dataSource, endpoint.id);
  await untilLag(endpoint.id, 0);
  const ids = receiver.received.filter(({ path }) => path === endpoint.path).map(({ event }) => event.id);
  expect(ids).toEqual([first, first, second]);
});

test('both secrets sign after a rotation, the old one for 24 hours', async () => {
  const endpoint = await anEndpoint();
  const secret = await rotateSecret(dataSource, endpoint.id);
  await insertEvents(dataSource, [{}]);
  const [received] = await receiver.untilReceived(endpoint.path, 1);
  if (received === undefined || secret === null) throw new Error('Nothing was received.');
  verify(endpoint.secret, received);
  verify(secret, received);
  await dataSource.query(`UPDATE order_item_webhook SET rotated_at = now() - interval '24 hours' WHERE id = $1`, [
    endpoint.id,
  ]);
  await insertEvents(dataSource, [{}]);
  const [, later] = await receiver.untilReceived(endpoint.path, 2);
  if (later === undefined) throw new Error('Nothing was received.');
  verify(secret, later);
  expect(() => {
    verify(endpoint.secret, later);
  }).toThrow('No matching signature found');
});

test('a replay sends events again with their ids, beside the new ones', async () => {
  const endpoint = await anEndpoint();
  const since = new Date(Date.now() - 3_600_000);
  const ids = await insertEvents(
    dataSource,
    Array.from({ length: 50 }, (_, index) => ({ occurredAt: new Date(since.getTime() + index * 1_000) })),
  );
  const [early] = await insertEvents(dataSource, [{ occurredAt: new Date(since.getTime() - 1_000) }]);
  await receiver.untilReceived(endpoint.path, 51);
  await untilLag(endpoint.id, 0);
  receiver.received.length = 0;
  const replayed = await replayEvents(dataSource, endpoint.id, since);
  const [fresh] = await insertEvents(dataSource, [{}]);
  const received = await receiver.untilReceived(endpoint.path, (replayed ?? 0) + 1);
  const got = received.map(({ event }) => event.id as string);
  expect(got).toEqual(expect.arrayContaining([...ids, fresh]));
  expect(got).not.toContain(early);
  for (const one of received) verify(endpoint.secret, one);
});

import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { addEndpoint, listEndpoints } from '../../src/events/webhooks/endpoints.ts';
import { insertEvents, useConnection } from '../support/outbox.ts';
import { killServiceProcesses, startServiceProcess } from '../support/serviceProcess.ts';
import { createTestDatabase } from '../support/testDatabase.ts';
import { waitFor } from '../support/waitFor.ts';
import { expectInOrderOfItems, startWebhookReceiver } from '../support/webhookReceiver.ts';

/* Two processes share the deliveries of an endpoint, and one of them is killed. */

const database = await createTestDatabase();
const receiver = await startWebhookReceiver();
const client = new pg.Client(database.url);
await client.connect();
const outbox = useConnection(client);
afterAll(async () => {
  await killServiceProcesses();
  await client.end();
  await database.drop();
});

const ENVIRONMENT = {
  DATABASE_URL: database.url,
  WEBHOOK_ALLOW_PRIVATE: 'true',
  WEBHOOK_RETRY_SCHEDULE: '0.2',
  LOG_LEVEL: 'trace',
};

const ITEMS = 40;
const EVENTS_OF_ITEM = 10;

test('after kill -9 in the middle of attempts, each event arrives, in the order of its item', async () => {
  const one = startServiceProcess(ENVIRONMENT);
  const other = startServiceProcess(ENVIRONMENT);
  await Promise.all([one.url, other.url]);
  const path = `/${randomUUID()}`;
  const { id } = await addEndpoint(outbox, { url: `${receiver.url}${path}`, types: null, freeTexts: [] });
  // Half of the attempts hang until one process is dead, so it dies with attempts under way.
  let isHanging = true;
  let arrived = 0;
  receiver.answer(path, () => ((arrived += 1) % 2 === 0 && isHanging ? undefined : 200));
  const items = Array.from({ length: ITEMS }, () => randomUUID());
  for (let reached = 1; reached <= EVENTS_OF_ITEM; reached += 1) {
    await insertEvents(
      outbox,
      items.map((itemId) => ({ itemId, reached })),
    );
  }
  await receiver.untilReceived(path, ITEMS / 2);
  one.child.kill('SIGKILL');
  expect(await one.exit).toBe('SIGKILL');
  isHanging = false;
  await waitFor(
    'all events',
    async () => {
      const distinct = new Set(receiver.received.map(({ event }) => event.id as string));
      const [listed] = await listEndpoints(outbox);
      return distinct.size === ITEMS * EVENTS_OF_ITEM && listed?.lag === 0;
    },
    50_000,
  );
  expectInOrderOfItems(receiver.received);
  const { rows } = await client.query(
    `SELECT state, count(*)::int AS count FROM order_item_webhook_delivery WHERE webhook_id = $1 GROUP BY state`,
    [id],
  );
  expect(rows).toEqual([{ state: 'taken', count: ITEMS * EVENTS_OF_ITEM }]);
  // The secret is in no log, whatever its level.
  expect(other.output()).toContain('"level":"info"');
  expect(one.output() + other.output()).not.toMatch(/whsec_|webhook-signature/);
  // Only the attempts that were under way in the killed process, or hung, were made again.
  expect(receiver.received.length).toBeLessThan(ITEMS * EVENTS_OF_ITEM + 4 * 16);
});

test('a process that stops frees its attempts for others at once', async () => {
  await killServiceProcesses();
  const one = startServiceProcess(ENVIRONMENT);
  await one.url;
  const path = `/${randomUUID()}`;
  receiver.answer(path, () => undefined);
  const { id } = await addEndpoint(outbox, { url: `${receiver.url}${path}`, types: null, freeTexts: [] });
  await insertEvents(outbox, [{}]);
  await receiver.untilReceived(path, 1);
  one.child.kill('SIGTERM');
  expect(await one.exit).toBe(0);
  const { rows } = await client.query(
    `SELECT state, lease, next_attempt_at <= now() AS "isDue" FROM order_item_webhook_delivery WHERE webhook_id = $1`,
    [id],
  );
  expect(rows).toEqual([{ state: 'waiting', lease: null, isDue: true }]);
});

import pg from 'pg';
import { migrateDatabase } from '../../src/database/migrateDatabase.ts';
import { addEndpoint, enableEndpoint, listEndpoints } from '../../src/events/webhooks/endpoints.ts';
import { pruneDeliveries } from '../../src/events/webhooks/pruneDeliveries.ts';
import { findCodeBlocks, readDocument } from '../support/documents.ts';
import { findCancellations } from '../support/orderItems.ts';
import { createTestDatabase, queryServer } from '../support/testDatabase.ts';
import { startTestService } from '../support/testService.ts';
import { waitFor } from '../support/waitFor.ts';
import { startWebhookReceiver } from '../support/webhookReceiver.ts';

/* The owner migrates an empty database. The service runs as a role with the documented rights and settings, and no others. */

const database = await createTestDatabase({ migrated: false });
const admin = new pg.Client(database.url);
await admin.connect();
const [createOwner = '', ...rights] = ['docs/operations.md', 'docs/scaling.md'].flatMap((file) =>
  findCodeBlocks(readDocument(file)).flatMap(({ language, code }) => (language === 'sql' ? [code] : [])),
);
await admin.query(createOwner);
await migrateDatabase(asRole('order_items_owner').href);
for (const code of rights) await admin.query(code);
const url = asRole('order_items');
const role = new pg.Client(url.href);
await role.connect();
const service = await startTestService({ DATABASE_URL: url.href, WEBHOOK_ALLOW_PRIVATE: 'true' });
const receiver = await startWebhookReceiver();
afterAll(async () => {
  await role.end();
  await admin.end();
  await database.drop();
  await queryServer('DROP ROLE order_items, order_items_owner');
});

/** Returns the URL of the database for a documented role. */
function asRole(name: string): URL {
  const url = new URL(database.url);
  [url.username, url.password] = [name, 'change-me'];
  return url;
}

/** Inserts an item as another service does. */
async function insertItem(): Promise<string> {
  const { rows } = await admin.query<{ id: string }>(
    `INSERT INTO order_item (id, order_id, product_id, is_pre_order, price_amount, price_currency)
     VALUES (gen_random_uuid(), 'order', 'product', true, 1, 'EUR') RETURNING id`,
  );
  return rows[0]?.id ?? '';
}

test('migrates an empty database as the documented owner', async () => {
  const { rows } = await admin.query<{ tableowner: string }>(
    "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'",
  );
  expect(rows).toEqual([{ tableowner: 'order_items_owner' }]);
});

test('cancels through both doors, and repeats a key', async () => {
  const [one, other] = [await insertItem(), await insertItem()];
  const request = { headers: { 'idempotency-key': 'rights' } };
  const first = await service.cancelByRest(one, request);
  expect(first.status).toBe(200);
  expect((await service.cancelByRest(one, request)).body).toEqual(first.body);
  const answer = await service.graphql(
    'mutation($input: CancelOrderItemInput!) { cancelOrderItem(input: $input) { __typename } }',
    { input: { id: other, reason: 'Delivered too late' } },
  );
  expect(answer).toMatchObject({ data: { cancelOrderItem: { __typename: 'CancelOrderItemSuccess' } }, errors: [] });
  expect(await findCancellations(service.dataSource, [one, other])).toHaveLength(2);
});

test('numbers events', async () => {
  await service.cancelByRest(await insertItem());
  await waitFor('positions of all events', async () => {
    const { rows } = await admin.query('SELECT FROM order_item_event WHERE position IS NULL');
    return rows.length === 0;
  });
});

test('adds an endpoint, sends it events, and deletes old deliveries', async () => {
  const { dataSource } = service;
  const { id } = await addEndpoint(dataSource, { url: `${receiver.url}/`, types: null, freeTexts: ['note'] });
  await enableEndpoint(dataSource, id);
  await service.cancelByRest(await insertItem());
  await receiver.untilReceived('/', 1);
  await waitFor('the end of the delivery', async () => (await listEndpoints(dataSource))[0]?.lag === 0);
  await pruneDeliveries(dataSource);
});

test('reads, and is ready', async () => {
  const answer = await service.graphql('{ orderItems(first: 1) { edges { node { id cancellation { reason } } } } }');
  expect(answer).toMatchObject({ status: 200, errors: [] });
  expect((await fetch(`${service.url}/health/ready`)).status).toBe(200);
});

test.each([
  'ALTER TABLE order_item ADD COLUMN extra int',
  'DELETE FROM order_item',
  'UPDATE order_item SET price_amount = 0',
  'UPDATE order_item_cancellation SET reason = null',
  'DELETE FROM order_item_cancellation',
  'UPDATE order_item_event SET payload = null',
])('refuses: %s', async (statement) => {
  await expect(role.query(statement)).rejects.toMatchObject({ code: '42501' });
});

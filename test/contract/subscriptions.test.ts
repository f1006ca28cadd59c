import pg from 'pg';
import { followEvents } from '../support/eventStream.ts';
import { readMetrics } from '../support/exposition.ts';
import { anOrderItem } from '../support/orderItems.ts';
import { insertEvents, useConnection } from '../support/outbox.ts';
import { openConnection } from '../support/rawHttp.ts';
import { createTestDatabase } from '../support/testDatabase.ts';
import { startTestService } from '../support/testService.ts';
import { waitFor } from '../support/waitFor.ts';

/* The subscription over server-sent events. */

const database = await createTestDatabase();
const ROUTER_SECRET = 'the secret of the router';
const service = await startTestService({ DATABASE_URL: database.url });
const limited = await startTestService({
  DATABASE_URL: database.url,
  MAX_EVENT_READERS: '1',
  MAX_DEPTH: '3',
  MAX_ALIASES: '1',
  MAX_COST: '20',
});
const closed = await startTestService({ DATABASE_URL: database.url, ROUTER_SECRET });
afterAll(database.drop);
const { dataSource } = service;
const token = await service.token();

const DOCUMENT = `subscription($orderId: ID) {
  orderItemCancelled(orderId: $orderId) { id status cancelledQuantity order { id } cancellations { reason } }
}`;

const follow = (document = DOCUMENT, variables: object = {}, { at = service, bearer = token } = {}) =>
  followEvents(`${at.url}/graphql`, bearer, document, { variables });

const aBody = (quantity: number) => ({ body: { reason: 'Fewer', quantity } });

test('sends an item for each of its cancels, in part and in whole, of any instance', async () => {
  const id = await anOrderItem(dataSource, { orderId: 'parts', quantity: 3 });
  const followed = await follow(DOCUMENT, { orderId: 'parts' });
  expect(followed.status).toBe(200);
  expect((await service.cancelByRest(id, aBody(1))).status).toBe(200);
  expect(await followed.next()).toEqual({
    data: {
      orderItemCancelled: {
        id,
        status: 'PENDING',
        cancelledQuantity: 1,
        order: { id: 'parts' },
        cancellations: [{ reason: 'Fewer' }],
      },
    },
    errors: [],
  });
  expect((await limited.cancelByRest(id, aBody(2))).status).toBe(200);
  expect(await followed.next()).toMatchObject({
    data: { orderItemCancelled: { id, status: 'CANCELLED', cancelledQuantity: 3 } },
  });
  followed.stop();
});

test('sends only what is cancelled after its start, and only of its order', async () => {
  const [before, other, wanted] = [
    await anOrderItem(dataSource, { orderId: 'chosen' }),
    await anOrderItem(dataSource, { orderId: 'not-chosen' }),
    await anOrderItem(dataSource, { orderId: 'chosen' }),
  ];
  await service.cancelByRest(before);
  await waitFor('the position of the event', async () => {
    const rows: unknown[] = await dataSource.query('SELECT FROM order_item_event WHERE position IS NULL');
    return rows.length === 0;
  });
  const [ofOrder, ofAll] = [await follow(DOCUMENT, { orderId: 'chosen' }), await follow()];
  await service.cancelByRest(other);
  await service.cancelByRest(wanted);
  expect((await ofOrder.next())?.data.orderItemCancelled.id).toBe(wanted);
  expect((await ofAll.next())?.data.orderItemCancelled.id).toBe(other);
  expect((await ofAll.next())?.data.orderItemCancelled.id).toBe(wanted);
  ofOrder.stop();
  ofAll.stop();
});

test('ends when the token expires', async () => {
  const followed = await follow(DOCUMENT, {}, { bearer: await service.token({ expiresInSeconds: 2 }) });
  expect(await followed.next()).toMatchObject({
    errors: [{ message: 'The token has expired', extensions: { code: 'UNAUTHENTICATED' } }],
  });
  expect(await followed.next()).toBeNull();
});

test('needs a token, and the secret of the router', async () => {
  expect((await follow(DOCUMENT, {}, { bearer: 'none' })).status).toBe(401);
  expect((await follow(DOCUMENT, {}, { at: closed, bearer: await closed.token() })).status).toBe(401);
  const admitted = await followEvents(`${closed.url}/graphql`, await closed.token(), DOCUMENT, {
    headers: { 'router-authorization': ROUTER_SECRET },
  });
  expect(admitted.status).toBe(200);
  admitted.stop();
});

test('an answer that is not a stream is refused', async () => {
  const { status, errors } = await service.graphql(DOCUMENT);
  expect([status, errors[0]?.extensions['code']]).toEqual([400, 'BAD_REQUEST']);
  expect(errors[0]?.message).toBe('A subscription needs Accept: text/event-stream.');
});

test.each([
  ['a document that cannot be read', 'subscription {', 'GRAPHQL_PARSE_FAILED'],
  ['an unknown field', 'subscription { other }', 'GRAPHQL_VALIDATION_FAILED'],
  [
    'two root fields',
    'subscription { orderItemCancelled { id } b: orderItemCancelled { id } }',
    'GRAPHQL_VALIDATION_FAILED',
  ],
  ['a query', '{ orderItems { edges { cursor } } }', 'BAD_USER_INPUT'],
  ['a variable of another type', 'subscription($o: ID!) { orderItemCancelled(orderId: $o) { id } }', 'BAD_USER_INPUT'],
])('refuses %s', async (_, document, code) => {
  const followed = await follow(document);
  expect((await followed.next())?.errors[0]?.extensions['code']).toBe(code);
  expect(await followed.next()).toBeNull();
});

test.each([
  ['depth', 'subscription { orderItemCancelled { order { items { edges { cursor } } } } }'],
  ['aliases', 'subscription { orderItemCancelled { a: id b: id } }'],
  ['cost', 'subscription { orderItemCancelled { order { items(first: 100) { edges { cursor } } } } }'],
])('the limit of %s holds', async (_, document) => {
  const followed = await follow(document, {}, { at: limited, bearer: await limited.token() });
  expect((await followed.next())?.errors[0]).toMatchObject({
    message: expect.stringContaining('limit') as string,
    extensions: { code: 'GRAPHQL_VALIDATION_FAILED' },
  });
});

test('a client that also takes JSON gets a stream for a subscription only', async () => {
  const headers = { accept: 'application/graphql-response+json, application/json, text/event-stream, multipart/mixed' };
  const followed = await followEvents(`${service.url}/graphql`, token, DOCUMENT, { headers });
  await service.cancelByRest(await anOrderItem(dataSource));
  expect(await followed.next()).toMatchObject({ data: { orderItemCancelled: { status: 'CANCELLED' } } });
  followed.stop();
  const response = await fetch(`${service.url}/graphql`, {
    method: 'POST',
    headers: { ...headers, authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query: 'query subscription { cancellationReasons { code } }' }),
  });
  expect(response.headers.get('content-type')).toContain('json');
  expect(await response.json()).toMatchObject({ data: { cancellationReasons: expect.any(Array) as unknown } });
});

test('has a limit of its own, and gives a place back', async () => {
  const bearer = await limited.token();
  const first = await follow('subscription { orderItemCancelled { id } }', {}, { at: limited, bearer });
  expect((await follow('subscription { orderItemCancelled { id } }', {}, { at: limited, bearer })).status).toBe(503);
  first.stop();
  await waitFor('a free place', async () => {
    const next = await follow('subscription { orderItemCancelled { id } }', {}, { at: limited, bearer });
    next.stop();
    return next.status === 200;
  });
});

test('a reader that does not read is dropped, and delays nobody', async () => {
  const id = await anOrderItem(dataSource, { orderId: 'slow', externalId: 'x'.repeat(250) });
  const aliases = Array.from({ length: 190 }, (_, number) => `a${number}: externalId`).join(' ');
  const body = JSON.stringify({ query: `subscription { orderItemCancelled(orderId: "slow") { ${aliases} } }` });
  const slow = await openConnection(service.url);
  slow.write(
    `POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nAccept: text/event-stream\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  const readers = async () =>
    (await readMetrics(service.url)).samples.find(({ name }) => name === 'order_items_event_readers_waiting')?.value;
  await waitFor('the reader', async () => (await readers()) === 1);
  const other = await follow(DOCUMENT, { orderId: 'other' });
  const client = new pg.Client(database.url);
  await client.connect();
  await waitFor('the end of the slow reader', async () => {
    await insertEvents(
      useConnection(client),
      Array.from({ length: 50 }, () => ({ itemId: id })),
    );
    return (await readers()) === 1;
  });
  await client.end();
  const otherId = await anOrderItem(dataSource, { orderId: 'other' });
  await service.cancelByRest(otherId);
  expect((await other.next())?.data.orderItemCancelled.id).toBe(otherId);
  other.stop();
  slow.destroy();
});

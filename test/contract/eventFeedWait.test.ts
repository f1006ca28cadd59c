import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readConfig } from '../../src/config.ts';
import { startService } from '../../src/service.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { readFeed, readNewestCursor, untilReadersWait } from '../support/eventFeed.ts';
import { findValue, readMetrics } from '../support/exposition.ts';
import { anOrderItem } from '../support/orderItems.ts';
import { insertEvents } from '../support/outbox.ts';
import { openConnection, type RawConnection } from '../support/rawHttp.ts';
import { expectError } from '../support/restContract.ts';
import { createTestDatabase } from '../support/testDatabase.ts';
import { startTestService, type TestService } from '../support/testService.ts';

/* Readers that wait, at a service with few places and short limits. Each begins after the events of the tests before. */

const MAX_READERS = 8;

const database = await createTestDatabase();
const service = await startTestService({
  DATABASE_URL: database.url,
  MAX_EVENT_READERS: String(MAX_READERS),
  MAX_CONCURRENT_REQUESTS: '3',
  REQUEST_TIMEOUT_MS: '500',
  DATABASE_POOL_SIZE: '2',
});
const other = await startTestService({ DATABASE_URL: database.url });
afterAll(database.drop);
let after = '';
beforeEach(async () => {
  after = await readNewestCursor(service);
});

async function cancelAt(instance: TestService): Promise<string> {
  const id = await anOrderItem(other.dataSource);
  expect((await instance.cancelByRest(id)).status).toBe(200);
  return id;
}

/** Begins to wait on a connection of its own. */
async function beginToWait({ url }: Pick<TestService, 'url'>, token: string): Promise<RawConnection> {
  const connection = await openConnection(url);
  connection.write(
    `GET /v0/events?wait=30&after=${after} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`,
  );
  return connection;
}

/** Lets as many readers wait as can. */
async function fillPlaces(): Promise<RawConnection[]> {
  const waiting: RawConnection[] = [];
  const token = await service.token();
  while (waiting.length < MAX_READERS) {
    waiting.push(await beginToWait(service, token));
    await untilReadersWait(service, waiting.length);
  }
  return waiting;
}

test.each([
  ['this', service],
  ['another', other],
])('a reader waits for a cancel of %s instance', async (_name, instance) => {
  const page = readFeed(service, `?wait=30&after=${after}`);
  await untilReadersWait(service, 1);
  const id = await cancelAt(instance);
  expect((await page).body).toMatchObject({ events: [{ subject: id }] });
  await untilReadersWait(service, 0);
});

test('does not wait if there is an event', async () => {
  const id = await cancelAt(service);
  await readFeed(service, `?wait=30&after=${after}`);
  expect((await readFeed(service, `?wait=30&after=${after}`)).body).toMatchObject({ events: [{ subject: id }] });
});

test('waits longer than a request can take, answers without events, and goes on from there', async () => {
  const long = readFeed(service, `?wait=30&after=${after}`);
  await untilReadersWait(service, 1);
  const { status, body } = await readFeed(service, `?wait=2&after=${after}`);
  expect({ status, events: body.events, next: body.next }).toEqual({ status: 200, events: [], next: after });
  const id = await cancelAt(other);
  expect((await long).body).toMatchObject({ events: [{ subject: id }] });
  expect((await readFeed(service, `?wait=30&after=${body.next}`)).body).toMatchObject({ events: [{ subject: id }] });
  // Alerts about slow requests do not count the wait.
  const labels = { route: '/v0/events', le: '1' };
  const metrics = await readMetrics(service.url);
  expect(findValue(metrics, 'order_items_request_duration_seconds_bucket', labels)).toBe(
    findValue(metrics, 'order_items_request_duration_seconds_count', { route: '/v0/events' }),
  );
});

test('readers that wait take no place of other requests, and no connection of the database', async () => {
  const waiting = await fillPlaces();
  const id = await cancelAt(service);
  for (const connection of waiting) {
    expect(await connection.readAnswer()).toMatchObject({ status: 200, body: { events: [{ subject: id }] } });
  }
});

test('one reader more is turned away', async () => {
  const waiting = await fillPlaces();
  const answer = await readFeed(service, `?wait=1&after=${after}`);
  expectError(answer, 503, 'service_unavailable', 'Too many readers wait for events. Try again.');
  expect(answer.headers.get('retry-after')).toMatch(/^[1-9]/);
  expect((await readFeed(service)).status).toBe(200);
  expect(findValue(await readMetrics(service.url), 'order_items_sheds_total', { full: 'event_readers' })).toBe(1);
  // A reader that hangs up gives its place back.
  for (const connection of waiting) connection.destroy();
  await untilReadersWait(service, 0);
});

test('a client that closes its sending side gets its answer at once', async () => {
  const connection = await beginToWait(service, await service.token());
  await untilReadersWait(service, 1);
  connection.end();
  expect(await connection.readAnswer()).toMatchObject({ status: 200, body: { events: [] } });
  await untilReadersWait(service, 0);
});

test('readers at many places are all served by few connections', async () => {
  await insertEvents(
    other.dataSource,
    Array.from({ length: 100 }, () => ({})),
  );
  const cursors = [after];
  while (cursors.length < 100) {
    cursors.push((await readFeed(other, `?wait=30&limit=1&after=${cursors.at(-1)}`)).body.next);
  }
  const pages = await Promise.all(cursors.map((cursor) => readFeed(other, `?limit=1000&after=${cursor}`)));
  expect(pages.map(({ body }) => body.events.length)).toEqual(cursors.map((_, place) => 100 - place));
});

test('readers that wait are answered as soon as the service stops', async () => {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'order-items-feed-'));
  const config = readConfig({ PORT: '0', DATABASE_URL: database.url, DATA_DIR: dataDir, LOG_LEVEL: 'silent' });
  const { url, developmentIssuer, stop } = await startService(config, { logger: createLogger('silent') });
  const token = (await developmentIssuer?.issueToken()) ?? '';
  const waiting = [await beginToWait({ url }, token), await beginToWait({ url }, token)];
  await untilReadersWait({ url }, 2);
  const stopped = stop();
  for (const connection of waiting) {
    const { status, headers, body } = await connection.readAnswer();
    expect({ status, events: body.events, connection: headers.get('connection') }).toEqual({
      status: 200,
      events: [],
      connection: 'close',
    });
  }
  await stopped;
  await rm(dataDir, { recursive: true });
});

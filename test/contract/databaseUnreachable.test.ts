import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { openDevelopmentIssuer } from '../../src/auth/developmentIssuer.ts';
import { startDatabaseProxy } from '../support/databaseProxy.ts';
import { documentedExample, expectDocumented } from '../support/openApi.ts';
import { anOrderItem, findCancellations, findOrderItem } from '../support/orderItems.ts';
import { CANCEL, expectError } from '../support/restContract.ts';
import { waitFor } from '../support/waitFor.ts';
import { killServiceProcesses, startServiceProcess } from '../support/serviceProcess.ts';
import { createTestDatabase, queryServer } from '../support/testDatabase.ts';
import { readRestAnswer, type RestAnswer } from '../support/testService.ts';

const REQUEST_TIMEOUT_MS = 1_000;
const dataDir = await mkdtemp(path.join(tmpdir(), 'order-items-away-'));
const database = await createTestDatabase();
const proxy = await startDatabaseProxy(database.url);
// The test bypasses the proxy, so it reaches the database while the service cannot.
const dataSource = await new DataSource({ type: 'postgres', url: database.url }).initialize();
const authorization = `Bearer ${await (await openDevelopmentIssuer(dataDir)).issueToken()}`;
// The service runs in a process of its own: in Jest's realm, GraphQL.js would wrap errors that Node itself creates,
// because they are not instances of Jest's `Error`.
const url = await startServiceProcess({
  DATABASE_URL: proxy.url,
  DATABASE_POOL_SIZE: '1',
  DATA_DIR: dataDir,
  REQUEST_TIMEOUT_MS: String(REQUEST_TIMEOUT_MS),
}).url;

afterAll(async () => {
  await killServiceProcesses();
  await dataSource.destroy();
  await database.drop();
  await rm(dataDir, { recursive: true });
});

const databaseName = new URL(database.url).pathname.slice(1);
const UNREACHABLE = 'The service cannot reach its database. Try again.';

async function get(pathTemplate: string): Promise<RestAnswer> {
  const answer = await readRestAnswer(fetch(url + pathTemplate));
  expectDocumented('GET', pathTemplate, answer);
  return answer;
}

async function cancel(id: string, extraHeaders: Record<string, string> = {}): Promise<RestAnswer> {
  const headers = { authorization, ...extraHeaders };
  const sent = fetch(`${url}/v0/line_item/${id}/cancel`, { method: 'POST', headers });
  const answer = await readRestAnswer(sent);
  expectDocumented('POST', CANCEL, answer);
  return answer;
}

function graphql(query: string): Promise<RestAnswer> {
  const headers = { authorization, 'content-type': 'application/json' };
  return readRestAnswer(fetch(`${url}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query }) }));
}

function readRetryAfter(answer: RestAnswer): number {
  return Number(answer.headers.get('retry-after'));
}

async function closeDatabase(): Promise<void> {
  await queryServer(`ALTER DATABASE ${databaseName} ALLOW_CONNECTIONS false`);
  await queryServer(`
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = '${databaseName}' AND application_name = 'order-items'`);
}

function openDatabase(): Promise<void> {
  return queryServer(`ALTER DATABASE ${databaseName} ALLOW_CONNECTIONS true`);
}

describe.each([
  ['the network drops its connections', proxy.cut, proxy.mend],
  ['it refuses connections', closeDatabase, openDatabase],
])('503: the database is unreachable because %s', (_, disconnect, reconnect) => {
  let id: string;
  beforeAll(async () => {
    id = await anOrderItem(dataSource);
    await disconnect();
  });
  afterAll(reconnect);

  test('a cancel gets the documented 503 with Retry-After', async () => {
    const answer = await cancel(id);
    expectError(answer, 503, 'service_unavailable', UNREACHABLE);
    expect(readRetryAfter(answer)).toBeGreaterThanOrEqual(1);
    expect(documentedExample('POST', CANCEL, 503, 'databaseUnreachable')).toMatchObject({ message: UNREACHABLE });
  });

  test('a GraphQL query gets 503 with an error at its field', async () => {
    const answer = await graphql(`{ orderItem(id: "${id}") { id } }`);
    expect(answer.status).toBe(503);
    expect(readRetryAfter(answer)).toBeGreaterThanOrEqual(1);
    expect(answer.body.data).toEqual({ orderItem: null });
    const requestId = answer.headers.get('x-request-id');
    expect(answer.body.errors).toMatchObject([
      { message: UNREACHABLE, path: ['orderItem'], extensions: { code: 'SERVICE_UNAVAILABLE', requestId } },
    ]);
  });

  test('a GraphQL cancel gets 503 without data', async () => {
    const answer = await graphql(`mutation { cancelOrderItem(input: { id: "${id}", reason: "Late" }) { __typename } }`);
    expect(answer.status).toBe(503);
    expect(readRetryAfter(answer)).toBeGreaterThanOrEqual(1);
    expect(answer.body).toMatchObject({ data: null, errors: [{ extensions: { code: 'SERVICE_UNAVAILABLE' } }] });
  });

  test('the readiness probe fails and the liveness probe passes', async () => {
    expectError(await get('/health/ready'), 503, 'service_unavailable', 'The service cannot reach its database.');
    expect((await get('/health/live')).body).toEqual({ status: 'ok' });
  });

  test('the service recovers with the database and has written nothing meanwhile', async () => {
    await reconnect();
    expect((await findOrderItem(dataSource, id))?.version).toBe(1);
    // The service has noticed the outage, and tries again every second.
    await waitFor('the service to be ready', async () => (await get('/health/ready')).status === 200);
    expect((await cancel(id)).status).toBe(200);
  });
});

describe('503: the connection is lost after the commit was sent, so the outcome is unknown', () => {
  test('a retry with the same key gets the answer to the first request', async () => {
    const id = await anOrderItem(dataSource);
    const lost = await cancelAndLose(id, 'COMMIT', { 'idempotency-key': 'lost-commit' });
    const again = await cancel(id, { 'idempotency-key': 'lost-commit' });
    expect(again).toMatchObject({ status: 200, body: { id, request_id: lost.body.request_id } });
    expect(await findCancellations(dataSource, [id])).toMatchObject([{ request_id: lost.body.request_id }]);
  });

  test('a retry without a key is refused, because the item is already cancelled', async () => {
    const id = await anOrderItem(dataSource);
    // Without a key, this single statement is the whole transaction.
    await cancelAndLose(id, 'cancel_order_items');
    expectError(await cancel(id), 400, 'bad_request', 'Order item is no longer cancelable.');
    expect(await findCancellations(dataSource, [id])).toHaveLength(1);
  });

  async function cancelAndLose(id: string, commit: string, key: Record<string, string> = {}): Promise<RestAnswer> {
    expect((await get('/health/ready')).status).toBe(200);
    proxy.cutAfter([commit]);
    const answer = await cancel(id, key);
    await proxy.mend();
    expectError(answer, 503, 'service_unavailable', UNREACHABLE);
    expect(readRetryAfter(answer)).toBeGreaterThanOrEqual(1);
    // The lost connection does not stop the commit. Poll until the database has finished it.
    await waitFor('the commit', async () => (await findOrderItem(dataSource, id))?.status === 'cancelled');
    return answer;
  }
});

test('cancels that a batch has committed get 200 although the connection is lost before the rest of the batch is judged', async () => {
  const ids = await Promise.all(Array.from({ length: 10 }, () => anOrderItem(dataSource)));
  expect((await get('/health/ready')).status).toBe(200);
  proxy.cutAfter(['busy_order_items']);
  const unknown = Array.from({ length: 10 }, () => cancel(crypto.randomUUID()));
  const answers = await Promise.all(ids.map((id) => cancel(id)));
  await proxy.mend();
  expect(answers.map(({ status }) => status)).toEqual(ids.map(() => 200));
  for (const { status } of await Promise.all(unknown)) expect([404, 503]).toContain(status);
});

describe('503: the database falls silent on an open connection', () => {
  // Prepared statements are found by name, because each connection carries their text only once.
  test.each<[string, Record<string, string>]>([
    // A cancel with a key runs a transaction of several statements.
    ['START TRANSACTION', { 'idempotency-key': 'start' }],
    ['lock_order_items', { 'idempotency-key': 'lock' }],
    ['cancel_order_items', { 'idempotency-key': 'cancel' }],
  ])('at %s: the request fails in time and its transaction is rolled back', async (statement, key) => {
    const id = await anOrderItem(dataSource);
    await cancelInSilence(id, statement, key);
    // The service discards the silent connection, so no later request can commit its transaction.
    expect((await graphql(`{ orderItem(id: "${id}") { status } }`)).body.data).toEqual({
      orderItem: { status: 'PENDING' },
    });
    expect((await cancel(id)).status).toBe(200);
    expect(await findOrderItem(dataSource, id)).toMatchObject({ status: 'cancelled', version: 2 });
  });

  // The commit may still arrive after the network recovers. Only a retry with the same key learns the outcome.
  test.each<[string, Record<string, string>, number[]]>([
    ['COMMIT', { 'idempotency-key': 'commit' }, [200]],
    ['cancel_order_items', {}, [200, 400]],
  ])(
    'at %s with the headers %j: the request fails in time and a retry leaves the item cancelled once',
    async (statement, key, statuses) => {
      const id = await anOrderItem(dataSource);
      await cancelInSilence(id, statement, key);
      expect(statuses).toContain((await cancel(id, key)).status);
      expect(await findOrderItem(dataSource, id)).toMatchObject({ status: 'cancelled', version: 2 });
      expect(await findCancellations(dataSource, [id])).toHaveLength(1);
    },
  );

  /** Without the service's limit, a silent connection would never answer. */
  const LATE_MS = 10 * REQUEST_TIMEOUT_MS;

  async function cancelInSilence(id: string, statement: string, key: Record<string, string>): Promise<void> {
    expect((await get('/health/ready')).status).toBe(200);
    proxy.stallAt(statement);
    const answer = cancel(id, key);
    const outcome = await Promise.race([answer, sleep(LATE_MS, 'no answer in time', { ref: false })]);
    await proxy.mend();
    await answer;
    // The service checks five times a second whether the database is reachable again.
    await waitFor('readiness', async () => (await get('/health/ready')).status === 200);
    expect(outcome).toMatchObject({ status: 503, body: { error_code: 'service_unavailable' } });
  }
});

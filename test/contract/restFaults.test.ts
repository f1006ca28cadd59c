import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readConfig } from '../../src/config.ts';
import { startService } from '../../src/service.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { lockItem } from '../support/lockedItem.ts';
import { expectNothingWritten } from '../support/nothingWritten.ts';
import { documentedExample, expectDocumented } from '../support/openApi.ts';
import { anOrderItem, findCancellations, findOrderItem } from '../support/orderItems.ts';
import { openConnection } from '../support/rawHttp.ts';
import { cancel, CANCEL, expectError } from '../support/restContract.ts';
import { createTestDatabase } from '../support/testDatabase.ts';
import { readRestAnswer, type RestAnswer, startTestService } from '../support/testService.ts';

const PATIENT = { LOCK_TIMEOUT_MS: '20000', REQUEST_TIMEOUT_MS: '20000' };

const sound = await startTestService();
const impatient = await startTestService({ LOCK_TIMEOUT_MS: '100' });
const narrow = await startTestService({ ...PATIENT, MAX_CONCURRENT_REQUESTS: '1' });

async function get(url: string, pathTemplate: string): Promise<RestAnswer> {
  const answer = await readRestAnswer(fetch(url + pathTemplate));
  expectDocumented('GET', pathTemplate, answer);
  return answer;
}

function expectUnavailable(answer: RestAnswer, example: string): void {
  const { message } = documentedExample('POST', CANCEL, 503, example) as { message: string };
  expectError(answer, 503, 'service_unavailable', message);
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
}

describe('500: an unexpected fault', () => {
  const INTERNAL = "Couldn't process request due to an internal error.";

  // This service has a database to itself, so the damage reaches no other test.
  test.each([
    [
      'a failing trigger',
      [
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'secret-1'; END $$",
        'CREATE TRIGGER fail BEFORE INSERT ON order_item_cancellation FOR EACH ROW EXECUTE FUNCTION fail()',
      ],
      'DROP FUNCTION fail() CASCADE',
    ],
    [
      'a violated constraint that the service does not know',
      ['ALTER TABLE order_item_cancellation ADD CONSTRAINT secret CHECK (false) NOT VALID'],
      'ALTER TABLE order_item_cancellation DROP CONSTRAINT secret',
    ],
    [
      'a missing column',
      ['ALTER TABLE order_item_event RENAME COLUMN payload TO secret'],
      'ALTER TABLE order_item_event RENAME COLUMN secret TO payload',
    ],
    [
      'a missing table',
      ['ALTER TABLE order_item_event RENAME TO secret'],
      'ALTER TABLE secret RENAME TO order_item_event',
    ],
  ])('masks %s and writes nothing', async (_, damage, repair) => {
    const id = await anOrderItem(sound.dataSource);
    for (const statement of damage) await sound.dataSource.query(statement);
    const answer = await cancel(sound, id, { body: { reason: 'Late' } });
    await sound.dataSource.query(repair);

    expectError(answer, 500, 'internal_server_error', INTERNAL);
    expect(documentedExample('POST', CANCEL, 500, 'internalError')).toMatchObject({ message: INTERNAL });
    expect(JSON.stringify([...answer.headers])).not.toContain('secret');
    expect(await findOrderItem(sound.dataSource, id)).toMatchObject({ status: 'pending', version: 1 });
    expect(await findCancellations(sound.dataSource, [id])).toEqual([]);
    expect((await cancel(sound, id)).status).toBe(200);
  });
});

describe('503: another transaction locks the item', () => {
  test('refuses the cancel after the lock timeout, serves other items meanwhile, and succeeds later', async () => {
    const { dataSource, databaseUrl } = impatient;
    const [id, otherId] = [await anOrderItem(dataSource), await anOrderItem(dataSource)];
    const lock = await lockItem(databaseUrl, id);
    const answer = await expectNothingWritten(dataSource, () => cancel(impatient, id));
    expectUnavailable(answer, 'lineItemLocked');
    expect((await cancel(impatient, otherId)).status).toBe(200);
    await lock.release();
    expect((await cancel(impatient, id)).status).toBe(200);
  });

  test('waits for a lock that is released in time', async () => {
    const { dataSource, databaseUrl } = narrow;
    const id = await anOrderItem(dataSource);
    const lock = await lockItem(databaseUrl, id);
    const answer = cancel(narrow, id);
    await lock.untilTried();
    await lock.release();
    expect((await answer).status).toBe(200);
  });
});

describe('503: overload', () => {
  test('refuses requests above MAX_CONCURRENT_REQUESTS and still answers probes', async () => {
    const { dataSource, databaseUrl, url } = narrow;
    const [id, otherId] = [await anOrderItem(dataSource), await anOrderItem(dataSource)];
    const lock = await lockItem(databaseUrl, id);
    const first = cancel(narrow, id);
    await lock.untilTried();

    expectUnavailable(await expectNothingWritten(dataSource, () => cancel(narrow, otherId)), 'overloaded');
    expectUnavailable(await cancel(narrow, otherId, { token: null }), 'overloaded');
    expect((await get(url, '/v0/openapi.json')).status).toBe(503);
    const { status, headers, errors } = await narrow.graphql('{ __typename }');
    expect({ status, retryAfter: headers.get('retry-after') }).toEqual({
      status: 503,
      retryAfter: expect.stringMatching(/^[1-9]/),
    });
    expect(errors).toMatchObject([
      { extensions: { code: 'SERVICE_UNAVAILABLE', requestId: headers.get('x-request-id') } },
    ]);
    expect((await get(url, '/health/live')).status).toBe(200);
    expect((await get(url, '/health/ready')).status).toBe(200);

    await lock.release();
    expect((await first).status).toBe(200);
    expect((await cancel(narrow, otherId)).status).toBe(200);
  });
});

describe('503: draining', () => {
  test('finishes requests in flight and refuses new ones on kept-alive connections', async () => {
    const database = await createTestDatabase();
    const dataDir = await mkdtemp(path.join(tmpdir(), 'order-items-draining-'));
    const config = readConfig({
      PORT: '0',
      DATABASE_URL: database.url,
      DATA_DIR: dataDir,
      LOG_LEVEL: 'silent',
      ...PATIENT,
    });
    const { url, dataSource, developmentIssuer, stop } = await startService(config, { logger: createLogger('silent') });
    const token = (await developmentIssuer?.issueToken()) ?? '';
    const [id, otherId] = [await anOrderItem(dataSource), await anOrderItem(dataSource)];
    const buildCancelRequest = (item: string): string =>
      `POST /v0/line_item/${item}/cancel HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`;

    const lock = await lockItem(database.url, id);
    const busy = await openConnection(url);
    busy.write(buildCancelRequest(id));
    await lock.untilTried();
    const [cancelOther, askAlive, askReady] = [
      await beginOnKeptConnection(url, buildCancelRequest(otherId)),
      await beginOnKeptConnection(url, 'GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n'),
      await beginOnKeptConnection(url, 'GET /health/ready HTTP/1.1\r\nHost: x\r\n\r\n'),
    ];

    const stopped = stop();
    const [turnedAway, alive, ready] = [await cancelOther(), await askAlive(), await askReady()];
    const untouched = await findOrderItem(dataSource, otherId);
    await lock.release();
    const finished = await busy.readAnswer();
    await stopped;

    expectDocumented('POST', CANCEL, turnedAway);
    expectUnavailable(turnedAway, 'draining');
    expect(turnedAway.headers.get('connection')).toBe('close');
    expect(untouched?.status).toBe('pending');
    expectDocumented('POST', CANCEL, finished);
    expect({ status: finished.status, id: finished.body.id }).toEqual({ status: 200, id });
    expect({ status: alive.status, body: alive.body }).toEqual({ status: 200, body: { status: 'ok' } });
    expectDocumented('GET', '/health/ready', ready);
    expectUnavailable(ready, 'draining');
    await expect(fetch(url)).rejects.toThrow();
    await database.drop();
    await rm(dataDir, { recursive: true });
  });
});

/**
 * Sends the beginning of a request on a kept-alive connection. The returned function sends the rest and reads the answer.
 * A complete request goes first: its answer proves that the service has read the beginning as well.
 */
async function beginOnKeptConnection(url: string, request: string): Promise<() => Promise<RestAnswer>> {
  const connection = await openConnection(url);
  connection.write(`GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n${request.slice(0, 10)}`);
  expect((await connection.readAnswer()).status).toBe(200);
  return () => {
    connection.write(request.slice(10));
    return connection.readAnswer();
  };
}

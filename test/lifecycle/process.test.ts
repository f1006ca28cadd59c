import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { openDevelopmentIssuer } from '../../src/auth/developmentIssuer.ts';
import { openDatabaseProxy } from '../support/databaseProxy.ts';
import { lockItem } from '../support/lockedItem.ts';
import { anOrderItem, findCancellations, findOrderItem, insertOrderItems } from '../support/orderItems.ts';
import { killServiceProcesses, type ServiceProcess, startServiceProcess } from '../support/serviceProcess.ts';
import { createTestDatabase } from '../support/testDatabase.ts';
import { waitFor } from '../support/waitFor.ts';

const dataDir = await mkdtemp(path.join(tmpdir(), 'order-items-process-'));
const database = await createTestDatabase({ migrated: false });
const dataSource = new DataSource({ type: 'postgres', url: database.url });
const token = await (await openDevelopmentIssuer(dataDir)).issueToken();

beforeAll(async () => {
  const service = start();
  await service.url;
  service.child.kill('SIGTERM');
  await service.exit;
  await dataSource.initialize();
});
afterEach(killServiceProcesses);
afterAll(async () => {
  await dataSource.destroy();
  await database.drop();
  await rm(dataDir, { recursive: true });
});

function start(environment: Record<string, string> = {}): ServiceProcess {
  return startServiceProcess({ DATABASE_URL: database.url, DATA_DIR: dataDir, ...environment });
}

function cancel(url: string, id: string, body: object = { reason: 'Late' }): Promise<Response> {
  return fetch(`${url}/v0/line_item/${id}/cancel`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

describe('with DATABASE_URL', () => {
  test('starts no embedded PostgreSQL and loads no demonstration data', async () => {
    const service = start();
    await service.url;
    expect(existsSync(path.join(dataDir, 'postgres'))).toBe(false);
    expect(await dataSource.query('SELECT count(*)::int AS count FROM order_item')).toEqual([{ count: 0 }]);
  });

  test('two instances start at the same time on an empty database', async () => {
    const empty = await createTestDatabase({ migrated: false });
    const services = [start({ DATABASE_URL: empty.url }), start({ DATABASE_URL: empty.url })];
    for (const service of services) {
      expect((await fetch(`${await service.url}/health/ready`)).status).toBe(200);
      service.child.kill('SIGTERM');
      expect(await service.exit).toBe(0);
    }
    await empty.drop();
  });
});

describe('a start without a reachable database', () => {
  test('waits for the database, then serves', async () => {
    const network = await openDatabaseProxy(database.url);
    await network.cut();
    const service = start({ DATABASE_URL: network.url });
    await service.untilPrinted('the database is not reachable yet');
    await network.mend();
    expect((await fetch(`${await service.url}/health/ready`)).status).toBe(200);
    service.child.kill('SIGTERM');
    expect(await service.exit).toBe(0);
    await network.cut();
  });

  test('ends at once on SIGTERM', async () => {
    const service = start({ DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing' });
    await service.untilPrinted('the database is not reachable yet');
    service.child.kill('SIGTERM');
    expect(await service.exit).toBe(0);
    expect(service.output()).not.toContain('did not start');
  });
});

describe('a start that cannot succeed ends with code 1', () => {
  test('with every invalid value of the configuration', async () => {
    const service = start({ PORT: 'x', LOG_LEVEL: 'loud', LOCK_TIMEOUT_MS: '-1' });
    expect(await service.exit).toBe(1);
    expect(service.output()).toMatch(/PORT must be .*\n.*LOG_LEVEL must be .*\n.*LOCK_TIMEOUT_MS must be/);
  });

  test('in production without an issuer', async () => {
    const service = start({ NODE_ENV: 'production' });
    expect(await service.exit).toBe(1);
    expect(service.output()).toContain('AUTH_ISSUER must be set');
  });

  test('if the database stays unreachable', async () => {
    const service = start({ DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing' });
    expect(await service.exit).toBe(1);
    expect(service.output()).toMatch(/ECONNREFUSED.*the database is not reachable yet/);
    expect(service.output()).toMatch(
      /^The service did not start\. The database "nothing" on 127\.0\.0\.1:1 is not available \(.*ECONNREFUSED.*\)\. Start it, or correct DATABASE_URL\.$/m,
    );
    expect(service.output()).not.toContain('    at ');
  });

  test('at once if the database refuses the connection', async () => {
    const service = start({ DATABASE_URL: `${database.url}_of_another_name` });
    expect(await service.exit).toBe(1);
    expect(service.output()).toMatch(
      /^The service did not start\. The database ".*_of_another_name" does not exist on .*$/m,
    );
    expect(service.output()).not.toMatch(/not reachable yet|"stack"/);
  });

  test('with the stack at LOG_LEVEL=debug', async () => {
    const service = start({ DATABASE_URL: `${database.url}_of_another_name`, LOG_LEVEL: 'debug' });
    expect(await service.exit).toBe(1);
    expect(service.output()).toMatch(/"stack":.*"code":"3D000".*"msg":"the service did not start"/);
  });

  test('in production without a database', async () => {
    const service = start({
      NODE_ENV: 'production',
      DATABASE_URL: '',
      DATA_DIR: '',
      AUTH_ISSUER: 'https://issuer.example',
    });
    expect(await service.exit).toBe(1);
    expect(service.output()).toContain('DATABASE_URL must be set when NODE_ENV is production');
  });

  test('if the port is in use, and names the variable to set', async () => {
    const first = start();
    const second = start({ PORT: new URL(await first.url).port });
    expect(await second.exit).toBe(1);
    const { port } = new URL(await first.url);
    expect(second.output()).toContain(`Cannot listen on 127.0.0.1:${port}: the port is in use. Set PORT.`);
    expect(second.output()).not.toContain('    at ');
  });
});

describe('SIGTERM', () => {
  test('finishes requests in flight, refuses new ones and exits with code 0', async () => {
    const service = start();
    const url = await service.url;
    const id = await anOrderItem(dataSource);
    const lock = await lockItem(database.url, id);
    const inFlight = cancel(url, id);
    await lock.untilTried();

    service.child.kill('SIGTERM');
    await service.untilPrinted('"stopping"');
    await expect(cancel(url, id)).rejects.toThrow();
    await lock.release();

    expect((await inFlight).status).toBe(200);
    expect(await service.exit).toBe(0);
    expect(await findOrderItem(dataSource, id)).toMatchObject({ status: 'cancelled' });
  });

  test('repeated at once counts once; repeated later ends the service at once', async () => {
    const service = start({ LOCK_TIMEOUT_MS: '60000', REQUEST_TIMEOUT_MS: '60000' });
    const id = await anOrderItem(dataSource);
    const lock = await lockItem(database.url, id);
    const inFlight = cancel(await service.url, id).catch(() => null);
    await lock.untilTried();

    service.child.kill('SIGTERM');
    service.child.kill('SIGTERM');
    await service.untilPrinted('"stopping"');
    // The process counts a repeat within a second as the same signal, so only real time makes it another one.
    await sleep(1_200);
    expect(service.child.exitCode).toBeNull();
    service.child.kill('SIGTERM');
    expect(await service.exit).toBe(1);
    expect(await inFlight).toBeNull();
    await lock.release();
    expect(await findCancellations(dataSource, [id])).toEqual([]);
  });
});

describe('the loss of sessions', () => {
  test('under load stops neither the service nor leaves a cancel half done', async () => {
    const service = start({ DATABASE_POOL_SIZE: '4' });
    const url = await service.url;
    const ids = await insertOrderItems(
      dataSource,
      Array.from({ length: 200 }, () => ({})),
    );
    const statuses: number[] = [];
    const callers = Array.from({ length: 8 }, async (_, caller) => {
      for (const id of ids.slice(caller * 25, caller * 25 + 25)) statuses.push((await cancel(url, id)).status);
    });
    const served = Promise.all(callers);
    while ((await Promise.race([served, sleep(20)])) === undefined) {
      await dataSource.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'order-items'`,
      );
    }
    expect([...new Set(statuses)].filter((status) => status !== 200 && status !== 503)).toEqual([]);
    const [counts] = await dataSource.query<{ cancelled: number }[]>(
      `SELECT count(*) FILTER (WHERE status = 'cancelled')::int AS cancelled FROM order_item WHERE id = ANY($1::uuid[])`,
      [ids],
    );
    const cancellations = await findCancellations(dataSource, ids);
    expect(counts?.cancelled).toBe(cancellations.length);
    // A cancel whose COMMIT was cut off can have been carried out although it was answered 503; never the other way.
    expect(cancellations.length).toBeGreaterThanOrEqual(statuses.filter((status) => status === 200).length);
    // The first probe can meet a connection that was just terminated.
    await waitFor('readiness', async () => (await fetch(`${url}/health/ready`)).status === 200);
  });
});

describe('the log', () => {
  test('has a JSON line per request, without tokens and texts of callers', async () => {
    const service = start();
    const url = await service.url;
    const planted = { reason: 'planted reason', note: 'planted note' };
    const id = await anOrderItem(dataSource);
    await cancel(url, id, planted);
    await cancel(url, id, planted);
    await cancel(url, id, { reason: 'planted reason'.repeat(100) });
    // A real fault, with the row and its note in the driver's error.
    await dataSource.query(
      `ALTER TABLE order_item_cancellation ADD CONSTRAINT fault CHECK (note <> 'planted note') NOT VALID`,
    );
    const faulty = await cancel(url, await anOrderItem(dataSource), planted);
    await dataSource.query('ALTER TABLE order_item_cancellation DROP CONSTRAINT fault');
    expect(faulty.status).toBe(500);
    await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        query: 'mutation($input: CancelOrderItemInput!) { cancelOrderItem(input: $input) { __typename } }',
        variables: { input: { id, ...planted, idempotencyKey: 'planted key' } },
      }),
    });
    await fetch(`${url}/planted%20path?planted=query`, { headers: { authorization: 'Bearer planted.token' } });
    service.child.kill('SIGTERM');
    await service.exit;

    const log = service.output().slice(service.output().indexOf('"serving"'));
    const requests = log
      .split('\n')
      .filter((line) => line.includes('"msg":"request"'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const route = '/v0/line_item/:uuid/cancel';
    expect(requests.map((line) => [line['route'], line['status'], line['outcome']])).toEqual([
      [route, 200, 'CANCELLED'],
      [route, 400, 'ORDER_ITEM_NOT_CANCELABLE'],
      [route, 400, 'INVALID_CANCEL_REQUEST'],
      [route, 500, 'internal_server_error'],
      ['/graphql', 200, 'ORDER_ITEM_NOT_CANCELABLE'],
      [null, 404, 'not_found'],
    ]);
    // With a key, there are several; what is no cancel, or not a valid one, needs none.
    expect(requests.map(({ statements }) => statements)).toEqual([1, 1, 0, expect.any(Number), expect.any(Number), 0]);
    for (const line of requests) {
      expect(line).toMatchObject({
        requestId: expect.stringMatching(/^[0-9a-f]{32}$/),
        durationMs: expect.any(Number),
      });
    }
    expect(log).toContain('"code":"23514"');
    expect(log).not.toContain('planted');
    expect(log).not.toContain(token);
  });
});

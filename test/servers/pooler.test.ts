import { randomUUID } from 'node:crypto';
import { aRow, importRows } from '../support/importing.ts';
import { lockItem } from '../support/lockedItem.ts';
import { anOrderItem, findCancellations, insertOrderItems } from '../support/orderItems.ts';
import { expectInOrder, readOutbox, waitForPositions } from '../support/outbox.ts';
import { hasPooler, SESSIONS, startPooler } from '../support/pooler.ts';
import { killServiceProcesses, startServiceProcess } from '../support/serviceProcess.ts';
import { queryServer } from '../support/testDatabase.ts';
import { startTestService, type TestService } from '../support/testService.ts';

/* Two instances of the service behind a real PgBouncer in transaction mode, which has fewer sessions than they have connections. */

const pooler = hasPooler ? await startPooler() : null;
const environment = {
  DATABASE_URL: pooler?.url ?? '',
  DATABASE_POOLING: 'transaction',
  LOCK_TIMEOUT_MS: '500',
};
const instances = pooler === null ? [] : [await startTestService(environment), await startTestService(environment)];

const describeWithPooler = pooler === null ? describe.skip : describe;

describeWithPooler('behind PgBouncer in transaction mode', () => {
  afterAll(killServiceProcesses);
  const { directUrl = '' } = pooler ?? {};
  const [one, other] = instances as [TestService, TestService];

  test('the start migrates, and the service is ready', async () => {
    expect((await fetch(`${one.url}/health/ready`)).status).toBe(200);
  });

  test('the formats of the database change no answer', async () => {
    const { pathname } = new URL(directUrl);
    await queryServer(`ALTER DATABASE ${pathname.slice(1)} SET datestyle = 'German, DMY'`);
    await queryServer(`ALTER DATABASE ${pathname.slice(1)} SET timezone = 'Asia/Kathmandu'`);
    await pooler?.kill();
    await pooler?.start();
    for (const { url } of instances) while ((await fetch(`${url}/health/ready`)).status !== 200);
    const createdAt = new Date('2026-03-04T05:06:07.123Z');
    const id = await anOrderItem(one.dataSource, { createdAt, releaseDate: '2026-02-01' });
    expect((await one.cancelByRest(id, { headers: { 'idempotency-key': id } })).status).toBe(200);
    const { data } = await other.graphql('query($id: ID!) { orderItem(id: $id) { status createdAt releaseDate } }', {
      id,
    });
    expect(data.orderItem).toEqual({
      status: 'CANCELLED',
      createdAt: createdAt.toISOString(),
      releaseDate: '2026-02-01',
    });
  });

  test('the role’s limits apply', async () => {
    const settings = 'SELECT current_setting($1) AS value';
    expect(await one.dataSource.query(settings, ['statement_timeout'])).toEqual([{ value: '10s' }]);
    expect(await one.dataSource.query(settings, ['lock_timeout'])).toEqual([{ value: '2s' }]);
  });

  test('repeats a cancel with a key at the other instance', async () => {
    const ids = await insertOrderItems(one.dataSource, [{}, {}]);
    const key = randomUUID();
    const first = await one.cancelByRest(ids[0] ?? '', { headers: { 'idempotency-key': key } });
    expect(first.status).toBe(200);
    const again = await other.cancelByRest(ids[0] ?? '', { headers: { 'idempotency-key': key } });
    expect(again).toMatchObject({ status: 200, body: first.body });
    const cancel = 'mutation($input: CancelOrderItemInput!) { cancelOrderItem(input: $input) { __typename } }';
    const { data } = await other.graphql(cancel, { input: { id: ids[1], reason: 'Late' } });
    expect(data).toEqual({ cancelOrderItem: { __typename: 'CancelOrderItemSuccess' } });
  });

  test('serves 300 concurrent cancels of different items', async () => {
    const ids = await insertOrderItems(
      one.dataSource,
      Array.from({ length: 300 }, () => ({})),
    );
    const answers = await Promise.all(ids.map((id, i) => (i % 2 === 0 ? one : other).cancelByRest(id)));
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
    expect(await findCancellations(one.dataSource, ids)).toHaveLength(300);
  });

  test('numbers the events of both instances', async () => {
    const count = (await readOutbox(one.dataSource)).length;
    expect(count).toBeGreaterThan(300);
    expectInOrder(await waitForPositions(other.dataSource, count));
  });

  test('60 concurrent cancels of one item at two instances: one succeeds', async () => {
    const id = await anOrderItem(one.dataSource);
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, i) =>
        (i % 2 === 0 ? one : other).cancelByRest(id, i % 3 === 0 ? { headers: { 'idempotency-key': `key-${i}` } } : {}),
      ),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(await findCancellations(one.dataSource, [id])).toHaveLength(1);
  });

  test('reads work in every session', async () => {
    await anOrderItem(one.dataSource, { orderId: 'pooled' });
    const list =
      '{ orderItems(filter: { orderId: "pooled" }) { edges { node { id order { items { edges { cursor } } } } } } }';
    const answers = await Promise.all(Array.from({ length: 8 * SESSIONS }, () => one.graphql(list)));
    expect(answers.filter(({ status, errors }) => status !== 200 || errors.length > 0)).toEqual([]);
    const [node] = answers[0]?.data.orderItems.edges ?? [];
    expect(node.node.order.items.edges).toHaveLength(1);
  });

  test('a locked item delays only its own request', async () => {
    const id = await anOrderItem(one.dataSource);
    const lock = await lockItem(directUrl, id);
    const waiting = one.cancelByRest(id);
    expect((await one.cancelByRest(await anOrderItem(one.dataSource))).status).toBe(200);
    expect((await waiting).status).toBe(503);
    await lock.release();
    expect((await one.cancelByRest(id)).status).toBe(200);
  });

  test('503 without the pooler, and recovery with it', async () => {
    const id = await anOrderItem(one.dataSource);
    await pooler?.kill();
    const away = await one.cancelByRest(id);
    expect([away.status, away.headers.get('retry-after')]).toEqual([503, '1']);
    await pooler?.start();
    const answers = await Promise.all([one.cancelByRest(id), other.graphql('{ orderItems { edges { cursor } } }')]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  });

  test('imports items', async () => {
    const row = aRow({ order_id: 'imported' });
    expect(await importRows(pooler?.url ?? '', [row], { mode: 'atomic' })).toMatchObject({ inserted: 1, rejected: 0 });
    const { data } = await one.graphql(`{ orderItem(id: "${row.values.id}") { status } }`);
    expect(data).toEqual({ orderItem: { status: 'PENDING' } });
  });

  test('a service without DATABASE_POOLING does not start, and says why', async () => {
    const service = startServiceProcess({ DATABASE_URL: pooler?.url ?? '' });
    expect(await service.exit).toBe(1);
    expect(service.output()).toContain('unsupported startup parameter');
    expect(service.output()).toContain('DATABASE_POOLING=transaction');
  });
});

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { readMetrics } from '../support/exposition.ts';
import { hasNats, type NatsServer, startNatsServer, type Stored } from '../support/natsServer.ts';
import { anOrderItem } from '../support/orderItems.ts';
import { type GivenEvent, insertEvents, type Queries, useConnection } from '../support/outbox.ts';
import { hasPooler, startPooler } from '../support/pooler.ts';
import { killServiceProcesses, type ServiceProcess, startServiceProcess } from '../support/serviceProcess.ts';
import { createTestDatabase } from '../support/testDatabase.ts';
import { startTestService } from '../support/testService.ts';
import { waitFor } from '../support/waitFor.ts';

/* A real NATS server. Each test has a database and a stream of its own. */

const nats = hasNats ? await startNatsServer() : null;
const describeWithNats = nats === null ? describe.skip : describe;
const dataDir = await mkdtemp(path.join(tmpdir(), 'order-items-nats-service-'));
const pooler = hasNats && hasPooler ? await startPooler() : null;
const pooledNats = pooler === null ? null : await startNatsServer();
const pooled =
  pooler === null || pooledNats === null
    ? null
    : await startTestService({
        DATABASE_URL: pooler.url,
        DATABASE_POOLING: 'transaction',
        EVENTS_NATS_URL: pooledNats.url,
      });
afterAll(() => rm(dataDir, { recursive: true }));

/** Requires every event once or more, in the order of the cancels of its item as far as each is new. */
function expectAll(stored: readonly Stored[], ids: readonly string[]): void {
  expect(new Set(stored.map(({ id }) => id))).toEqual(new Set(ids));
  for (const [, ofItem] of Map.groupBy(stored, ({ event }) => event.subject)) {
    const reached = ofItem.map(({ event }) => event.data.cancelledQuantity ?? 0);
    expect(reached).toEqual(reached.toSorted((one, other) => one - other));
  }
}

/** Returns the steps of some items, mixed. */
function steps(items: number, each: number): GivenEvent[] {
  const ids = Array.from({ length: items }, () => crypto.randomUUID());
  return Array.from({ length: each }, (_, step) => ids.map((itemId) => ({ itemId, reached: step + 1 }))).flat();
}

describeWithNats('a stream of NATS JetStream', () => {
  const [server] = [nats] as [NatsServer];
  let stream = '';
  let count = 0;
  let database: Awaited<ReturnType<typeof createTestDatabase>>;
  let client: pg.Client;
  let outbox: Queries;
  beforeEach(async () => {
    count += 1;
    stream = `TEST_${count}`;
    database = await createTestDatabase();
    client = new pg.Client(database.url);
    await client.connect();
    outbox = useConnection(client);
  });
  afterEach(async () => {
    await killServiceProcesses();
    await client.end();
    await database.drop();
    // The subjects of two streams must not overlap.
    await server.manage(({ streams }) => streams.delete(stream).catch(() => false));
  });

  const start = (environment: Record<string, string> = {}): ServiceProcess =>
    startServiceProcess({
      DATABASE_URL: database.url,
      DATA_DIR: dataDir,
      PLAYGROUND: 'false',
      EVENTS_NATS_URL: server.url,
      EVENTS_NATS_STREAM: stream,
      ...environment,
    });
  const stop = async (service: ServiceProcess): Promise<void> => {
    service.child.kill('SIGTERM');
    expect(await service.exit).toBe(0);
  };
  const waitForEvents = (expected: number): Promise<readonly Stored[]> =>
    waitFor(`${expected} events in the stream`, async () => {
      const stored = await server.readStream(stream);
      return new Set(stored.map(({ id }) => id)).size >= expected && stored;
    });
  const createStream = (subjects: string[]) => server.manage(({ streams }) => streams.add({ name: stream, subjects }));

  test('is made, and gets events from the oldest on, with type, id and form', async () => {
    const [first] = await insertEvents(outbox, [{}]);
    const service = start({ EVENTS_SOURCE: 'https://shop.example/items' });
    const [stored] = await waitForEvents(1);
    expect(stored).toEqual({
      subject: 'order_item.partially_cancelled',
      id: first,
      event: {
        specversion: '1.0',
        id: first,
        source: 'https://shop.example/items',
        type: 'order_item.partially_cancelled',
        subject: stored?.event.data.orderItemId,
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
        data: expect.objectContaining({ quantity: 1, cancelledQuantity: 1, channel: 'rest' }) as object,
      },
    });
    const { config } = await server.manage(({ streams }) => streams.info(stream));
    expect(config.subjects).toEqual(['order_item.>']);
    await stop(service);
    expect(service.output()).not.toContain(server.password);
    expect(service.output()).not.toContain(encodeURIComponent(server.password));
  });

  test('goes on after a stop where it was', async () => {
    const before = await insertEvents(outbox, steps(5, 3));
    const first = start();
    await waitForEvents(15);
    await stop(first);
    const after = await insertEvents(outbox, steps(5, 3));
    const second = start();
    const stored = await waitForEvents(30);
    expect(stored).toHaveLength(30);
    expectAll(stored, [...before, ...after]);
    const { samples } = await readMetrics(await second.url);
    const published = samples.filter(({ name }) => name === 'order_items_stream_published_total');
    expect(published.map(({ labels, value }) => [labels['outcome'], value])).toEqual([
      ['stored', 15],
      ['duplicate', 0],
    ]);
  });

  test('gets every event once from two services', async () => {
    const services = [start(), start()];
    await Promise.all(services.map(({ url }) => url));
    const ids: string[] = [];
    for (let round = 0; round < 20; round += 1) ids.push(...(await insertEvents(outbox, steps(10, 5))));
    const stored = await waitForEvents(1_000);
    expect(stored).toHaveLength(1_000);
    expectAll(stored, ids);
    await Promise.all(services.map(stop));
  });

  test('loses nothing when the broker is killed and starts again', async () => {
    const services = [start(), start()];
    await Promise.all(services.map(({ url }) => url));
    const ids = await insertEvents(outbox, steps(20, 50));
    await waitFor('some events in the stream', async () => (await server.readStream(stream)).length > 0);
    await server.signal('SIGKILL');
    ids.push(...(await insertEvents(outbox, steps(20, 10))));
    await Promise.all(services.map((service) => service.untilPrinted('events cannot be published to the stream')));
    await server.start();
    expectAll(await waitForEvents(1_200), ids);
    await Promise.all(services.map(stop));
  });

  test('waits for a broker that hangs, and stops in time without it', async () => {
    const service = start();
    await service.url;
    await insertEvents(outbox, [{}]);
    await waitForEvents(1);
    await server.signal('SIGSTOP');
    const [waiting] = await insertEvents(outbox, [{}]);
    await service.untilPrinted('events cannot be published to the stream');
    await stop(service);
    await server.signal('SIGCONT');
    const next = start();
    await next.url;
    expect((await waitForEvents(2)).map(({ id }) => id)).toContain(waiting);
    await stop(next);
  });

  test('is taken over from a service that is killed', async () => {
    const services = [start(), start()];
    await Promise.all(services.map(({ url }) => url));
    const ids = await insertEvents(outbox, steps(30, 100));
    // One of them holds the stream.
    await waitFor('some events in the stream', async () => (await server.readStream(stream)).length > 0);
    for (const [killed] of [services, services.slice(1)]) {
      killed?.child.kill('SIGKILL');
      await killed?.exit;
      ids.push(...(await insertEvents(outbox, steps(30, 2))));
      services.push(start());
    }
    expectAll(await waitForEvents(ids.length), ids);
  });

  test('without the subject is told, stays as it is, and gets everything when it has it', async () => {
    await createStream(['other.>', 'order_item.cancelled']);
    const ids = await insertEvents(outbox, steps(2, 2));
    const service = start();
    await service.untilPrinted(`The stream ${stream} lacks the subject order_item.partially_cancelled`);
    const { config } = await server.manage(({ streams }) => streams.info(stream));
    expect(config.subjects).toEqual(['other.>', 'order_item.cancelled']);
    const { samples } = await readMetrics(await service.url);
    const read = (name: string): number | undefined => samples.find((sample) => sample.name === name)?.value;
    expect(read('order_items_stream_failures_total')).toBeGreaterThan(0);
    await waitFor('the lag', async () => {
      const { samples: now } = await readMetrics(await service.url);
      return now.find(({ name }) => name === 'order_items_stream_lag_events')?.value === 4;
    });
    await server.manage(({ streams }) => streams.update(stream, { subjects: ['other.>', 'order_item.>'] }));
    expectAll(await waitForEvents(4), ids);
    await service.untilPrinted('events are published to the stream again');
  });

  test('goes on with the oldest event that is kept', async () => {
    await insertEvents(outbox, steps(3, 1));
    const first = start();
    await waitForEvents(3);
    await stop(first);
    await insertEvents(outbox, steps(3, 2));
    const numbering = start({ EVENTS_NATS_URL: '', EVENTS_NATS_STREAM: '' });
    await waitFor('positions', async () => {
      const [row] = await outbox.query<{ newest: number }[]>(
        'SELECT max(position)::int AS newest FROM order_item_event',
      );
      return row?.newest === 9;
    });
    await stop(numbering);
    await outbox.query('DELETE FROM order_item_event WHERE position < 8');
    const second = start();
    await second.untilPrinted('events were deleted before the stream had them');
    expect(await waitForEvents(5)).toHaveLength(5);
    const { samples } = await readMetrics(await second.url);
    expect(samples.find(({ name }) => name === 'order_items_stream_missed_total')?.value).toBe(4);
  });

  test('refuses a password without repeating it', async () => {
    const service = start({ EVENTS_NATS_URL: server.url.replace('shop:', 'shop:wrong-') });
    await service.untilPrinted('events cannot be published to the stream');
    await stop(service);
    expect(service.output()).not.toContain('wrong-');
  });
});

(pooled === null ? describe.skip : describe)('behind PgBouncer in transaction mode', () => {
  test('publishes', async () => {
    const ids = [await anOrderItem(pooled?.dataSource as never), await anOrderItem(pooled?.dataSource as never)];
    for (const id of ids) expect((await pooled?.cancelByRest(id))?.status).toBe(200);
    const stored = await waitFor('the events', async () => {
      const found = await pooledNats?.readStream('ORDER_ITEMS');
      return found?.length === 2 && found;
    });
    expect(stored.map(({ event }) => event.data.orderItemId)).toEqual(ids);
    expect(stored.map(({ subject }) => subject)).toEqual(['order_item.cancelled', 'order_item.cancelled']);
  });
});

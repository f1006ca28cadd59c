import pg from 'pg';
import { anOrderItem } from '../support/orderItems.ts';
import { expectInOrder, insertEvents, useConnection, waitForPositions } from '../support/outbox.ts';
import { createTestDatabase } from '../support/testDatabase.ts';
import { startTestService } from '../support/testService.ts';

/* The sequencers of two running services. Each test begins with an empty outbox. */

const database = await createTestDatabase();
const service = await startTestService({ DATABASE_URL: database.url });
const other = await startTestService({ DATABASE_URL: database.url });
const writer = await connect();
const outbox = useConnection(writer);
afterAll(async () => {
  await writer.end();
  await database.drop();
});
beforeEach(() => writer.query('TRUNCATE order_item_event'));

async function connect(): Promise<pg.Client> {
  const client = new pg.Client(database.url);
  await client.connect();
  return client;
}

/** Begins a transaction of another process, which writes an event. */
async function beginLate() {
  const client = await connect();
  await client.query('BEGIN');
  const [id] = await insertEvents(useConnection(client), [{}]);
  const end = async (how: 'COMMIT' | 'ROLLBACK'): Promise<void> => {
    await client.query(how);
    await client.end();
  };
  return { id, end };
}

/** Commits so many transactions with one event each. */
async function commitOneByOne(count: number): Promise<void> {
  await writer.query(`DO $$ BEGIN
    FOR count IN 1..${count} LOOP
      INSERT INTO order_item_event (id, order_item_id, type, payload)
      VALUES (gen_random_uuid(), gen_random_uuid(), 'order_item.cancelled', '{"cancelledQuantity": 1}');
      COMMIT;
    END LOOP; END $$`);
}

test('numbers the events of cancels, also in part and of both instances', async () => {
  const id = await anOrderItem(service.dataSource, { quantity: 3 });
  for (const instance of [service, other, service]) {
    expect((await instance.cancelByRest(id, { body: { reason: 'Fewer', quantity: 1 } })).status).toBe(200);
  }
  const events = await waitForPositions(outbox, 3);
  expectInOrder(events);
  expect(events.map(({ reached }) => reached)).toEqual([1, 2, 3]);
});

test('numbers what other processes write', async () => {
  const ids = await insertEvents(outbox, [{}, {}]);
  expect((await waitForPositions(outbox, 2)).map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
});

describe('a transaction that is held open', () => {
  test('is not passed over by ten thousand others, and stops none of them', async () => {
    const late = await beginLate();
    await commitOneByOne(10_000);
    expectInOrder(await waitForPositions(outbox, 10_000));
    await late.end('COMMIT');
    const all = await waitForPositions(outbox, 10_001);
    expectInOrder(all);
    expect(all.at(-1)?.id).toBe(late.id);
  });

  test('leaves nothing if it is rolled back', async () => {
    const late = await beginLate();
    await insertEvents(outbox, [{}]);
    await waitForPositions(outbox, 1);
    await late.end('ROLLBACK');
    await insertEvents(outbox, [{}]);
    expectInOrder(await waitForPositions(outbox, 2));
  });
});

test('goes on after the database has ended its sessions', async () => {
  await writer.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'order-items'`);
  await insertEvents(outbox, [{}]);
  expectInOrder(await waitForPositions(outbox, 1));
});

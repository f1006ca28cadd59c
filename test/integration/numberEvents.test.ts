import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { numberEvents, readNumberingState } from '../../src/events/numberEvents.ts';
import {
  expectInOrder,
  type GivenEvent,
  insertEvents,
  numberAllEvents,
  readOutbox,
  useConnection,
} from '../support/outbox.ts';
import { createTestDatabase } from '../support/testDatabase.ts';
import { waitFor } from '../support/waitFor.ts';

/* The statements of the sequencer on a database without a service. Each test begins with an empty outbox. */

const database = await createTestDatabase();
const clients: pg.Client[] = [];
const writer = await connect();
const one = await connect();
const other = await connect();
afterAll(async () => {
  for (const client of clients) await client.end();
  await database.drop();
});
beforeEach(() => writer.query('TRUNCATE order_item_event'));

async function connect(config: pg.ClientConfig = {}): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: database.url, ...config });
  // One of them is killed.
  client.on('error', () => undefined);
  await client.connect();
  clients.push(client);
  return client;
}

const insert = (given: readonly GivenEvent[]): Promise<string[]> => insertEvents(useConnection(writer), given);
const read = () => readOutbox(useConnection(writer));
const number = async (client: pg.Client, state?: { readonly unnumbered: number }): Promise<void> =>
  numberEvents(useConnection(client), state ?? (await look()));
const look = () => readNumberingState(useConnection(writer));

test('goes on after the highest position, and says what is left', async () => {
  expect(await look()).toEqual({ newest: 0, unnumbered: 0 });
  const first = await insert([{}]);
  expect(await look()).toEqual({ newest: 0, unnumbered: 1 });
  await number(one);
  const second = await insert([{}]);
  await number(other);
  expect((await read()).map(({ id, position }) => [id, position])).toEqual([
    [first[0], 1],
    [second[0], 2],
  ]);
  expect(await look()).toEqual({ newest: 2, unnumbered: 0 });
});

test('the events of an item are in the order of its cancels, whatever their times and places in the table say', async () => {
  const itemId = randomUUID();
  const now = Date.now();
  const ofItem = Array.from({ length: 100 }, (_, index) => {
    return { itemId, reached: 100 - index, occurredAt: new Date(now + index) };
  });
  // The last event of the item comes first, and the first one after more than two batches.
  await insert(ofItem.flatMap((event): GivenEvent[] => [event, ...Array.from({ length: 50 }, () => ({}))]));
  expect(await numberAllEvents(useConnection(one))).toBeGreaterThan(2);
  expectInOrder(await read());
});

test('events of several items are about in the order of time', async () => {
  const now = Date.now();
  const ids = await insert([3, 1, 2].map((second) => ({ occurredAt: new Date(now + 1_000 * second) })));
  await number(one);
  expect((await read()).map(({ id }) => id)).toEqual([ids[1], ids[2], ids[0]]);
});

test('an event with another payload is numbered, too', async () => {
  await writer.query(`INSERT INTO order_item_event (id, order_item_id, type, payload)
    SELECT gen_random_uuid(), gen_random_uuid(), 'order_item.cancelled', payload
    FROM unnest(ARRAY['{}', '[]', '1', '{"cancelledQuantity": "many"}']::jsonb[]) AS payload`);
  await number(one);
  expect(await look()).toEqual({ newest: 4, unnumbered: 0 });
});

test('two at once number each event once, in an order that a reader can follow', async () => {
  const items = Array.from({ length: 20 }, () => randomUUID());
  let isWriting = true;
  const sequencers = [one, other].map(async (client) => {
    while (isWriting) await number(client, { unnumbered: 1 });
  });
  const followed: string[] = [];
  const follow = async (): Promise<void> => {
    const events = (await read()).filter(({ position }) => position !== null);
    followed.push(...events.slice(followed.length).map(({ id }) => id));
  };
  for (let reached = 1; reached <= 50; reached += 1) {
    await insert(items.map((itemId) => ({ itemId, reached })));
    await follow();
  }
  isWriting = false;
  await Promise.all(sequencers);
  await numberAllEvents(useConnection(one));
  await follow();
  const events = await read();
  expectInOrder(events);
  expect(events).toHaveLength(1_000);
  expect(followed).toEqual(events.map(({ id }) => id));
});

test('one that is killed in the middle leaves no position. Until then, no other one numbers', async () => {
  const doomed = await connect();
  const { rows } = await doomed.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  await insert([{}, {}]);
  await doomed.query('BEGIN');
  await number(doomed, { unnumbered: 2 });
  expectInOrder(await readOutbox(useConnection(doomed)));
  await number(one);
  expect(await look()).toEqual({ newest: 0, unnumbered: 2 });
  await writer.query('SELECT pg_terminate_backend($1, 30000)', [rows[0]?.pid]);
  await number(one);
  expectInOrder(await read());
});

test('an event that another transaction has locked holds up only those of its item', async () => {
  const itemId = randomUUID();
  const [locked = '', next = '', free = ''] = await insert([{ itemId, reached: 1 }, { itemId, reached: 2 }, {}]);
  await other.query('BEGIN');
  await other.query('SELECT FROM order_item_event WHERE id = $1 FOR UPDATE', [locked]);
  await number(one);
  expect(new Map((await read()).map(({ id, position }) => [id, position]))).toEqual(
    new Map([
      [free, 1],
      [locked, null],
      [next, null],
    ]),
  );
  await other.query('COMMIT');
  await number(one);
  expect((await read()).map(({ id }) => id)).toEqual([free, locked, next]);
});

test('sees what another one committed before it got the lock, whatever isolation a role has by default', async () => {
  const strict = await connect({ options: '-c default_transaction_isolation=serializable' });
  await insert([{}]);
  await one.query('BEGIN');
  await number(one);
  await insert([{}]);
  const numbered = waitFor('the position of the second event', async () => {
    await number(strict);
    return (await look()).unnumbered === 0;
  });
  await one.query('COMMIT');
  await numbered;
  expectInOrder(await read());
});

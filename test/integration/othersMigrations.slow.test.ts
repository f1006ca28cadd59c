import pg from 'pg';
import { insertOrderItems } from '../support/orderItems.ts';
import { createTestDatabase } from '../support/testDatabase.ts';
import { startTestService } from '../support/testService.ts';
import { waitFor } from '../support/waitFor.ts';

/* 10,000 requests through both doors, with the migrations of another service in the middle. */

const REQUESTS = 10_000;
const CALLERS = 20;

/** Ten times what so many requests take on a fast machine. */
const LIMIT_MS = 180_000;

const MIGRATIONS = [
  'ALTER TABLE order_item ALTER external_id TYPE varchar(300)',
  'ALTER TABLE order_item ADD warehouse text',
  'ALTER TABLE order_item ALTER price_currency TYPE varchar(3)',
  'ALTER TABLE order_item DROP warehouse',
  'ALTER TABLE order_item ADD warehouse int NOT NULL DEFAULT 0',
  'CREATE INDEX order_item_warehouse ON order_item (warehouse)',
  'ALTER TABLE order_item_cancellation ALTER note TYPE varchar(2000)',
  'BEGIN; ALTER TABLE order_item DROP external_id; ALTER TABLE order_item ADD external_id text; COMMIT',
  'ALTER TABLE order_item_cancellation ALTER note TYPE text',
  'DROP INDEX order_item_warehouse',
];

const database = await createTestDatabase();
const service = await startTestService({ DATABASE_URL: database.url });
const other = new pg.Client(database.url);
await other.connect();
afterAll(async () => {
  await other.end();
  await database.drop();
});

test(
  'get only documented successes',
  async () => {
    const ids = await insertOrderItems(
      service.dataSource,
      Array.from({ length: REQUESTS }, (_, n) => ({ orderId: `order-${n % 100}` })),
    );
    const unexpected: unknown[] = [];
    let answered = 0;
    const kinds: ((id: string) => Promise<boolean>)[] = [
      async (id) => (await service.cancelByRest(id)).status === 200,
      async (id) => (await service.cancelByRest(id, { headers: { 'idempotency-key': id } })).status === 200,
      async (id) => {
        const { data } = await service.graphql(
          'mutation($id: ID!) { cancelOrderItem(input: { id: $id, reason: "Late" }) { __typename } }',
          { id },
        );
        return data?.cancelOrderItem.__typename === 'CancelOrderItemSuccess';
      },
      async (id) => {
        const { data } = await service.graphql('query($id: ID!) { orderItem(id: $id) { id externalId status } }', {
          id,
        });
        return data?.orderItem.id === id;
      },
      async (id) => {
        const query = '{ orderItems(filter: { orderId: "order-1", cancelable: true }) { edges { node { id } } } }';
        const { data, errors } = await service.graphql(query, { id });
        return data?.orderItems !== null && errors.length === 0;
      },
    ];
    const callers = Array.from({ length: CALLERS }, async (_, caller) => {
      for (let n = caller; n < REQUESTS; n += CALLERS) {
        const ask = kinds[n % kinds.length];
        if ((await ask?.(ids[n] ?? '')) !== true) unexpected.push({ n, kind: n % kinds.length });
        answered += 1;
      }
    });
    const migrate = async (): Promise<void> => {
      for (const [number, migration] of MIGRATIONS.entries()) {
        // Spread over the requests, however fast they are.
        const due = ((number + 0.5) * REQUESTS) / MIGRATIONS.length;
        await waitFor(`${due} answers`, () => answered >= due, 60_000);
        await other.query(migration);
      }
    };
    await Promise.all([migrate(), ...callers]);
    expect(unexpected).toEqual([]);
    expect(answered).toBe(REQUESTS);
    const [counts] = await service.dataSource.query<{ items: number; records: number; events: number }[]>(
      `SELECT count(*) FILTER (WHERE status = 'cancelled')::int AS items,
       (SELECT count(*)::int FROM order_item_cancellation) AS records, (SELECT count(*)::int FROM order_item_event) AS events
     FROM order_item`,
    );
    const cancelled = (REQUESTS * 3) / 5;
    expect(counts).toEqual({ items: cancelled, records: cancelled, events: cancelled });
  },
  LIMIT_MS,
);

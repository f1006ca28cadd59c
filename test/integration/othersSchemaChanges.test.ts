import pg from 'pg';
import { findCancellations, insertOrderItems } from '../support/orderItems.ts';
import { createTestDatabase } from '../support/testDatabase.ts';
import { startTestService } from '../support/testService.ts';

/* Another service changes the schema of a shared table while requests run. Nobody notices. */

const database = await createTestDatabase();
const service = await startTestService({ DATABASE_URL: database.url, DATABASE_POOL_SIZE: '4' });
const other = new pg.Client(database.url);
await other.connect();
afterAll(async () => {
  await other.end();
  await database.drop();
});

const READ = 'query($id: ID!) { orderItem(id: $id) { externalId cancellation { reason } } }';
const CANCEL = `mutation($ids: [ID!]!) { cancelOrderItems(input: { ids: $ids, reason: "Late" }) { __typename } }`;
const LIST = '{ orderItems(filter: { orderId: "order-1" }) { edges { node { id } } } }';

/** Uses every hot statement on every connection: reads, lists, single and bulk cancels, keys. */
async function useEveryStatement(): Promise<void> {
  const ids = await insertOrderItems(
    service.dataSource,
    Array.from({ length: 60 }, () => ({})),
  );
  const expected = { errors: [] };
  await Promise.all(
    Array.from({ length: 20 }, async (_, caller) => {
      const [one = '', ...two] = ids.slice(caller * 3, caller * 3 + 3);
      expect(await service.graphql(READ, { id: one })).toMatchObject(expected);
      expect(await service.graphql(LIST)).toMatchObject(expected);
      const headers: Record<string, string> = caller % 2 === 0 ? { 'idempotency-key': one } : {};
      expect(await service.cancelByRest(one, { headers })).toMatchObject({ status: 200 });
      const bulk = await service.graphql(CANCEL, { ids: two });
      const success = { __typename: 'CancelOrderItemSuccess' };
      expect(bulk).toMatchObject({ ...expected, data: { cancelOrderItems: [success, success] } });
      expect(await service.graphql(READ, { id: one })).toMatchObject(expected);
    }),
  );
  expect(await findCancellations(service.dataSource, ids)).toHaveLength(ids.length);
}

test.each([
  'ALTER TABLE order_item ALTER external_id TYPE varchar(300)',
  'ALTER TABLE order_item ALTER external_id TYPE text',
  'ALTER TABLE order_item ADD warehouse text',
  'ALTER TABLE order_item DROP warehouse',
  'ALTER TABLE order_item ADD warehouse int',
  'BEGIN; ALTER TABLE order_item DROP external_id; ALTER TABLE order_item ADD external_id varchar(200); COMMIT',
  'ALTER TABLE order_item ALTER price_currency TYPE varchar(3)',
  'ALTER TABLE order_item ALTER quantity TYPE bigint',
  'ALTER TABLE order_item ALTER version TYPE bigint',
  'ALTER TABLE order_item ALTER price_amount TYPE numeric(12,2)',
  'ALTER TABLE order_item_cancellation ALTER note TYPE varchar(2000)',
  'CREATE INDEX ON order_item (product_id)',
  'DROP INDEX order_item_newest',
])('after %s', async (change) => {
  await useEveryStatement();
  await other.query(change);
  await useEveryStatement();
});

test('after columns whose names the statements use, too', async () => {
  const names = `cancelled_at cancelled_by cancelledAt newVersion new_version orderItemId requestId ordered previous_status
    reason note channel asked written planned locked name units ahead cancels taken taken_before available item_id
    reasonCode newStatus new_status is_as_planned cancelledQuantity position payload occurred_at`;
  for (const name of names.split(/\s+/)) await other.query(`ALTER TABLE order_item ADD "${name}" text`);
  await useEveryStatement();
});

test('after the sessions forgot their prepared statements', async () => {
  await useEveryStatement();
  for (let each = 0; each < 8; each += 1) await service.dataSource.query('DEALLOCATE ALL');
  await useEveryStatement();
});

describe('what keeps an item from being cancelled fails the cancel, and writes nothing', () => {
  const TRIGGER = `CREATE FUNCTION keep_status() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN NEW.status = OLD.status; RETURN NEW; END $$;
    CREATE TRIGGER keep_status BEFORE UPDATE ON order_item FOR EACH ROW EXECUTE FUNCTION keep_status()`;
  const VIEW = `BEGIN; ALTER TABLE order_item RENAME TO kept_item; CREATE VIEW order_item AS SELECT DISTINCT * FROM kept_item;
    COMMIT`;
  test.each([
    ['a trigger that keeps the status', TRIGGER, 'DROP FUNCTION keep_status CASCADE'],
    ['a view that takes no updates', VIEW, 'DROP VIEW order_item; ALTER TABLE kept_item RENAME TO order_item'],
  ])('%s', async (_case, change, undo) => {
    const [one = '', two = '', three = ''] = await insertOrderItems(service.dataSource, [{}, {}, {}]);
    await other.query(change);
    const failed = { status: 500, body: { message: "Couldn't process request due to an internal error." } };
    expect(await service.cancelByRest(one)).toMatchObject(failed);
    expect(await service.cancelByRest(one, { headers: { 'idempotency-key': one } })).toMatchObject(failed);
    const bulk = await service.graphql(CANCEL, { ids: [two, three] });
    expect(bulk.errors.map(({ extensions }) => extensions['code'])).toEqual(['INTERNAL_SERVER_ERROR']);
    await other.query(undo);
    expect(await findCancellations(service.dataSource, [one, two, three])).toEqual([]);
    expect(await service.cancelByRest(one)).toMatchObject({ status: 200 });
  });
});

import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { anOrderItem, findOrderItem, insertOrderItems } from '../support/orderItems.ts';
import { createTestDatabase } from '../support/testDatabase.ts';
import { startTestService } from '../support/testService.ts';

/* Own items in tables brought along, whose column `customer_id` is missing or different. */

const OWN = 'order-items:read:own order-items:cancel:own';
const READ = 'query($id: ID!) { orderItem(id: $id) { id cancelledQuantity } }';

const ignoringCase = await startTestService();

const withoutColumn = await createTestDatabase();
const owner = new pg.Client(withoutColumn.url);
await owner.connect();
await owner.query('ALTER TABLE order_item DROP COLUMN customer_id');
const old = await startTestService({ DATABASE_URL: withoutColumn.url });
afterAll(async () => {
  await owner.end();
  await withoutColumn.drop();
});

test('a database without the column has no own items', async () => {
  const id = await anOrderItem(old.dataSource);
  const token = await old.token({ subject: 'ann', scope: OWN });
  expect((await old.graphql(READ, { id }, token)).errors).toMatchObject([{ extensions: { code: 'FORBIDDEN' } }]);
  expect(await old.cancelByRest(id, { token, body: { reason: 'Mine' } })).toMatchObject({ status: 403 });
  expect(await old.cancelByRest(id, { body: { reason: 'Late' } })).toMatchObject({ status: 200 });
  expect((await old.graphql(READ, { id })).data).toEqual({ orderItem: { id, cancelledQuantity: 1 } });
});

describe('a column that is compared without case', () => {
  beforeAll(async () => {
    await ignoringCase.dataSource.query(
      `CREATE COLLATION ignoring_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`,
    );
    await ignoringCase.dataSource.query('ALTER TABLE order_item ALTER customer_id TYPE text COLLATE ignoring_case');
  });

  test('names the customer to the letter', async () => {
    const orderId = randomUUID();
    const [id = ''] = await insertOrderItems(ignoringCase.dataSource, [{ customerId: 'Ann', orderId }]);
    const token = await ignoringCase.token({ subject: 'ann', scope: OWN });
    const query = `{ orderItems { edges { node { id } } } cancellations { edges { node { id } } }
      _entities(representations: [{ __typename: "Order", id: "${orderId}" }]) {
        ... on Order { items { edges { node { id } } } cancelability { blockedItems cancelableItems } } } }`;
    expect((await ignoringCase.graphql(query, {}, token)).data).toEqual({
      orderItems: { edges: [] },
      cancellations: { edges: [] },
      _entities: [{ items: { edges: [] }, cancelability: { blockedItems: 0, cancelableItems: 0 } }],
    });
    for (const headers of [{}, { 'idempotency-key': 'k' }]) {
      const answer = await ignoringCase.cancelByRest(id, { token, headers, body: { reason: 'Mine' } });
      expect(answer.status).toBe(404);
    }
    expect((await findOrderItem(ignoringCase.dataSource, id))?.status).toBe('pending');
    const owner = await ignoringCase.token({ subject: 'Ann', scope: OWN });
    expect(await ignoringCase.cancelByRest(id, { token: owner, body: { reason: 'Mine' } })).toMatchObject({
      status: 200,
    });
  });
});

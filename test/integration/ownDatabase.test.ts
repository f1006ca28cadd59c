import pg from 'pg';
import { findCancellations } from '../support/orderItems.ts';
import { createTestDatabase } from '../support/testDatabase.ts';
import { startTestService } from '../support/testService.ts';

const ITEM = '0b5c3f5e-8f0a-5b0e-9d63-0123456789ab';
const OTHER = '1b5c3f5e-8f0a-5b0e-9d63-0123456789ab';

// Somebody else's table under another name, with other names for its columns and one that this service knows nothing of.
const database = await createTestDatabase({ migrated: false });
const owner = new pg.Client(database.url);
await owner.connect();
await owner.query(`
  CREATE TABLE purchase_line (
    line_id uuid PRIMARY KEY, purchase text, sku text, state text, preorder boolean, units int, void_units int DEFAULT 0,
    unit_price numeric(19,4), revision int DEFAULT 1, bought_at timestamptz DEFAULT now(), changed_at timestamptz DEFAULT now(),
    warehouse text DEFAULT 'north');
  INSERT INTO purchase_line (line_id, purchase, sku, state, preorder, units, unit_price)
    VALUES ('${ITEM}', 'P-1', 'S-1', 'pending', true, 2, 4.5), ('${OTHER}', 'P-1', 'S-2', 'pending', true, 1, 1);
  CREATE VIEW order_item AS SELECT line_id AS id, purchase AS order_id, sku AS product_id, NULL::text AS external_id,
    state AS status, preorder AS is_pre_order, NULL::date AS release_date, units AS quantity, void_units AS cancelled_quantity,
    unit_price AS price_amount, 'EUR'::char(3) AS price_currency, revision AS version, bought_at AS created_at,
    changed_at AS updated_at FROM purchase_line;
`);
const service = await startTestService({ DATABASE_URL: database.url });
afterAll(async () => {
  await owner.end();
  await database.drop();
});

describe('a view over another service’s table', () => {
  test('is listed, and its items are cancelled through both doors in the table itself', async () => {
    const { data } = await service.graphql(`{ orderItems(filter: { orderId: "P-1", cancelable: true }) {
      edges { node { id quantity price { amount currency } } } } }`);
    expect(data.orderItems.edges).toHaveLength(2);
    expect(data.orderItems.edges).toContainEqual({
      node: { id: ITEM, quantity: 2, price: { amount: '4.5000', currency: 'EUR' } },
    });

    const byGraphQL = await service.graphql(
      `mutation { cancelOrderItem(input: { id: "${ITEM}", reason: "Late" }) { __typename } }`,
    );
    expect(byGraphQL.data.cancelOrderItem.__typename).toBe('CancelOrderItemSuccess');
    expect((await service.cancelByRest(OTHER)).status).toBe(200);

    const { rows } = await owner.query('SELECT state, revision, warehouse FROM purchase_line');
    expect(rows).toEqual([
      { state: 'cancelled', revision: 2, warehouse: 'north' },
      { state: 'cancelled', revision: 2, warehouse: 'north' },
    ]);
    expect(await findCancellations(service.dataSource, [ITEM, OTHER])).toHaveLength(2);
  });
});

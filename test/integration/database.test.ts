import { randomUUID } from 'node:crypto';
import { createDataSource } from '../../src/database/dataSource.ts';
import { violates } from '../support/citus.ts';
import { anOrderItem, findOrderItem } from '../support/orderItems.ts';
import { startTestService } from '../support/testService.ts';

const service = await startTestService();
const { dataSource } = service;

async function aCancelledItem(): Promise<string> {
  const id = await anOrderItem(dataSource);
  expect((await service.cancelByRest(id)).status).toBe(200);
  return id;
}

describe('the database', () => {
  test.each(['pending', 'on_hold', 'in_fulfillment', 'complete', 'returned'])(
    'refuses to set a cancelled item to %s, for any writer',
    async (status) => {
      const id = await aCancelledItem();
      await expect(
        dataSource.query('UPDATE order_item SET status = $2 WHERE id = $1', [id, status]),
      ).rejects.toMatchObject(violates('23514', 'order_item_units_left_check'));
      expect(await findOrderItem(dataSource, id)).toMatchObject({ status: 'cancelled' });
    },
  );

  test('refuses to revive an item that another service cancelled', async () => {
    const id = await anOrderItem(dataSource, { status: 'cancelled' });
    await expect(
      dataSource.query(
        `INSERT INTO order_item (id, order_id, product_id, price_amount, price_currency) VALUES ($1, 'o', 'p', 1, 'GBP')
         ON CONFLICT (id) DO UPDATE SET status = EXCLUDED.status`,
        [id],
      ),
    ).rejects.toMatchObject(violates('23514', 'order_item_stays_cancelled'));
  });

  test('allows other changes of a cancelled item', async () => {
    const id = await aCancelledItem();
    await dataSource.query(`UPDATE order_item SET quantity = 7, status = 'cancelled' WHERE id = $1`, [id]);
    expect(await findOrderItem(dataSource, id)).toMatchObject({ status: 'cancelled', quantity: 7 });
  });

  test('refuses to delete an item with a cancellation', async () => {
    const id = await aCancelledItem();
    await expect(dataSource.query('DELETE FROM order_item WHERE id = $1', [id])).rejects.toMatchObject({
      code: '23503',
    });
  });

  test.each([
    ['UPDATE', `UPDATE order_item_cancellation SET reason = 'another'`],
    ['DELETE', 'DELETE FROM order_item_cancellation'],
    ['TRUNCATE', 'TRUNCATE order_item_cancellation'],
  ])('refuses %s of cancellations', async (_, statement) => {
    await aCancelledItem();
    await expect(dataSource.query(statement)).rejects.toMatchObject({ code: '23001' });
  });

  test('fills missing columns with defaults', async () => {
    const id = randomUUID();
    await dataSource.query(
      `INSERT INTO order_item (id, order_id, product_id, price_amount, price_currency) VALUES ($1, 'o', 'p', 2.5, 'GBP')`,
      [id],
    );
    expect(await findOrderItem(dataSource, id)).toMatchObject({
      externalId: null,
      status: 'pending',
      isPreOrder: false,
      releaseDate: null,
      quantity: 1,
      priceAmount: '2.5000',
      version: 1,
      createdAt: expect.any(String),
      updatedAt: expect.any(String),
    });
  });

  test.each([
    ['order_id', ''],
    ['order_id', 'x'.repeat(256)],
    ['product_id', ''],
    ['external_id', ''],
    ['status', 'shipped'],
    ['status', 'CANCELLED'],
    ['quantity', 0],
    ['quantity', -1],
    ['price_amount', '-0.0001'],
    ['price_amount', 'NaN'],
    ['price_currency', 'gbp'],
    ['price_currency', 'GB'],
    ['version', 0],
    ['release_date', 'infinity'],
    ['created_at', 'infinity'],
    ['created_at', '-infinity'],
    ['updated_at', 'infinity'],
  ])('refuses an item with %s %j', async (column, value) => {
    const id = await anOrderItem(dataSource);
    await expect(
      dataSource.query(`UPDATE order_item SET ${column} = $2 WHERE id = $1`, [id, value]),
    ).rejects.toMatchObject(violates('23514', `order_item_${column}_check`));
  });
});

describe('a session', () => {
  const SETTINGS = `SELECT current_setting('client_connection_check_interval') AS "checkInterval",
    current_setting('work_mem') AS "workMemory"`;

  test.each([
    ['', { checkInterval: '500ms', workMemory: '4MB' }],
    ['?options=-c%20work_mem%3D5MB', { checkInterval: '500ms', workMemory: '5MB' }],
    ['?options=-c%20client_connection_check_interval%3D0', { checkInterval: '0', workMemory: '4MB' }],
  ])('has the settings of the service and the URL: %j', async (parameters, settings) => {
    const own = await createDataSource({
      url: service.databaseUrl + parameters,
      entities: [],
      poolSize: 1,
      lockTimeoutMs: 0,
      statementTimeoutMs: 0,
    }).initialize();
    try {
      expect(await own.query(SETTINGS)).toEqual([settings]);
    } finally {
      await own.destroy();
    }
  });
});

import { execFile } from 'node:child_process';
import path from 'node:path';
import pg from 'pg';
import { migrateDatabase } from '../../src/database/migrateDatabase.ts';
import { findCodeBlocks, readDocument } from '../support/documents.ts';
import { findCancellations } from '../support/orderItems.ts';
import { createTestDatabase, queryServer } from '../support/testDatabase.ts';
import { startTestService } from '../support/testService.ts';

/* The recipe of docs/data.md: a view over a table with states of its own and amounts in cents, and `npm run check`. */

const OPEN = '0b5c3f5e-8f0a-5b0e-9d63-0123456789ab';
const OTHER = '1b5c3f5e-8f0a-5b0e-9d63-0123456789ab';
const SENT = '2b5c3f5e-8f0a-5b0e-9d63-0123456789ab';

const database = await createTestDatabase({ migrated: false });
const owner = new pg.Client(database.url);
await owner.connect();
for (const { language, code } of findCodeBlocks(readDocument('docs/data.md'))) {
  if (language === 'sql') await owner.query(code);
}
await migrateDatabase(database.url);
await owner.query(`
  INSERT INTO line (line_id, order_no, article, state, preordered, units, cents) VALUES
    ('${OPEN}', 'P-1', 'S-1', 'open', true, 2, 450), ('${OTHER}', 'P-1', 'S-2', 'open', true, 1, 99),
    ('${SENT}', 'P-1', 'S-3', 'sent', true, 1, 1);
  CREATE ROLE own_states LOGIN PASSWORD 'own';
  GRANT SELECT, UPDATE (status, cancelled_quantity, version, updated_at) ON order_item TO own_states;
  GRANT SELECT, INSERT ON order_item_cancellation TO own_states;
  GRANT SELECT, INSERT, UPDATE (position), DELETE ON order_item_event TO own_states;
  GRANT SELECT, INSERT (name), UPDATE (position, holder, held_until) ON order_item_stream TO own_states;
  GRANT SELECT, INSERT, UPDATE ON order_item_webhook TO own_states;
  GRANT SELECT, INSERT, UPDATE, DELETE ON order_item_webhook_delivery TO own_states;
  GRANT SELECT ON order_item_migration TO own_states;`);
const url = new URL(database.url);
[url.username, url.password] = ['own_states', 'own'];
const service = await startTestService({ DATABASE_URL: url.href });
afterAll(async () => {
  await owner.query('DROP OWNED BY own_states');
  await owner.end();
  await database.drop();
  await queryServer('DROP ROLE own_states');
});

interface Check {
  readonly code: number;
  readonly output: string;
}

/** Runs `npm run check`. */
function check(databaseUrl = url.href): Promise<Check> {
  const { PATH } = process.env;
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [path.join(import.meta.dirname, '../../src/commands/check.ts')],
      { env: { PATH, DATABASE_URL: databaseUrl } },
      (error, output, errors) => {
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, output: output + errors });
      },
    );
  });
}

test('the check cancels an item, rolls back, and finds nothing missing', async () => {
  expect(await check()).toEqual({
    code: 0,
    output: expect.stringMatching(
      /^The database, its migrations, columns and rights are in order\.\nThe item [01]b5c3f5e-\S+ was cancelled in a transaction and rolled back\.\n$/,
    ),
  });
  expect((await owner.query(`SELECT FROM line WHERE state = 'void'`)).rows).toEqual([]);
  expect((await owner.query('SELECT FROM order_item_event')).rows).toEqual([]);
});

test('the service cancels through both doors, refuses what is sent, and keeps what is void', async () => {
  expect((await service.cancelByRest(SENT)).body).toMatchObject({ message: 'Order item is no longer cancelable.' });
  expect((await service.cancelByRest(OPEN)).status).toBe(200);
  const answer = await service.graphql(
    `mutation { cancelOrderItem(input: { id: "${OTHER}", reason: "Late", idempotencyKey: "k" }) { __typename } }`,
  );
  expect(answer.data.cancelOrderItem.__typename).toBe('CancelOrderItemSuccess');
  const { rows } = await owner.query('SELECT line_id, state, revision FROM line ORDER BY line_id');
  expect(rows).toEqual([
    { line_id: OPEN, state: 'void', revision: 2 },
    { line_id: OTHER, state: 'void', revision: 2 },
    { line_id: SENT, state: 'sent', revision: 1 },
  ]);
  expect(await findCancellations(service.dataSource, [OPEN, OTHER])).toHaveLength(2);
  await expect(owner.query(`UPDATE line SET state = 'open' WHERE line_id = '${OPEN}'`)).rejects.toThrow('stays void');
  const { data } = await service.graphql(
    '{ orderItems(filter: { orderId: "P-1" }) { edges { node { id price { amount } } } } }',
  );
  expect(data.orderItems.edges).toContainEqual({ node: { id: OPEN, price: { amount: '4.5000' } } });
});

describe('the check says in plain words', () => {
  const reopen = `ALTER TABLE line DISABLE TRIGGER USER; UPDATE line SET state = 'open', void_units = 0 WHERE line_id = '${OTHER}';
    DELETE FROM order_item_event; ALTER TABLE order_item_cancellation DISABLE TRIGGER USER; DELETE FROM order_item_cancellation;
    ALTER TABLE order_item_cancellation ENABLE TRIGGER USER; ALTER TABLE line ENABLE TRIGGER USER;`;
  beforeAll(async () => {
    await owner.query(reopen);
  });

  test.each([
    [
      'that the trigger does not write',
      `CREATE OR REPLACE FUNCTION cancel_line() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$`,
      /has the status "pending" after a cancel\. A trigger or a rule on order_item does not write the status\.$/m,
    ],
    [
      'that the trigger does not count the units',
      `CREATE OR REPLACE FUNCTION cancel_line() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$ BEGIN
         UPDATE line SET state = 'void' WHERE line_id = OLD.id; RETURN NEW; END $$`,
      /has 0 of its 1 units in cancelled_quantity after a cancel\. A trigger or a rule on order_item does not write the column\.$/m,
    ],
    [
      'that the trigger fails',
      `CREATE OR REPLACE FUNCTION cancel_line() RETURNS trigger LANGUAGE plpgsql SECURITY INVOKER AS $$ BEGIN UPDATE line SET state = 'void'; RETURN NEW; END $$`,
      /A cancel of the item \S+ fails: permission denied for table line\.$/m,
    ],
    [
      'which statuses it does not know',
      `ALTER TABLE line DROP CONSTRAINT line_state_check; UPDATE line SET state = 'lost' WHERE line_id = '${SENT}'`,
      /^Items that have no value where one is required: 1\.$/m,
    ],
    ['that no index has the order of the lists', 'DROP INDEX line_newest', /^No index has the order of the lists\./m],
    [
      'that no item is cancelable',
      `ALTER TABLE line DISABLE TRIGGER USER; UPDATE line SET preordered = false`,
      /^No item is cancelable, so no cancel was tried\./m,
    ],
    [
      'which right is missing',
      'REVOKE UPDATE ON order_item FROM own_states',
      /lacks GRANT UPDATE \(status, cancelled_quantity, version, updated_at\) ON order_item/,
    ],
  ])('%s', async (_name, statement, sentence) => {
    await owner.query(statement);
    expect((await check()).output).toMatch(sentence);
  });
});

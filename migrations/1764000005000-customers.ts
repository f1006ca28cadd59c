import type { MigrationInterface, QueryRunner } from 'typeorm';
import { addCheck, buildIndex, changeInTransaction } from './schemaChanges.ts';

/** The mark of the first migration on the key of the table that it created. */
const OWNED = 'Made by the order-items service.';

/**
 * Lets an item name its customer, so that a token can be limited to the items of one. It rewrites no table, and each step can
 * run again, because the migration runs in no transaction. A table or view that was brought along stays as it is, with the
 * column or without it.
 */
export class Customers1764000005000 implements MigrationInterface {
  readonly name = 'Customers1764000005000';
  /** PostgreSQL builds an index beside writers only outside of a transaction. */
  readonly transaction = false;

  async up(queryRunner: QueryRunner): Promise<void> {
    await changeInTransaction(queryRunner, [
      'ALTER TABLE order_item_cancellation ADD COLUMN IF NOT EXISTS customer_id text',
    ]);
    // A key belongs to the caller and the customer together. Empty stands for callers who are not limited to one.
    await buildIndex(queryRunner, {
      table: 'order_item_cancellation',
      name: 'order_item_cancellation_key',
      columns: `cancelled_by, idempotency_key, coalesce(customer_id, '')`,
      where: 'idempotency_key IS NOT NULL',
    });
    await changeInTransaction(queryRunner, ['DROP INDEX IF EXISTS order_item_cancellation_idempotency']);
    if (!(await isOwnTable(queryRunner))) return;
    await changeInTransaction(queryRunner, ['ALTER TABLE order_item ADD COLUMN IF NOT EXISTS customer_id text']);
    await addCheck(queryRunner, {
      table: 'order_item',
      name: 'order_item_customer_id_check',
      condition: 'char_length(customer_id) <= 255',
    });
    // Items without a customer cost nothing here.
    await buildIndex(queryRunner, {
      table: 'order_item',
      name: 'order_item_customer',
      columns: 'customer_id, created_at, id',
      where: 'customer_id IS NOT NULL',
    });
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    const isOwn = await isOwnTable(queryRunner);
    const tables = ['order_item_cancellation', ...(isOwn ? ['order_item'] : [])];
    for (const table of tables) {
      const used = (await queryRunner.query(`SELECT FROM ${table} WHERE customer_id IS NOT NULL LIMIT 1`)) as unknown[];
      if (used.length > 0) {
        throw new Error(`${table} names customers, and without the column they would be lost. Keep this migration.`);
      }
    }
    await buildIndex(queryRunner, {
      table: 'order_item_cancellation',
      name: 'order_item_cancellation_idempotency',
      columns: 'cancelled_by, idempotency_key',
      where: 'idempotency_key IS NOT NULL',
    });
    // The index of the new column goes with it.
    for (const table of tables) {
      await changeInTransaction(queryRunner, [`ALTER TABLE ${table} DROP COLUMN IF EXISTS customer_id`]);
    }
  }
}

async function isOwnTable(queryRunner: QueryRunner): Promise<boolean> {
  const marks = (await queryRunner.query(
    `SELECT FROM pg_constraint WHERE conrelid = to_regclass('order_item') AND obj_description(oid, 'pg_constraint') = $1`,
    [OWNED],
  )) as unknown[];
  return marks.length > 0;
}

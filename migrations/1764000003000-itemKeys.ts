import type { MigrationInterface, QueryRunner } from 'typeorm';
import { buildIndex, changeInTransaction, replacePrimaryKey } from './schemaChanges.ts';

const TABLES = ['order_item_cancellation', 'order_item_event'] as const;

const POSITION_INDEX = 'order_item_event_position';

/**
 * Keys cancellations and events by item, so that both can be distributed with their items. Adds the position by which readers
 * of events go on. Each step can run again, because the migration runs in no transaction.
 */
export class ItemKeys1764000003000 implements MigrationInterface {
  readonly name = 'ItemKeys1764000003000';
  /** PostgreSQL builds an index beside writers only outside of a transaction. */
  readonly transaction = false;

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const table of TABLES) await replacePrimaryKey(queryRunner, table, ['order_item_id', 'id']);
    await changeInTransaction(queryRunner, ['ALTER TABLE order_item_event ADD COLUMN IF NOT EXISTS position bigint']);
    await buildIndex(queryRunner, { name: POSITION_INDEX, table: 'order_item_event', columns: 'position' });
    // A distributed table can have triggers for rows only. TRUNCATE has none, so it gets a trigger that can be dropped alone.
    await changeInTransaction(queryRunner, [
      'DROP TRIGGER order_item_cancellation_is_append_only ON order_item_cancellation',
      `CREATE TRIGGER order_item_cancellation_is_append_only
       BEFORE UPDATE OR DELETE ON order_item_cancellation
       FOR EACH ROW EXECUTE FUNCTION order_item_cancellation_is_append_only()`,
      `CREATE OR REPLACE TRIGGER order_item_cancellation_is_not_truncated
       BEFORE TRUNCATE ON order_item_cancellation
       FOR EACH STATEMENT EXECUTE FUNCTION order_item_cancellation_is_append_only()`,
    ]);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await changeInTransaction(queryRunner, [
      'DROP TRIGGER IF EXISTS order_item_cancellation_is_not_truncated ON order_item_cancellation',
      'DROP TRIGGER order_item_cancellation_is_append_only ON order_item_cancellation',
      `CREATE TRIGGER order_item_cancellation_is_append_only
       BEFORE UPDATE OR DELETE OR TRUNCATE ON order_item_cancellation
       FOR EACH STATEMENT EXECUTE FUNCTION order_item_cancellation_is_append_only()`,
    ]);
    // This drops the index, too.
    await changeInTransaction(queryRunner, ['ALTER TABLE order_item_event DROP COLUMN IF EXISTS position']);
    for (const table of TABLES) await replacePrimaryKey(queryRunner, table, ['id']);
  }
}

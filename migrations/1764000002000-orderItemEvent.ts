import type { MigrationInterface, QueryRunner } from 'typeorm';
import { limitLockWaits } from './schemaChanges.ts';

/** Creates `order_item_event`, a transactional outbox: events of items, written in the transaction of the change. */
export class OrderItemEvent1764000002000 implements MigrationInterface {
  readonly name = 'OrderItemEvent1764000002000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await limitLockWaits(queryRunner);
    await queryRunner.query(`
      CREATE TABLE order_item_event (
        id uuid NOT NULL,
        order_item_id uuid NOT NULL,
        type text NOT NULL,
        occurred_at timestamptz NOT NULL DEFAULT now(),
        payload jsonb NOT NULL,
        CONSTRAINT order_item_event_pkey PRIMARY KEY (id),
        CONSTRAINT order_item_event_type_check CHECK (type IN ('order_item.cancelled'))
      )`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await limitLockWaits(queryRunner);
    await queryRunner.query('DROP TABLE order_item_event');
  }
}

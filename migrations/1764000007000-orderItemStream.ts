import type { MigrationInterface, QueryRunner } from 'typeorm';
import { limitLockWaits } from './schemaChanges.ts';

/**
 * Creates `order_item_stream`: how far each stream of a broker has the events, and which instance publishes to it for now.
 */
export class OrderItemStream1764000007000 implements MigrationInterface {
  readonly name = 'OrderItemStream1764000007000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await limitLockWaits(queryRunner);
    await queryRunner.query(`
      CREATE TABLE order_item_stream (
        name text NOT NULL,
        position bigint,
        holder uuid,
        held_until timestamptz,
        CONSTRAINT order_item_stream_pkey PRIMARY KEY (name)
      )`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await limitLockWaits(queryRunner);
    await queryRunner.query('DROP TABLE order_item_stream');
  }
}

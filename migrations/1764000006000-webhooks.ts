import type { MigrationInterface, QueryRunner } from 'typeorm';
import { limitLockWaits } from './schemaChanges.ts';

/**
 * Creates the endpoints of webhooks and their deliveries. A delivery names its event by position. It has no foreign key to the
 * event, because a delivery must neither lock an event nor hold its deletion up.
 */
export class Webhooks1764000006000 implements MigrationInterface {
  readonly name = 'Webhooks1764000006000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await limitLockWaits(queryRunner);
    await queryRunner.query(`
      CREATE TABLE order_item_webhook (
        id uuid NOT NULL,
        url text NOT NULL,
        types text[],
        free_texts text[] NOT NULL DEFAULT '{}',
        secret text NOT NULL,
        previous_secret text,
        rotated_at timestamptz,
        status text NOT NULL DEFAULT 'enabled',
        disabled_because text,
        created_at timestamptz NOT NULL DEFAULT now(),
        position bigint NOT NULL,
        replay integer NOT NULL DEFAULT 0,
        replay_since timestamptz,
        replay_position bigint,
        replay_until bigint,
        CONSTRAINT order_item_webhook_pkey PRIMARY KEY (id),
        CONSTRAINT order_item_webhook_status_check CHECK (status IN ('enabled', 'disabled')),
        CONSTRAINT order_item_webhook_disabled_because_check CHECK (disabled_because IN ('operator', 'gone', 'behind'))
      )`);
    await queryRunner.query(`
      CREATE TABLE order_item_webhook_delivery (
        webhook_id uuid NOT NULL,
        replay integer NOT NULL,
        position bigint NOT NULL,
        event_id uuid NOT NULL,
        order_item_id uuid NOT NULL,
        state text NOT NULL DEFAULT 'waiting',
        attempts integer NOT NULL DEFAULT 0,
        next_attempt_at timestamptz,
        give_up_at timestamptz NOT NULL,
        lease uuid,
        last_attempt_at timestamptz,
        last_status integer,
        last_error text,
        last_duration_ms integer,
        CONSTRAINT order_item_webhook_delivery_pkey PRIMARY KEY (webhook_id, replay, position),
        CONSTRAINT order_item_webhook_delivery_webhook_id_fkey FOREIGN KEY (webhook_id)
          REFERENCES order_item_webhook (id) ON DELETE CASCADE,
        CONSTRAINT order_item_webhook_delivery_state_check CHECK (state IN ('waiting', 'taken', 'dead'))
      )`);
    await queryRunner.query(`
      CREATE INDEX order_item_webhook_delivery_due ON order_item_webhook_delivery (webhook_id, next_attempt_at)
      WHERE state = 'waiting'`);
    await queryRunner.query(`
      CREATE INDEX order_item_webhook_delivery_of_item
      ON order_item_webhook_delivery (webhook_id, replay, order_item_id, position) WHERE state = 'waiting'`);
    await queryRunner.query(`
      CREATE INDEX order_item_webhook_delivery_waiting ON order_item_webhook_delivery (webhook_id, replay, position)
      WHERE state = 'waiting'`);
    await queryRunner.query(`
      CREATE INDEX order_item_webhook_delivery_dead ON order_item_webhook_delivery (webhook_id) WHERE state = 'dead'`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await limitLockWaits(queryRunner);
    await queryRunner.query('DROP TABLE order_item_webhook_delivery');
    await queryRunner.query('DROP TABLE order_item_webhook');
  }
}

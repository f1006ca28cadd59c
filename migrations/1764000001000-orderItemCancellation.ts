import type { MigrationInterface, QueryRunner } from 'typeorm';
import { limitLockWaits } from './schemaChanges.ts';

/** Creates `order_item_cancellation`: one row per item that this service cancelled, written once. */
export class OrderItemCancellation1764000001000 implements MigrationInterface {
  readonly name = 'OrderItemCancellation1764000001000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await limitLockWaits(queryRunner);
    await queryRunner.query(`
      CREATE TABLE order_item_cancellation (
        id uuid NOT NULL,
        order_item_id uuid NOT NULL,
        previous_status text NOT NULL,
        reason text,
        note text,
        cancelled_at timestamptz NOT NULL DEFAULT now(),
        cancelled_by text NOT NULL,
        channel text NOT NULL,
        request_id text NOT NULL,
        idempotency_key text,
        request_fingerprint text,
        CONSTRAINT order_item_cancellation_pkey PRIMARY KEY (id),
        CONSTRAINT order_item_cancellation_order_item_id_key UNIQUE (order_item_id),
        CONSTRAINT order_item_cancellation_previous_status_check
          CHECK (previous_status IN ('pending', 'on_hold', 'in_fulfillment', 'complete', 'returned')),
        CONSTRAINT order_item_cancellation_reason_check CHECK (char_length(reason) BETWEEN 1 AND 500),
        CONSTRAINT order_item_cancellation_note_check CHECK (char_length(note) BETWEEN 1 AND 2000),
        CONSTRAINT order_item_cancellation_cancelled_by_check CHECK (cancelled_by <> ''),
        CONSTRAINT order_item_cancellation_channel_check CHECK (channel IN ('graphql', 'rest')),
        CONSTRAINT order_item_cancellation_request_id_check CHECK (request_id ~ '^[0-9a-f]{32}$'),
        CONSTRAINT order_item_cancellation_idempotency_key_check
          CHECK (char_length(idempotency_key) BETWEEN 1 AND 255),
        CONSTRAINT order_item_cancellation_request_fingerprint_check
          CHECK ((request_fingerprint IS NULL) = (idempotency_key IS NULL))
      )`);
    await queryRunner.query(`
      CREATE INDEX order_item_cancellation_idempotency ON order_item_cancellation (cancelled_by, idempotency_key)
      WHERE idempotency_key IS NOT NULL`);
    if (await orderItemHasIdAsPrimaryKey(queryRunner)) {
      await queryRunner.query(`
        ALTER TABLE order_item_cancellation ADD CONSTRAINT order_item_cancellation_order_item_id_fkey
        FOREIGN KEY (order_item_id) REFERENCES order_item (id)`);
    }
    await queryRunner.query(`
      CREATE FUNCTION order_item_cancellation_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        RAISE EXCEPTION 'order_item_cancellation is append-only'
          USING ERRCODE = 'restrict_violation', TABLE = 'order_item_cancellation';
      END $$`);
    await queryRunner.query(`
      CREATE TRIGGER order_item_cancellation_is_append_only
      BEFORE UPDATE OR DELETE OR TRUNCATE ON order_item_cancellation
      FOR EACH STATEMENT EXECUTE FUNCTION order_item_cancellation_is_append_only()`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await limitLockWaits(queryRunner);
    await queryRunner.query('DROP TABLE order_item_cancellation');
    await queryRunner.query('DROP FUNCTION order_item_cancellation_is_append_only()');
  }
}

/** Whether a foreign key can reference `order_item(id)`. It cannot if `order_item` is a view or has another primary key. */
async function orderItemHasIdAsPrimaryKey(queryRunner: QueryRunner): Promise<boolean> {
  const rows = (await queryRunner.query(`
    SELECT 1 FROM pg_constraint c
    JOIN pg_attribute a ON a.attrelid = c.conrelid AND c.conkey = ARRAY[a.attnum]
    WHERE c.conrelid = to_regclass('order_item') AND c.contype = 'p' AND a.attname = 'id'`)) as unknown[];
  return rows.length > 0;
}

import type { MigrationInterface, QueryRunner } from 'typeorm';
import { limitLockWaits } from './schemaChanges.ts';

/** A mark on the key of a table that this migration created, so that `down` never drops a table that was brought along. */
const OWNED = 'Made by the order-items service.';

const COLUMNS = `id::uuid, order_id::text, product_id::text, external_id::text, status::text, is_pre_order::boolean,
  release_date::date, quantity::int, price_amount::numeric(19,4), price_currency::char(3), version::int,
  created_at::timestamptz, updated_at::timestamptz`;

/** Creates `order_item`. If a table or view of that name exists, adds the checks and the trigger to it. */
export class OrderItem1764000000000 implements MigrationInterface {
  readonly name = 'OrderItem1764000000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await limitLockWaits(queryRunner);
    const kind = await kindOfOrderItem(queryRunner);
    if (kind === null) {
      await createTable(queryRunner);
    } else {
      // Fails with the name of the first column that is missing or has another type.
      await queryRunner.query(`SELECT ${COLUMNS} FROM order_item LIMIT 0`);
    }
    await queryRunner.query(`
      CREATE FUNCTION order_item_stays_cancelled() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        RAISE EXCEPTION 'order item % is cancelled and stays cancelled', OLD.id
          USING ERRCODE = 'check_violation', CONSTRAINT = 'order_item_stays_cancelled', TABLE = 'order_item';
      END $$`);
    if (kind !== 'view') {
      // An AFTER trigger, so that no other trigger can change the status later.
      await queryRunner.query(`
        CREATE TRIGGER order_item_stays_cancelled AFTER UPDATE ON order_item FOR EACH ROW
        WHEN (OLD.status = 'cancelled' AND NEW.status IS DISTINCT FROM 'cancelled')
        EXECUTE FUNCTION order_item_stays_cancelled()`);
    }
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await limitLockWaits(queryRunner);
    const marks = (await queryRunner.query(
      `SELECT 1 FROM pg_constraint WHERE conrelid = to_regclass('order_item') AND obj_description(oid, 'pg_constraint') = $1`,
      [OWNED],
    )) as unknown[];
    if (marks.length > 0) await queryRunner.query('DROP TABLE order_item');
    await queryRunner.query('DROP FUNCTION order_item_stays_cancelled() CASCADE');
  }
}

async function kindOfOrderItem(queryRunner: QueryRunner): Promise<'table' | 'view' | null> {
  const [row] = (await queryRunner.query(`SELECT relkind FROM pg_class WHERE oid = to_regclass('order_item')`)) as {
    relkind: string;
  }[];
  if (row === undefined) return null;
  return row.relkind === 'r' || row.relkind === 'p' ? 'table' : 'view';
}

async function createTable(queryRunner: QueryRunner): Promise<void> {
  await queryRunner.query(`
    CREATE TABLE order_item (
      id uuid NOT NULL,
      order_id text NOT NULL,
      product_id text NOT NULL,
      external_id text,
      status text NOT NULL DEFAULT 'pending',
      is_pre_order boolean NOT NULL DEFAULT false,
      release_date date,
      quantity integer NOT NULL DEFAULT 1,
      price_amount numeric(19,4) NOT NULL,
      price_currency char(3) NOT NULL,
      version integer NOT NULL DEFAULT 1,
      created_at timestamptz NOT NULL DEFAULT now(),
      updated_at timestamptz NOT NULL DEFAULT now(),
      CONSTRAINT order_item_pkey PRIMARY KEY (id),
      CONSTRAINT order_item_order_id_check CHECK (char_length(order_id) BETWEEN 1 AND 255),
      CONSTRAINT order_item_product_id_check CHECK (char_length(product_id) BETWEEN 1 AND 255),
      CONSTRAINT order_item_external_id_check CHECK (char_length(external_id) BETWEEN 1 AND 255),
      CONSTRAINT order_item_status_check
        CHECK (status IN ('pending', 'on_hold', 'in_fulfillment', 'complete', 'cancelled', 'returned')),
      CONSTRAINT order_item_release_date_check CHECK (release_date BETWEEN '0001-01-01' AND '9999-12-31'),
      CONSTRAINT order_item_quantity_check CHECK (quantity > 0),
      CONSTRAINT order_item_price_amount_check CHECK (price_amount >= 0 AND price_amount < 'NaN'),
      CONSTRAINT order_item_price_currency_check CHECK (price_currency ~ '^[A-Z]{3}$'),
      CONSTRAINT order_item_version_check CHECK (version >= 1),
      CONSTRAINT order_item_created_at_check
        CHECK (created_at >= '0001-01-01 00:00:00+00' AND created_at < '9999-12-31 00:00:00+00'),
      CONSTRAINT order_item_updated_at_check
        CHECK (updated_at >= '0001-01-01 00:00:00+00' AND updated_at < '9999-12-31 00:00:00+00')
    )`);
  await queryRunner.query(`COMMENT ON CONSTRAINT order_item_pkey ON order_item IS '${OWNED}'`);
  // Lists are newest first, so each index is read backward. The two partial indexes serve `filter.cancelable`. The planner
  // uses them only if their conditions equal those of src/order-items/eligibility.ts.
  await queryRunner.query('CREATE INDEX order_item_newest ON order_item (created_at, id)');
  await queryRunner.query('CREATE INDEX order_item_order ON order_item (order_id, created_at, id)');
  await queryRunner.query('CREATE INDEX order_item_status ON order_item (status, created_at, id)');
  await queryRunner.query('CREATE INDEX order_item_pre_order ON order_item (is_pre_order, created_at, id)');
  await queryRunner.query(`
    CREATE INDEX order_item_cancelable ON order_item (created_at, id)
    WHERE NOT (NOT is_pre_order OR status IN ('complete', 'cancelled', 'returned'))`);
  await queryRunner.query(`
    CREATE INDEX order_item_not_cancelable ON order_item (created_at, id)
    WHERE (NOT is_pre_order OR status IN ('complete', 'cancelled', 'returned'))`);
}

import type { MigrationInterface, QueryRunner } from 'typeorm';
import { addCheck, addUnique, buildIndex, changeInTransaction, replacePrimaryKey } from './schemaChanges.ts';

/** A mark on a column that this migration added to a table, so that `down` never drops one that was brought along. */
const OWNED = 'Made by the order-items service.';

const CHECKS = {
  order_item_cancellation_quantity_check: 'quantity > 0',
  order_item_cancellation_remaining_check: 'remaining >= 0',
  order_item_cancellation_reason_code_check: 'char_length(reason_code) BETWEEN 1 AND 64',
  order_item_cancellation_cancelled_before_check: 'cancelled_before >= 0',
} as const;

const ITEM_CHECKS = {
  order_item_units_cancelled_check: 'cancelled_quantity BETWEEN 0 AND quantity',
  order_item_units_left_check: "cancelled_quantity < quantity OR status = 'cancelled'",
} as const;

/**
 * Lets an item be cancelled in part. It rewrites no table, and each step can run again, because the migration runs in no
 * transaction. The release before goes on beside this one, and fails only for items that are cancelled in part.
 */
export class Quantities1764000004000 implements MigrationInterface {
  readonly name = 'Quantities1764000004000';
  /** PostgreSQL builds an index beside writers only outside of a transaction. */
  readonly transaction = false;

  async up(queryRunner: QueryRunner): Promise<void> {
    const relation = await findOrderItem(queryRunner);
    if (relation.canAlter) await addColumn(queryRunner);
    else await requireColumn(queryRunner, relation);
    if (relation.kind === 'table') await keepUnitsCancelled(queryRunner);
    await changeInTransaction(queryRunner, [
      `ALTER TABLE order_item_cancellation
         ADD COLUMN IF NOT EXISTS quantity integer,
         ADD COLUMN IF NOT EXISTS remaining integer NOT NULL DEFAULT 0,
         ADD COLUMN IF NOT EXISTS reason_code text,
         ADD COLUMN IF NOT EXISTS cancelled_before integer NOT NULL DEFAULT 0`,
    ]);
    for (const [name, condition] of Object.entries(CHECKS)) {
      await addCheck(queryRunner, { table: 'order_item_cancellation', name, condition });
    }
    // Two writers that start from the same state of an item take the same key, whatever amounts they cancel.
    await replacePrimaryKey(queryRunner, 'order_item_cancellation', ['order_item_id', 'cancelled_before']);
    await changeInTransaction(queryRunner, [
      'ALTER TABLE order_item_cancellation DROP CONSTRAINT IF EXISTS order_item_cancellation_order_item_id_key',
    ]);
    await buildIndex(queryRunner, {
      table: 'order_item_cancellation',
      name: 'order_item_cancellation_newest',
      columns: 'cancelled_at, id',
    });
    await addCheck(queryRunner, {
      table: 'order_item_event',
      name: 'order_item_event_known_type_check',
      condition: "type IN ('order_item.cancelled', 'order_item.partially_cancelled')",
    });
    await changeInTransaction(queryRunner, [
      'ALTER TABLE order_item_event DROP CONSTRAINT IF EXISTS order_item_event_type_check',
    ]);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    const partial = (await queryRunner.query(
      'SELECT FROM order_item_cancellation WHERE cancelled_before > 0 OR remaining > 0 LIMIT 1',
    )) as unknown[];
    if (partial.length > 0) {
      throw new Error('Items were cancelled in part, which the release before cannot read. Keep this migration.');
    }
    await addCheck(queryRunner, {
      table: 'order_item_event',
      name: 'order_item_event_type_check',
      condition: "type IN ('order_item.cancelled')",
    });
    await changeInTransaction(queryRunner, [
      'ALTER TABLE order_item_event DROP CONSTRAINT IF EXISTS order_item_event_known_type_check',
    ]);
    await replacePrimaryKey(queryRunner, 'order_item_cancellation', ['order_item_id', 'id']);
    await changeInTransaction(queryRunner, ['DROP INDEX IF EXISTS order_item_cancellation_newest']);
    await addUnique(queryRunner, {
      table: 'order_item_cancellation',
      name: 'order_item_cancellation_order_item_id_key',
      columns: 'order_item_id',
    });
    await changeInTransaction(queryRunner, [
      `ALTER TABLE order_item_cancellation DROP COLUMN IF EXISTS quantity, DROP COLUMN IF EXISTS remaining,
         DROP COLUMN IF EXISTS reason_code, DROP COLUMN IF EXISTS cancelled_before`,
    ]);
    await changeInTransaction(queryRunner, ['DROP FUNCTION IF EXISTS order_item_units_stay_cancelled() CASCADE']);
    if ((await findOrderItem(queryRunner)).canAlter) await dropColumn(queryRunner);
  }
}

interface Relation {
  readonly kind: 'table' | 'view';
  /** Whether this role can change the table. Another role can own a table that was brought along. */
  readonly canAlter: boolean;
}

async function findOrderItem(queryRunner: QueryRunner): Promise<Relation> {
  const [relation] = (await queryRunner.query(`
    SELECT CASE WHEN relkind IN ('r', 'p') THEN 'table' ELSE 'view' END AS kind,
      relkind IN ('r', 'p') AND pg_has_role(relowner, 'USAGE') AS "canAlter"
    FROM pg_class WHERE oid = to_regclass('order_item')`)) as Relation[];
  if (relation === undefined) throw new Error('There is no table or view order_item.');
  return relation;
}

/** `tgtype`: bit 4 is UPDATE, bit 6 INSTEAD OF. `ev_type` 2 is UPDATE. */
async function requireColumn(queryRunner: QueryRunner, { kind }: Relation): Promise<void> {
  const [column] = (await queryRunner.query(`
    SELECT pg_column_is_updatable(attrelid, attnum, false)
      OR EXISTS (SELECT FROM pg_trigger WHERE tgrelid = attrelid AND tgtype & 80 = 80)
      OR EXISTS (SELECT FROM pg_rewrite WHERE ev_class = attrelid AND ev_type = '2' AND is_instead) AS "isUpdatable"
    FROM pg_attribute
    WHERE attrelid = to_regclass('order_item') AND attname = 'cancelled_quantity' AND NOT attisdropped`)) as {
    isUpdatable: boolean;
  }[];
  if (column?.isUpdatable === true) return;
  const defect =
    column === undefined ? 'has no column cancelled_quantity' : 'does not let cancelled_quantity be updated';
  const remedy =
    kind === 'table'
      ? 'Let its owner add it'
      : 'Let the table of the view have it, show it in the view, let it be updated';
  throw new Error(
    `The ${kind} order_item ${defect}. The column counts the cancelled units of an item: integer NOT NULL DEFAULT 0. ` +
      `${remedy}, and migrate again.`,
  );
}

async function addColumn(queryRunner: QueryRunner): Promise<void> {
  const found = (await queryRunner.query(`
    SELECT FROM pg_attribute
    WHERE attrelid = 'order_item'::regclass AND attname = 'cancelled_quantity' AND NOT attisdropped`)) as unknown[];
  if (found.length === 0) {
    await changeInTransaction(queryRunner, [
      'ALTER TABLE order_item ADD COLUMN cancelled_quantity integer NOT NULL DEFAULT 0',
      `COMMENT ON COLUMN order_item.cancelled_quantity IS '${OWNED}'`,
    ]);
  }
  for (const [name, condition] of Object.entries(ITEM_CHECKS)) {
    await addCheck(queryRunner, { table: 'order_item', name, condition });
  }
}

async function keepUnitsCancelled(queryRunner: QueryRunner): Promise<void> {
  // An AFTER trigger, so that no other trigger can change the number later.
  await changeInTransaction(queryRunner, [
    // Citus takes a trigger on distributed tables only with this setting. The trigger is safe there, because it reads only the
    // row that changes. Without Citus, nothing reads the setting.
    'SET LOCAL citus.enable_unsafe_triggers = on',
    `CREATE OR REPLACE FUNCTION order_item_units_stay_cancelled() RETURNS trigger LANGUAGE plpgsql AS $$
     BEGIN
       RAISE EXCEPTION 'cancelled units of order item % stay cancelled', OLD.id
         USING ERRCODE = 'check_violation', CONSTRAINT = 'order_item_units_stay_cancelled', TABLE = 'order_item';
     END $$`,
    `CREATE OR REPLACE TRIGGER order_item_units_stay_cancelled AFTER UPDATE ON order_item FOR EACH ROW
     WHEN (NEW.cancelled_quantity < OLD.cancelled_quantity)
     EXECUTE FUNCTION order_item_units_stay_cancelled()`,
  ]);
}

async function dropColumn(queryRunner: QueryRunner): Promise<void> {
  const [owned] = (await queryRunner.query(
    `SELECT col_description(attrelid, attnum) = $1 AS "isOwned" FROM pg_attribute
     WHERE attrelid = 'order_item'::regclass AND attname = 'cancelled_quantity' AND NOT attisdropped`,
    [OWNED],
  )) as { isOwned: boolean | null }[];
  await changeInTransaction(queryRunner, [
    ...Object.keys(ITEM_CHECKS).map((name) => `ALTER TABLE order_item DROP CONSTRAINT IF EXISTS ${name}`),
    ...(owned?.isOwned === true ? ['ALTER TABLE order_item DROP COLUMN cancelled_quantity'] : []),
  ]);
}

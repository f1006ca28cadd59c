import type { DataSource, EntitySchema } from 'typeorm';
import { isDatabaseUnavailable, isReadOnly } from '../database/errors.ts';
import { OperatorError } from '../work/operatorError.ts';
import { type OrderItemDatabase, tryCancel } from './cancelTransaction.ts';
import type { UnitsRule } from './eligibility.ts';
import { orderItemCancellationEntity, orderItemEntity, orderItemEventEntity } from './orderItemTables.ts';

/** A column that the service uses, and what it does with it. */
interface Need {
  readonly table: string;
  readonly privilege: 'SELECT' | 'INSERT' | 'UPDATE' | 'DELETE';
  /** A right to delete has no columns, so any column stands for it. */
  readonly columns: readonly string[];
}

const CUSTOMER_COLUMN = 'customer_id';

/** docs/operations.md grants the same rights. */
const NEEDS: readonly Need[] = [
  needAllColumns(orderItemEntity, 'SELECT'),
  { table: 'order_item', privilege: 'UPDATE', columns: ['status', 'cancelled_quantity', 'version', 'updated_at'] },
  needAllColumns(orderItemCancellationEntity, 'SELECT'),
  needAllColumns(orderItemCancellationEntity, 'INSERT'),
  {
    table: 'order_item_event',
    privilege: 'INSERT',
    columns: ['id', 'order_item_id', 'type', 'occurred_at', 'payload'],
  },
];

/** What numbering, reading, sending, publishing and deleting events needs. */
const NEEDS_OF_EVENTS: readonly Need[] = [
  needAllColumns(orderItemEventEntity, 'SELECT'),
  { table: 'order_item_event', privilege: 'UPDATE', columns: ['position'] },
  { table: 'order_item_event', privilege: 'DELETE', columns: ['id'] },
  { table: 'order_item_stream', privilege: 'SELECT', columns: ['name', 'position', 'holder', 'held_until'] },
  { table: 'order_item_stream', privilege: 'INSERT', columns: ['name'] },
  { table: 'order_item_stream', privilege: 'UPDATE', columns: ['position', 'holder', 'held_until'] },
  // A privilege for the whole table covers each of its columns.
  ...(['SELECT', 'INSERT', 'UPDATE'] as const).flatMap((privilege) => [
    { table: 'order_item_webhook', privilege, columns: ['id', 'position'] },
    { table: 'order_item_webhook_delivery', privilege, columns: ['webhook_id', 'position'] },
  ]),
  { table: 'order_item_webhook_delivery', privilege: 'DELETE', columns: ['webhook_id'] },
];

function needAllColumns({ options }: EntitySchema, privilege: Need['privilege']): Need {
  const columns = Object.entries(options.columns).map(([member, column]) => column?.name ?? member);
  return { table: options.tableName ?? '', privilege, columns };
}

/** The types of columns that have no substitute. A number that is not decimal, for example, would not be exact. */
const FIXED_TYPES = {
  uuid: 'uuid',
  boolean: 'boolean',
  date: 'date',
  numeric: 'numeric',
  timestamptz: 'timestamp with time zone',
};

const TYPED_COLUMNS = Object.entries(orderItemEntity.options.columns).flatMap(([member, column]) =>
  isFixedType(column.type) ? [{ name: column.name ?? member, type: FIXED_TYPES[column.type] }] : [],
);

function isFixedType(type: unknown): type is keyof typeof FIXED_TYPES {
  return typeof type === 'string' && Object.hasOwn(FIXED_TYPES, type);
}

/** Finds columns of `order_item` that have another type. */
const OTHER_TYPES = `
  SELECT name, typed.type AS needed, format_type(atttypid, NULL) AS found
  FROM jsonb_to_recordset($1::jsonb) AS typed(name text, type text)
    JOIN pg_attribute ON attrelid = to_regclass('order_item') AND attname = name AND NOT attisdropped
  WHERE atttypid <> typed.type::regtype`;

/** What the database says about the columns of one need. */
interface Finding {
  readonly table: string;
  readonly privilege: string;
  readonly isThere: boolean;
  readonly role: string;
  /** The number of columns. */
  readonly needed: number;
  /** Null instead of an empty list, as in the next two. */
  readonly missing: string[] | null;
  readonly refused: string[] | null;
  /** Columns of a view that cannot be written through it. */
  readonly fixed: string[] | null;
}

/**
 * A trigger INSTEAD OF UPDATE or an unconditional rule writes every column. Otherwise PostgreSQL decides for each column of
 * a view whether it is updatable. `tgtype`: bit 4 is UPDATE, bit 6 INSTEAD OF. `ev_type` 2 is UPDATE.
 */
const FINDINGS = `
  SELECT need."table", need.privilege, relation.oid IS NOT NULL AS "isThere", current_user AS role,
    count(*)::int AS needed,
    array_agg(name ORDER BY place) FILTER (WHERE attnum IS NULL) AS missing,
    array_agg(name ORDER BY place) FILTER (
      WHERE NOT CASE need.privilege WHEN 'DELETE' THEN has_table_privilege(relation.oid, 'DELETE')
        ELSE has_column_privilege(relation.oid, attnum, need.privilege) END
    ) AS refused,
    array_agg(name ORDER BY place) FILTER (
      WHERE need.privilege = 'UPDATE' AND relkind = 'v' AND NOT pg_column_is_updatable(relation.oid, attnum, false)
        AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = relation.oid AND tgtype & 80 = 80)
        AND NOT EXISTS (SELECT FROM pg_rewrite
          WHERE ev_class = relation.oid AND ev_type = '2' AND is_instead AND ev_qual = '<>')
    ) AS fixed
  FROM jsonb_to_recordset($1::jsonb) AS need(number int, "table" text, privilege text, columns text[])
    CROSS JOIN unnest(columns) WITH ORDINALITY AS named(name, place)
    LEFT JOIN pg_class AS relation ON relation.oid = to_regclass(need."table")
    LEFT JOIN pg_attribute ON attrelid = relation.oid AND attname = name AND attnum > 0 AND NOT attisdropped
  GROUP BY number, need."table", need.privilege, relation.oid ORDER BY number`;

/**
 * Requires everything that the service uses of its tables: columns, types, privileges, and a view that takes updates.
 *
 * @throws OperatorError that names all that is missing, or a database error.
 */
export async function requireUsableTables(database: OrderItemDatabase): Promise<void> {
  const { dataSource, distributed } = database;
  const hasOwners = await hasCustomers(dataSource);
  const isUsed = (table: string, column: string): boolean =>
    hasOwners || table !== 'order_item' || column !== CUSTOMER_COLUMN;
  const needs = [...NEEDS, ...(distributed ? [] : NEEDS_OF_EVENTS)].map(({ table, columns, privilege }, number) => ({
    number,
    table,
    privilege,
    columns: columns.filter((column) => isUsed(table, column)),
  }));
  const findings = await dataSource.query<Finding[]>(FINDINGS, [JSON.stringify(needs)]);
  const others = await dataSource.query<{ name: string; needed: string; found: string }[]>(OTHER_TYPES, [
    JSON.stringify(TYPED_COLUMNS),
  ]);
  const defects = new Set([
    ...findings.flatMap(describeDefects),
    ...others.map(({ name, needed, found }) => `order_item.${name} has the type ${found} instead of ${needed}`),
  ]);
  if (defects.size > 0) throw new OperatorError(`The service cannot cancel here: ${[...defects].join('; ')}.`);
  try {
    await tryCancel(database);
  } catch (error) {
    // A server that accepts no writes for now can still answer reads.
    if (isReadOnly(error)) return;
    if (isDatabaseUnavailable(error)) throw error;
    const reason = Error.isError(error) ? error.message : String(error);
    throw new OperatorError(`The service cannot cancel here: ${reason}.`, { cause: error });
  }
}

/** Finds out whether items have customers. A table or view brought along can lack their column. */
export async function hasCustomers(dataSource: DataSource): Promise<boolean> {
  const columns = await dataSource.query<unknown[]>(
    `SELECT FROM pg_attribute
     WHERE attrelid = to_regclass('order_item') AND attname = '${CUSTOMER_COLUMN}' AND NOT attisdropped`,
  );
  return columns.length > 0;
}

/** Finds out whether the table has the check on which the shorter form of the policy relies. */
export async function findUnitsRule(dataSource: DataSource): Promise<UnitsRule> {
  const checks = await dataSource.query<unknown[]>(
    `SELECT FROM pg_constraint
     WHERE conrelid = to_regclass('order_item') AND conname = 'order_item_units_left_check' AND convalidated`,
  );
  return checks.length > 0 ? 'checked by the table' : 'compared';
}

function describeDefects({ table, privilege, isThere, role, needed, missing, refused, fixed }: Finding): string[] {
  if (!isThere) return [`there is no table ${table}`];
  return [
    ...describeColumns(missing, (columns) => `${table} has no column ${columns}`),
    ...describeColumns(refused, (columns) => {
      const granted = refused?.length === needed && privilege !== 'UPDATE' ? privilege : `${privilege} (${columns})`;
      return `the role ${role} lacks GRANT ${granted} ON ${table}`;
    }),
    ...describeColumns(
      fixed,
      (columns) =>
        `the view ${table} does not let ${columns} be updated, so write a trigger INSTEAD OF UPDATE ON ${table}`,
    ),
  ];
}

function describeColumns(columns: readonly string[] | null, describe: (list: string) => string): string[] {
  return columns === null || columns.length === 0 ? [] : [describe(columns.join(', '))];
}

import { COLUMN_NAMES, COLUMNS, type ColumnName, type FileRow, OPTIONAL_COLUMN } from './orderItemTable.ts';

const NULLABLE = COLUMN_NAMES.filter((name) => COLUMNS[name].nullable === true);

/**
 * The staging table. A column that a row lacks is null. For nullable columns, a flag tells whether the row has a value.
 *
 * @param customerType the type that `customer_id` has in `order_item`. Null if there is no such column.
 */
export function createStagedSql(customerType: string | null): string {
  const typeOf = (name: ColumnName): string =>
    (name === OPTIONAL_COLUMN ? customerType : null) ?? COLUMNS[name].sqlType;
  return `
  CREATE TEMPORARY TABLE staged (
    line bigint NOT NULL,
    ${COLUMN_NAMES.map((name) => `${name} ${typeOf(name)}`).join(', ')},
    ${NULLABLE.map((name) => `${name}_given boolean`).join(', ')}
  )`;
}

export const COPY_STAGED = 'COPY staged FROM STDIN';

/** Ids on several lines, each with its first line, which counts. */
const REPEATED_IDS = '(SELECT id, min(line) AS line FROM staged GROUP BY id HAVING count(*) > 1) AS first';
const IS_REPEATED = 'staged.id = first.id AND staged.line > first.line';

export const SELECT_REPEATED = `
  SELECT staged.line::float8 AS line, first.line::float8 AS "firstLine"
  FROM staged JOIN ${REPEATED_IDS} ON ${IS_REPEATED} ORDER BY staged.line`;

export const DELETE_REPEATED = `DELETE FROM staged USING ${REPEATED_IDS} WHERE ${IS_REPEATED}`;

/**
 * Numbers the staged rows from 1 in the order of the table's indexes, because the order of random ids takes three times as
 * long to write.
 */
export const NUMBER_STAGED = [
  'ALTER TABLE staged RENAME TO unnumbered',
  'CREATE TEMPORARY TABLE staged AS SELECT row_number() OVER (ORDER BY created_at, id)::int AS place, * FROM unnumbered',
  'DROP TABLE unnumbered',
  'CREATE UNIQUE INDEX ON staged (place)',
  'CREATE UNIQUE INDEX ON staged (id)',
  'ANALYZE staged',
] as const;

/** Finds the first row with a customer, and whether any row has the column. */
export const SELECT_CUSTOMERS = `
  SELECT min(line) FILTER (WHERE ${OPTIONAL_COLUMN} IS NOT NULL)::float8 AS "firstLine",
    coalesce(bool_or(${OPTIONAL_COLUMN}_given), false) AS "isGiven"
  FROM staged`;

/**
 * Returns the columns that an import writes. A table brought along has its own rules for customers, so a file without them
 * leaves them alone.
 */
export function listWritten(withCustomers: boolean): readonly ColumnName[] {
  return COLUMN_NAMES.filter((name) => name !== 'id' && (withCustomers || name !== OPTIONAL_COLUMN));
}

/** Whether the file has no more units of an item than are cancelled. Such an item keeps its quantity. */
function hasTooFewUnits(item: string): string {
  return `(${item}.cancelled_quantity > 0 AND staged.quantity <= ${item}.cancelled_quantity AND staged.quantity <> ${item}.quantity)`;
}

/** Whether the item is cancelled and the file has another status, or too few units. What is cancelled stays cancelled. */
const IS_KEPT = `(existing.status = 'cancelled' AND staged.status <> 'cancelled' OR ${hasTooFewUnits('existing')})`;

/** Returns SQL for the column's value after the import. A column that the file lacks keeps its value. */
function valueAfterImport(name: ColumnName, item: string): string {
  if (name === 'status') {
    return `CASE WHEN ${item}.status = 'cancelled' THEN 'cancelled' ELSE COALESCE(staged.status, ${item}.status) END`;
  }
  if (name === 'quantity') {
    return `CASE WHEN ${hasTooFewUnits(item)} THEN ${item}.quantity ELSE COALESCE(staged.quantity, ${item}.quantity) END`;
  }
  if (COLUMNS[name].nullable === true) {
    return `CASE WHEN staged.${name}_given THEN staged.${name} ELSE ${item}.${name} END`;
  }
  return `COALESCE(staged.${name}, ${item}.${name})`;
}

/**
 * Returns SQL for the updated column. The time is that of the write, so it is not before a cancel that the import waited
 * for.
 */
function updated(name: ColumnName): string {
  // As a cancel does: after the greatest integer comes 1.
  if (name === 'version') return 'COALESCE(staged.version, item.version % 2147483647 + 1)';
  if (name === 'updated_at') return 'COALESCE(staged.updated_at, clock_timestamp())';
  return valueAfterImport(name, 'item');
}

function inserted(name: ColumnName): string {
  const { defaultSql } = COLUMNS[name];
  return defaultSql === null ? `staged.${name}` : `COALESCE(staged.${name}, ${defaultSql})`;
}

function differs(item: string, written: readonly ColumnName[]): string {
  const file = written.map((name) => valueAfterImport(name, item)).join(', ');
  return `(${file}) IS DISTINCT FROM (${written.map((name) => `${item}.${name}`).join(', ')})`;
}

/** A range of staged rows, by their numbers. Both ends belong to it. */
export interface Chunk {
  readonly from: number;
  readonly to: number;
}

/**
 * Merges a chunk. The statement locks the items that differ in id order, as a cancel does, which prevents deadlocks. Items that
 * do not differ are neither locked nor written. It writes in the order of the table's indexes.
 *
 * The comparison can see a row as it was before another transaction changed it, so missing columns and the cancelled status
 * come from the row as it is written.
 *
 * @param written see {@link listWritten}.
 */
export function mergeSql({ from, to }: Chunk, written: readonly ColumnName[]): string {
  const list = written.join(', ');
  return `
    WITH compared AS MATERIALIZED (
      SELECT staged.id, staged.status, COALESCE(staged.created_at, existing.created_at) AS created_at,
        existing.id IS NULL AS is_new, existing.id IS NOT NULL AND ${differs('existing', written)} AS differs, ${IS_KEPT} AS is_kept
      FROM staged LEFT JOIN order_item AS existing ON existing.id = staged.id
      WHERE staged.place BETWEEN ${from} AND ${to}
    ), locked AS MATERIALIZED (
      SELECT FROM order_item WHERE id IN (SELECT id FROM compared WHERE differs) ORDER BY id FOR NO KEY UPDATE
    ), written AS (
      INSERT INTO order_item AS item (id, ${list})
      SELECT staged.id, ${written.map(inserted).join(', ')}
      FROM compared JOIN staged ON staged.id = compared.id
      WHERE (compared.is_new OR compared.differs) AND (SELECT count(*) FROM locked) >= 0
      ORDER BY compared.created_at, compared.id
      ON CONFLICT (id) DO UPDATE
      SET (${list}) = (SELECT ${written.map(updated).join(', ')} FROM staged WHERE staged.id = item.id)
      RETURNING id, status
    )
    SELECT count(*) FILTER (WHERE is_new)::float8 AS inserted, count(*) FILTER (WHERE differs)::float8 AS updated,
      count(*) FILTER (WHERE is_kept OR written.status = 'cancelled' AND compared.status <> 'cancelled')::float8
        AS "keptCancelled"
    FROM compared LEFT JOIN written ON written.id = compared.id`;
}

/** Counts what an import would do. Takes no lock on an item. */
export function compareSql(written: readonly ColumnName[]): string {
  return `
  SELECT count(*) FILTER (WHERE existing.id IS NULL)::float8 AS inserted,
    count(*) FILTER (WHERE existing.id IS NOT NULL AND ${differs('existing', written)})::float8 AS updated,
    count(*) FILTER (WHERE ${IS_KEPT})::float8 AS "keptCancelled"
  FROM staged LEFT JOIN order_item AS existing ON existing.id = staged.id`;
}

const SPECIAL = /[\\\t\n\r]/;
const SPECIAL_EACH = /[\\\t\n\r]/g;
const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

/** Returns a row in the format of COPY, with the columns in the order of the staging table. */
export function toCopyLine({ line, values }: FileRow): string {
  let text = String(line);
  for (const name of COLUMN_NAMES) text += `\t${escape(values[name])}`;
  for (const name of NULLABLE) text += values[name] === undefined ? '\tf' : '\tt';
  return `${text}\n`;
}

function escape(value: string | null | undefined): string {
  if (value === undefined || value === null) return '\\N';
  return SPECIAL.test(value) ? value.replaceAll(SPECIAL_EACH, (character) => ESCAPES[character] ?? character) : value;
}

import { COLUMN_NAMES, COLUMNS, type ColumnName, type FileRow } from './orderItemTable.ts';

const NULLABLE = COLUMN_NAMES.filter((name) => COLUMNS[name].nullable === true);

/** The staging table. A column that a row lacks is null. For nullable columns, a flag tells whether the row has a value. */
export const CREATE_STAGED = `
  CREATE TEMPORARY TABLE staged (
    line bigint NOT NULL,
    ${COLUMN_NAMES.map((name) => `${name} ${COLUMNS[name].sqlType}`).join(', ')},
    ${NULLABLE.map((name) => `${name}_given boolean`).join(', ')}
  ) ON COMMIT DROP`;

export const COPY_STAGED = 'COPY staged FROM STDIN';

/** Ids on several lines, each with its first line, which counts. */
const REPEATED_IDS = '(SELECT id, min(line) AS line FROM staged GROUP BY id HAVING count(*) > 1) AS first';
const IS_REPEATED = 'staged.id = first.id AND staged.line > first.line';

export const SELECT_REPEATED = `
  SELECT staged.line::float8 AS line, first.line::float8 AS "firstLine"
  FROM staged JOIN ${REPEATED_IDS} ON ${IS_REPEATED} ORDER BY staged.line`;

export const DELETE_REPEATED = `DELETE FROM staged USING ${REPEATED_IDS} WHERE ${IS_REPEATED}`;

export const INDEX_STAGED = ['CREATE UNIQUE INDEX ON staged (id)', 'ANALYZE staged'] as const;

const WRITTEN = COLUMN_NAMES.filter((name) => name !== 'id');
const WRITTEN_LIST = WRITTEN.join(', ');

/** Returns SQL for the column's value after the import. A column that the file lacks keeps its value. */
function valueAfterImport(name: ColumnName, item: string): string {
  if (name === 'status') {
    return `CASE WHEN ${item}.status = 'cancelled' THEN 'cancelled' ELSE COALESCE(staged.status, ${item}.status) END`;
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

function differs(item: string): string {
  const file = WRITTEN.map((name) => valueAfterImport(name, item)).join(', ');
  return `(${file}) IS DISTINCT FROM (${WRITTEN.map((name) => `${item}.${name}`).join(', ')})`;
}

/**
 * Locks the items that differ in id order, as a cancel does, which prevents deadlocks. Items that do not differ are neither
 * locked nor written.
 */
export const LOCK_DIFFERING = `
  SELECT count(*) FROM (
    SELECT FROM order_item AS item JOIN staged ON staged.id = item.id WHERE ${differs('item')}
    ORDER BY item.id FOR NO KEY UPDATE OF item
  ) AS locked`;

/**
 * The upsert. It writes in the order of the table's indexes, because the order of random ids takes three times as long.
 * Missing columns and the cancelled status come from the written row, because the row that the join read can have changed
 * since.
 *
 * The statement returns `inserted` and `updated`. Its outer join sees the table as it was before.
 */
export const UPSERT_STAGED = `
  WITH written AS (
    INSERT INTO order_item AS item (id, ${WRITTEN_LIST})
    SELECT staged.id, ${WRITTEN.map(inserted).join(', ')}
    FROM staged LEFT JOIN order_item AS existing ON existing.id = staged.id
    WHERE existing.id IS NULL OR ${differs('existing')}
    ORDER BY COALESCE(staged.created_at, existing.created_at), staged.id
    ON CONFLICT (id) DO UPDATE
    SET (${WRITTEN_LIST}) = (SELECT ${WRITTEN.map(updated).join(', ')} FROM staged WHERE staged.id = item.id)
    RETURNING id
  )
  SELECT count(*) FILTER (WHERE existing.id IS NULL)::float8 AS inserted, count(existing.id)::float8 AS updated
  FROM written LEFT JOIN order_item AS existing ON existing.id = written.id`;

/** Counts items that stay cancelled although the file has another status. */
export const COUNT_KEPT_CANCELLED = `
  SELECT count(*)::float8 AS "keptCancelled" FROM staged JOIN order_item ON order_item.id = staged.id
  WHERE staged.status <> 'cancelled' AND order_item.status = 'cancelled'`;

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

import type { QueryRunner } from 'typeorm';

/*
 * The ways to change a table that others write to. PostgreSQL queues every later statement behind a change that waits for its
 * lock, so a migration waits for a short time only, and migrateUp runs it again. Building an index takes no such lock.
 */

/** How long a migration waits for a lock, and so how long it can hold up a cancel. */
const LOCK_WAIT_MS = 500;

/** An index to build, on columns or expressions as SQL. */
export interface NewIndex {
  readonly name: string;
  readonly table: string;
  readonly columns: string;
  readonly isUnique?: boolean;
  /** The rows that the index holds, as SQL. Without it, it holds all. */
  readonly where?: string;
}

/**
 * Limits how long the statements of the open transaction wait for locks. Each migration that runs in a transaction calls this
 * first. A statement that exceeds the limit fails with a lock timeout.
 */
export async function limitLockWaits(queryRunner: QueryRunner): Promise<void> {
  await queryRunner.query(`SET LOCAL lock_timeout = ${LOCK_WAIT_MS}`);
}

/** Runs statements in a transaction of their own, for a migration that runs in none. It holds its locks for a moment. */
export async function changeInTransaction(queryRunner: QueryRunner, statements: readonly string[]): Promise<void> {
  await queryRunner.startTransaction('READ COMMITTED');
  try {
    await limitLockWaits(queryRunner);
    for (const statement of statements) await queryRunner.query(statement);
    await queryRunner.commitTransaction();
  } catch (error) {
    await queryRunner.rollbackTransaction();
    throw error;
  }
}

/**
 * Builds an index while others write to the table, unless it exists. It replaces an index that an interrupted migration left
 * half-built. PostgreSQL does not allow this in a transaction.
 *
 * @see https://www.postgresql.org/docs/18/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY
 */
export async function buildIndex(
  queryRunner: QueryRunner,
  { name, table, columns, isUnique, where }: NewIndex,
): Promise<void> {
  const [found] = (await queryRunner.query(
    'SELECT indisvalid AS "isValid" FROM pg_index WHERE indexrelid = to_regclass($1)',
    [name],
  )) as { isValid: boolean }[];
  if (found?.isValid === true) return;
  if (found !== undefined) await queryRunner.query(`DROP INDEX CONCURRENTLY ${name}`);
  const create = isUnique === true ? 'CREATE UNIQUE INDEX' : 'CREATE INDEX';
  const rows = where === undefined ? '' : ` WHERE ${where}`;
  await queryRunner.query(`${create} CONCURRENTLY ${name} ON ${table} (${columns})${rows}`);
}

/** A rule for the rows of a table. */
export interface NewCheck {
  readonly name: string;
  readonly table: string;
  /** As SQL. */
  readonly condition: string;
}

/** Adds a check while others write to the table, unless it exists. The rows that are there are checked without a long lock. */
export async function addCheck(queryRunner: QueryRunner, { name, table, condition }: NewCheck): Promise<void> {
  const [found] = (await queryRunner.query(
    'SELECT convalidated AS "isValidated" FROM pg_constraint WHERE conrelid = $1::regclass AND conname = $2',
    [table, name],
  )) as { isValidated: boolean }[];
  if (found?.isValidated === true) return;
  if (found === undefined) {
    await changeInTransaction(queryRunner, [
      `ALTER TABLE ${table} ADD CONSTRAINT ${name} CHECK (${condition}) NOT VALID`,
    ]);
  }
  await changeInTransaction(queryRunner, [`ALTER TABLE ${table} VALIDATE CONSTRAINT ${name}`]);
}

/** Makes columns unique while others write to the table, unless the constraint exists. */
export async function addUnique(queryRunner: QueryRunner, index: Omit<NewIndex, 'isUnique'>): Promise<void> {
  const { name, table } = index;
  const found = (await queryRunner.query('SELECT FROM pg_constraint WHERE conrelid = $1::regclass AND conname = $2', [
    table,
    name,
  ])) as unknown[];
  if (found.length > 0) return;
  await buildIndex(queryRunner, { ...index, isUnique: true });
  await changeInTransaction(queryRunner, [`ALTER TABLE ${table} ADD CONSTRAINT ${name} UNIQUE USING INDEX ${name}`]);
}

/** Gives a table another primary key while others write to it. The constraint keeps its name, `<table>_pkey`. */
export async function replacePrimaryKey(
  queryRunner: QueryRunner,
  table: string,
  columns: readonly string[],
): Promise<void> {
  const [key] = (await queryRunner.query(
    `SELECT array_agg(attname::text ORDER BY place) AS columns
     FROM pg_constraint, unnest(conkey) WITH ORDINALITY AS key(attnum, place) JOIN pg_attribute USING (attnum)
     WHERE conrelid = $1::regclass AND attrelid = conrelid AND contype = 'p'`,
    [table],
  )) as { columns: string[] | null }[];
  if (key?.columns?.join() === columns.join()) return;
  const name = `${table}_new_pkey`;
  await buildIndex(queryRunner, { name, table, columns: columns.join(', '), isUnique: true });
  // Citus takes only one change of a constraint per statement. In one transaction, no other writer sees the table without a
  // key.
  await changeInTransaction(queryRunner, [
    `ALTER TABLE ${table} DROP CONSTRAINT ${table}_pkey`,
    `ALTER TABLE ${table} ADD CONSTRAINT ${table}_pkey PRIMARY KEY USING INDEX ${name}`,
  ]);
}

import pg from 'pg';
import { writableUrl } from '../database/servers.ts';
import {
  CHUNK_PLANS,
  type MergeCounts,
  type Merged,
  mergeAll,
  mergeInChunks,
  NOTHING_MERGED,
  readCounts,
} from './mergeStaged.ts';
import { type ColumnName, type FileRow, OPTIONAL_COLUMN } from './orderItemTable.ts';
import type { Defective } from './readLines.ts';
import { compareSql, listWritten, NUMBER_STAGED, SELECT_CUSTOMERS } from './stagedOrderItems.ts';
import { stageRows } from './stageRows.ts';
import type { ValueFormats } from './valueFormats.ts';

/** The results of an import, in rows. */
export interface ImportCounts {
  readonly inserted: number;
  readonly updated: number;
  /** Rows that equal the stored items. The import does not touch those. */
  readonly unchanged: number;
  readonly rejected: number;
  /** Updated or unchanged items that stay cancelled although the file has another status. */
  readonly keptCancelled: number;
}

export interface ImportOptions {
  /** How the values of the rows are written. */
  readonly formats?: ValueFormats;
  /**
   * `chunks` commits a few rows at a time, so that no cancel waits for long. `atomic` is one transaction, which can hold up
   * cancels of the changed items until it ends. `dry run` compares, and writes and locks nothing.
   */
  readonly mode?: 'chunks' | 'atomic' | 'dry run';
  /** Called for each rejected row, as soon as it is rejected. */
  readonly onRejected?: (rejected: Defective) => void;
  /** Called before the first row is written. */
  readonly onMerging?: () => void;
  /** Stops an import in chunks after the current chunk. */
  readonly signal?: AbortSignal;
}

/** An import in chunks that stopped after it had begun to write. The committed chunks stay. */
export class ImportStopped extends Error {
  /** The rows that it imported before it stopped. */
  readonly counts: ImportCounts;

  constructor(message: string, counts: ImportCounts, options: ErrorOptions) {
    super(message, options);
    this.name = 'ImportStopped';
    this.counts = counts;
  }
}

/** The advisory lock of imports, an arbitrary number. */
const IMPORT_LOCK = 4_001_776_402;

/** https://www.postgresql.org/docs/18/errcodes-appendix.html */
const UNDEFINED_TABLE = '42P01';

/** The limits that a role or a database can set for requests. `transaction_timeout` came with PostgreSQL 17. */
const LIMITS = ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout'];

/**
 * Imports rows into `order_item`. It inserts new items and updates existing ones. It skips a defective row and passes it to
 * `onRejected`.
 *
 * @throws ImportStopped if an import in chunks stopped after it had begun to write. Any other error means that nothing was
 *   written.
 */
export async function importOrderItems(
  databaseUrl: string,
  rows: AsyncIterable<FileRow | Defective> | Iterable<FileRow | Defective>,
  options: ImportOptions = {},
): Promise<ImportCounts> {
  const { mode = 'chunks', formats = {}, onMerging = () => undefined, signal } = options;
  const client = new pg.Client({
    connectionString: await writableUrl(databaseUrl),
    application_name: 'order-items-import',
  });
  // The running statement reports a lost connection.
  client.on('error', () => undefined);
  let rejected = 0;
  const reject = (defective: Defective): void => {
    rejected += 1;
    options.onRejected?.(defective);
  };
  let merged = NOTHING_MERGED;
  let total = 0;
  let isMerging = false;
  const count = ({ rows: merging, ...counts }: Merged): ImportCounts => ({
    ...counts,
    unchanged: merging - counts.inserted - counts.updated,
    rejected,
  });
  try {
    await client.connect();
    // A pooler can give each transaction another session, so only an atomic import works behind one.
    const isOneTransaction = mode !== 'chunks';
    if (isOneTransaction) await client.query('BEGIN ISOLATION LEVEL READ COMMITTED');
    await liftLimits(client, isOneTransaction);
    const customerType = await findCustomerType(client);
    total = await stageRows(client, rows, { formats, customerType, reject });
    const written = await findWritten(client, customerType);
    if (mode === 'dry run') {
      const compared = await client.query<MergeCounts>(compareSql(written));
      return count({ ...readCounts(compared.rows), rows: total });
    }
    for (const statement of NUMBER_STAGED) await client.query(statement);
    // Imports run one at a time, so that each counts correctly which rows it inserted.
    await client.query(`SELECT pg_advisory${isOneTransaction ? '_xact' : ''}_lock($1)`, [IMPORT_LOCK]);
    isMerging = true;
    onMerging();
    if (isOneTransaction) {
      merged = await mergeAll(client, { total, written });
      await client.query('DROP TABLE staged');
      await client.query('COMMIT');
    } else {
      await client.query(CHUNK_PLANS);
      const onMerged = (all: Merged): void => {
        merged = all;
      };
      await mergeInChunks(client, { total, written }, { onMerged, signal });
    }
    return count(merged);
  } catch (error) {
    if (!isMerging || mode !== 'chunks') throw describeRefusal(error) ?? error;
    const progress =
      merged.rows === 0
        ? 'Nothing was written.'
        : `${merged.rows} of ${total} rows are in, and running the import again is safe.`;
    const reason = describeRefusal(error) ?? error;
    const sentence = (Error.isError(reason) ? reason.message : String(reason)).replace(/\.?$/, '.');
    throw new ImportStopped(`The import stopped: ${sentence} ${progress}`, count(merged), { cause: error });
  } finally {
    // The end of the session rolls back an open transaction.
    await client.end();
  }
}

/** Finds the type of the column that a table or view brought along can lack. @returns null if it does. */
async function findCustomerType(client: pg.Client): Promise<string | null> {
  const { rows } = await client.query<{ type: string }>(
    `SELECT format_type(atttypid, atttypmod) AS type FROM pg_attribute
     WHERE attrelid = to_regclass('order_item') AND attname = $1 AND NOT attisdropped`,
    [OPTIONAL_COLUMN],
  );
  return rows[0]?.type ?? null;
}

/**
 * Finds the columns to write.
 *
 * @throws Error if the file has a value for a column that the table lacks.
 */
async function findWritten(client: pg.Client, customerType: string | null): Promise<readonly ColumnName[]> {
  const { rows } = await client.query<{ firstLine: number | null; isGiven: boolean }>(SELECT_CUSTOMERS);
  const { firstLine = null, isGiven = false } = rows[0] ?? {};
  if (customerType === null && firstLine !== null) {
    throw new Error(
      `Line ${firstLine} has a ${OPTIONAL_COLUMN}, but order_item has no such column. Nothing was written.`,
    );
  }
  return listWritten(customerType !== null && isGiven);
}

async function liftLimits(client: pg.Client, isOneTransaction: boolean): Promise<void> {
  await client.query('SELECT set_config(name, $2, $3) FROM pg_settings WHERE name = ANY($1)', [
    LIMITS,
    '0',
    isOneTransaction,
  ]);
  // If this process ends while its statement waits for a lock, PostgreSQL soon ends the statement and releases its locks.
  await client.query(
    "SELECT set_config('work_mem', '128MB', $1), set_config('client_connection_check_interval', '500', $1)",
    [isOneTransaction],
  );
}

/**
 * Describes a violated rule of the database. A table brought along can have rules whose names mean nothing to a user.
 *
 * @returns null for other errors.
 */
function describeRefusal(error: unknown): Error | null {
  if (!(error instanceof pg.DatabaseError)) return null;
  // The temporary tables are those of one session.
  if (error.code === UNDEFINED_TABLE && /"(?:staged|unnumbered)"/.test(error.message)) {
    const sentence = 'A pooler gave the import another session. Import past the pooler, or with --atomic.';
    return new Error(sentence, { cause: error });
  }
  if (!/^2[23]/.test(error.code ?? '')) return null;
  const detail = error.detail === undefined ? '' : ` ${error.detail}`;
  return new Error(`The database refused an order item by a rule of its own.${detail}`, { cause: error });
}

import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { writableUrl } from '../database/servers.ts';
import { checkRow } from './checkRow.ts';
import type { FileRow } from './orderItemTable.ts';
import type { Defective } from './readLines.ts';
import {
  COPY_STAGED,
  COUNT_KEPT_CANCELLED,
  CREATE_STAGED,
  DELETE_REPEATED,
  INDEX_STAGED,
  LOCK_DIFFERING,
  SELECT_REPEATED,
  toCopyLine,
  UPSERT_STAGED,
} from './stagedOrderItems.ts';
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
  /** Does everything, then rolls back. */
  readonly dryRun?: boolean;
  /** Called for each rejected row, as soon as it is rejected. */
  readonly onRejected?: (rejected: Defective) => void;
}

/** The advisory lock of imports, an arbitrary number. */
const IMPORT_LOCK = 4_001_776_402;

/** Rows are sent in chunks of about the size of a socket's buffer, because a message per row is slow. */
const COPY_CHUNK_LENGTH = 65_536;
const REPEATED_BATCH = 1_000;

/**
 * Imports rows into `order_item` in one transaction. It inserts new items and updates existing ones. It skips a defective
 * row and passes it to `onRejected`.
 *
 * @throws an error of the rows or of the database. Nothing is written then.
 */
export async function importOrderItems(
  databaseUrl: string,
  rows: AsyncIterable<FileRow | Defective> | Iterable<FileRow | Defective>,
  { dryRun = false, formats = {}, onRejected = () => undefined }: ImportOptions = {},
): Promise<ImportCounts> {
  const client = new pg.Client({
    connectionString: await writableUrl(databaseUrl),
    application_name: 'order-items-import',
  });
  // The running statement reports a lost connection.
  client.on('error', () => undefined);
  let rejected = 0;
  const reject = (defective: Defective): void => {
    rejected += 1;
    onRejected(defective);
  };
  try {
    await client.connect();
    // Limits that the role or the database sets for requests do not apply to an import.
    await client.query(
      'BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0',
    );
    await client.query("SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL work_mem = '128MB'");
    await client.query(CREATE_STAGED);
    const copy = client.query(copyFrom(COPY_STAGED));
    await pipeline(toCopyText(rows, formats, reject), copy);
    const repeated = await rejectRepeated(client, reject);
    for (const statement of INDEX_STAGED) await client.query(statement);
    // Imports run one at a time, so that each counts correctly which rows it inserted.
    await client.query('SELECT pg_advisory_xact_lock($1)', [IMPORT_LOCK]);
    await client.query(LOCK_DIFFERING);
    const { inserted, updated } = await queryRow<{ inserted: number; updated: number }>(client, UPSERT_STAGED);
    const { keptCancelled } = await queryRow<{ keptCancelled: number }>(client, COUNT_KEPT_CANCELLED);
    await client.query(dryRun ? 'ROLLBACK' : 'COMMIT');
    const unchanged = copy.rowCount - repeated - inserted - updated;
    return { inserted, updated, unchanged, rejected, keptCancelled };
  } catch (error) {
    throw describeRefusal(error);
  } finally {
    // The end of the session rolls back an open transaction.
    await client.end();
  }
}

async function* toCopyText(
  rows: AsyncIterable<FileRow | Defective> | Iterable<FileRow | Defective>,
  formats: ValueFormats,
  reject: (defective: Defective) => void,
): AsyncGenerator<string, void> {
  let text = '';
  for await (const row of rows) {
    const checked = 'defect' in row ? row : checkRow(row, formats);
    if ('defect' in checked) {
      reject(checked);
      continue;
    }
    text += toCopyLine(checked);
    if (text.length >= COPY_CHUNK_LENGTH) {
      yield text;
      text = '';
    }
  }
  if (text !== '') yield text;
}

/**
 * Removes rows whose id is on an earlier line. The first line counts. The database finds them, because the ids of a large
 * file would take too much memory here.
 *
 * @returns the number of removed rows.
 */
async function rejectRepeated(client: pg.Client, reject: (defective: Defective) => void): Promise<number> {
  await client.query(`DECLARE repeated CURSOR FOR ${SELECT_REPEATED}`);
  const fetch = `FETCH ${REPEATED_BATCH} FROM repeated`;
  let repeated = 0;
  for (let more = true; more;) {
    const { rows } = await client.query<{ line: number; firstLine: number }>(fetch);
    for (const { line, firstLine } of rows) reject({ line, defect: `the id already stands on line ${firstLine}` });
    repeated += rows.length;
    more = rows.length > 0;
  }
  await client.query('CLOSE repeated');
  if (repeated > 0) await client.query(DELETE_REPEATED);
  return repeated;
}

async function queryRow<Row extends pg.QueryResultRow>(client: pg.Client, statement: string): Promise<Row> {
  const { rows } = await client.query<Row>(statement);
  const [row] = rows;
  if (row === undefined) throw new Error('A count has one row.');
  return row;
}

/** Describes a violated rule of the database. A table brought along can have rules whose names mean nothing to a user. */
function describeRefusal(error: unknown): unknown {
  if (!(error instanceof pg.DatabaseError) || !/^2[23]/.test(error.code ?? '')) return error;
  const detail = error.detail === undefined ? '' : ` ${error.detail}`;
  return new Error(`The database refused an order item by a rule of its own; nothing was written.${detail}`, {
    cause: error,
  });
}

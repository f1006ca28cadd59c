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

/** What became of the rows of a file. */
export interface ImportCounts {
  readonly inserted: number;
  readonly updated: number;
  /** They differ in nothing from what is stored, and were not touched. */
  readonly unchanged: number;
  readonly rejected: number;
  /** Among the updated and unchanged: the file says another status, but a cancelled item stays cancelled. */
  readonly keptCancelled: number;
}

export interface ImportOptions {
  /** Does everything, then takes it back. */
  readonly dryRun?: boolean;
  /** Is told of each row that does not go in, as soon as that is known. */
  readonly onRejected?: (rejected: Defective) => void;
}

/** An arbitrary number that every import shares. */
const IMPORT_LOCK = 4_001_776_402;

/** About what a socket takes at once: a message for each row would be a million of them. */
const COPY_CHUNK_LENGTH = 65_536;
const REPEATED_BATCH = 1_000;

/**
 * Writes rows into `order_item`, all of them in one transaction: new items are inserted, existing ones get what the
 * rows say of them. A defective row is told to `onRejected`, and the rest goes in.
 *
 * @throws whatever the rows throw or the database refuses; then nothing is written.
 */
export async function importOrderItems(
  databaseUrl: string,
  rows: AsyncIterable<FileRow | Defective> | Iterable<FileRow | Defective>,
  { dryRun = false, onRejected = () => undefined }: ImportOptions = {},
): Promise<ImportCounts> {
  const client = new pg.Client({
    connectionString: await writableUrl(databaseUrl),
    application_name: 'order-items-import',
  });
  // Whatever is under way when the connection is lost is told too.
  client.on('error', () => undefined);
  let rejected = 0;
  const reject = (defective: Defective): void => {
    rejected += 1;
    onRejected(defective);
  };
  try {
    await client.connect();
    // An import takes as long as it takes, whatever limit the role or the database sets for requests.
    await client.query(
      'BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0',
    );
    await client.query("SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL work_mem = '128MB'");
    await client.query(CREATE_STAGED);
    const copy = client.query(copyFrom(COPY_STAGED));
    await pipeline(toCopyText(rows, reject), copy);
    const repeated = await rejectRepeated(client, reject);
    for (const statement of INDEX_STAGED) await client.query(statement);
    // Imports take turns, so that none counts as inserted what another has just inserted.
    await client.query('SELECT pg_advisory_xact_lock($1)', [IMPORT_LOCK]);
    await client.query(LOCK_DIFFERING);
    const { inserted, updated } = await queryRow<{ inserted: number; updated: number }>(client, UPSERT_STAGED);
    const { keptCancelled } = await queryRow<{ keptCancelled: number }>(client, COUNT_KEPT_CANCELLED);
    await client.query(dryRun ? 'ROLLBACK' : 'COMMIT');
    const unchanged = copy.rowCount - repeated - inserted - updated;
    return { inserted, updated, unchanged, rejected, keptCancelled };
  } catch (error) {
    throw refusalOf(error);
  } finally {
    // Ends an open transaction too.
    await client.end();
  }
}

async function* toCopyText(
  rows: AsyncIterable<FileRow | Defective> | Iterable<FileRow | Defective>,
  reject: (defective: Defective) => void,
): AsyncGenerator<string, void> {
  let text = '';
  for await (const row of rows) {
    const checked = 'defect' in row ? row : checkRow(row);
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
 * Removes the rows whose id stands on an earlier line: the first counts. The database looks for them, because the ids
 * of a large file take too much memory here.
 *
 * @returns how many they were.
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

/** A table that somebody brought along can have rules that no file format knows. Their names mean nothing to a user. */
function refusalOf(error: unknown): unknown {
  if (!(error instanceof pg.DatabaseError) || !/^2[23]/.test(error.code ?? '')) return error;
  const detail = error.detail === undefined ? '' : ` ${error.detail}`;
  return new Error(`The database refused an order item by a rule of its own; nothing was written.${detail}`, {
    cause: error,
  });
}

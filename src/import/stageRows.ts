import { pipeline } from 'node:stream/promises';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { checkRow } from './checkRow.ts';
import type { FileRow } from './orderItemTable.ts';
import type { Defective } from './readLines.ts';
import { COPY_STAGED, createStagedSql, DELETE_REPEATED, SELECT_REPEATED, toCopyLine } from './stagedOrderItems.ts';
import type { ValueFormats } from './valueFormats.ts';

/** Rows are sent in pieces of about the size of a socket's buffer, because a message per row is slow. */
const COPY_LENGTH = 65_536;
const REPEATED_BATCH = 1_000;

type Rows = AsyncIterable<FileRow | Defective> | Iterable<FileRow | Defective>;

interface Staging {
  readonly formats: ValueFormats;
  /** See {@link createStagedSql}. */
  readonly customerType: string | null;
  readonly reject: (defective: Defective) => void;
}

/**
 * Copies the rows into the temporary table `staged`, except defective ones and those whose id is on an earlier line.
 *
 * @returns the number of staged rows.
 */
export async function stageRows(
  client: pg.Client,
  rows: Rows,
  { formats, customerType, reject }: Staging,
): Promise<number> {
  await client.query(createStagedSql(customerType));
  const copy = client.query(copyFrom(COPY_STAGED));
  await pipeline(toCopyText(rows, { formats, reject }), copy);
  return copy.rowCount - (await rejectRepeated(client, reject));
}

async function* toCopyText(
  rows: Rows,
  { formats, reject }: Omit<Staging, 'customerType'>,
): AsyncGenerator<string, void> {
  let text = '';
  for await (const row of rows) {
    const checked = 'defect' in row ? row : checkRow(row, formats);
    if ('defect' in checked) {
      reject(checked);
      continue;
    }
    text += toCopyLine(checked);
    if (text.length >= COPY_LENGTH) {
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
  await client.query(`DECLARE repeated CURSOR WITH HOLD FOR ${SELECT_REPEATED}`);
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

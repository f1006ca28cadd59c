import type pg from 'pg';
import { type Clock, systemClock } from '../work/clock.ts';
import { isConflict, isLockTimeout, isOutOfTime } from '../database/errors.ts';
import type { ColumnName } from './orderItemTable.ts';
import { type Chunk, mergeSql } from './stagedOrderItems.ts';

/** The results of a merge, in rows. */
export interface MergeCounts {
  readonly inserted: number;
  readonly updated: number;
  readonly keptCancelled: number;
}

/** The results of the chunks so far. */
export interface Merged extends MergeCounts {
  /** The merged rows of the file, with the unchanged ones. */
  readonly rows: number;
}

/** The rows to merge. */
export interface StagedRows {
  /** Their number. */
  readonly total: number;
  /** The columns to write. */
  readonly written: readonly ColumnName[];
}

export const NOTHING_MERGED: Merged = { inserted: 0, updated: 0, keptCancelled: 0, rows: 0 };

const MAX_CHUNK = 5_000;
const FIRST_CHUNK = 500;

/** The time for which a chunk holds its locks at most. A chunk of one row can take longer, because its lock is the only one. */
const MAX_HOLD_MS = 100;
/** How long a chunk waits for a lock while it holds others. */
const LOCK_WAIT_MS = 50;
/** How long a single row waits for its lock before it tries again. */
const SINGLE_LOCK_WAIT_MS = 1_000;

/** A chunk has few rows, so it looks up each by its index, however large the planner believes the table to be. */
export const CHUNK_PLANS = 'SET enable_seqscan = off; SET random_page_cost = 1';

/**
 * Merges the staged rows into `order_item` in chunks. Each chunk is one transaction. The next chunk is smaller if a chunk holds
 * its locks for too long or meets the lock of another transaction.
 *
 * @param onMerged is called after each commit, with everything that is in.
 * @param signal ends the merge between two chunks.
 * @throws the reason of the signal, or an error of the database. What was merged stays.
 */
export async function mergeInChunks(
  client: pg.Client,
  { total, written }: StagedRows,
  { onMerged, signal }: { readonly onMerged: (merged: Merged) => void; readonly signal?: AbortSignal | undefined },
  clock: Clock = systemClock,
): Promise<void> {
  let merged = NOTHING_MERGED;
  let size = FIRST_CHUNK;
  while (merged.rows < total) {
    signal?.throwIfAborted();
    const chunk = { from: merged.rows + 1, to: Math.min(total, merged.rows + size) };
    const startedAt = clock.now();
    const counts = await tryChunk(client, { chunk, written, isLast: chunk.to === total });
    const heldMs = clock.now() - startedAt;
    if (counts !== null) {
      merged = add(merged, counts, chunk);
      onMerged(merged);
    }
    if (counts === null) size = Math.ceil((chunk.to - chunk.from + 1) / 4);
    else if (heldMs > MAX_HOLD_MS * 0.8) size = Math.ceil(size / 2);
    else if (heldMs < MAX_HOLD_MS * 0.4) size = Math.min(MAX_CHUNK, size * 2);
  }
}

/** Merges all staged rows in the open transaction. */
export async function mergeAll(client: pg.Client, { total, written }: StagedRows): Promise<Merged> {
  const chunk = { from: 1, to: total };
  const { rows } = await client.query<MergeCounts>(mergeSql(chunk, written));
  return add(NOTHING_MERGED, readCounts(rows), chunk);
}

/**
 * Merges a chunk in one transaction, sent as one message, so that no lock waits for the network.
 *
 * @returns null if it took too long or met a lock. Nothing of it is in then.
 */
async function tryChunk(
  client: pg.Client,
  { chunk, written, isLast }: Pick<StagedRows, 'written'> & { readonly chunk: Chunk; readonly isLast: boolean },
): Promise<MergeCounts | null> {
  const isSingle = chunk.from === chunk.to;
  const settings = isSingle
    ? [`lock_timeout = ${SINGLE_LOCK_WAIT_MS}`]
    : [`lock_timeout = ${LOCK_WAIT_MS}`, `statement_timeout = ${MAX_HOLD_MS}`];
  // Only the last chunk waits for the disk, which then has the others, too. Rows that a crash loses are imported again.
  if (!isLast) settings.push('synchronous_commit = off');
  try {
    const results = (await client.query(
      [
        'BEGIN ISOLATION LEVEL READ COMMITTED',
        ...settings.map((setting) => `SET LOCAL ${setting}`),
        mergeSql(chunk, written),
        'COMMIT',
      ].join(';'),
    )) as unknown as pg.QueryResult<MergeCounts>[];
    return readCounts(results.at(-2)?.rows ?? []);
  } catch (error) {
    const isTooSlow = !isSingle && isOutOfTime(error);
    if (!isTooSlow && !isLockTimeout(error) && !isConflict(error)) throw error;
    await client.query('ROLLBACK');
    return null;
  }
}

export function readCounts(rows: readonly MergeCounts[]): MergeCounts {
  const [counts] = rows;
  if (counts === undefined) throw new Error('A count has one row.');
  return counts;
}

function add(merged: Merged, counts: MergeCounts, { to }: Chunk): Merged {
  return {
    inserted: merged.inserted + counts.inserted,
    updated: merged.updated + counts.updated,
    keptCancelled: merged.keptCancelled + counts.keptCancelled,
    rows: to,
  };
}

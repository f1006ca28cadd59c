import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { startEmbeddedPostgres } from '../src/embedded-postgres/embeddedPostgres.ts';
import { ORDER_ITEM_STATUSES } from '../src/order-items/orderItem.ts';
import { type Cancels, cancelMeanwhile } from './cancelMeanwhile.ts';

/*
 * Imports 1,000,000 rows with the command of `npm run import` into an embedded PostgreSQL: first new rows, then the same
 * rows, then all rows changed while some of their items are cancelled. The exit code is 1 if an import exceeds a limit. Only the
 * first import has a time limit.
 */

const ROWS = 1_000_000;
const MAX_SECONDS = 60;
const MAX_MEGABYTES = 250;
const MAX_CANCEL_MS = 200;

const ROOT = path.join(import.meta.dirname, '..');
const POLL_INTERVAL_MS = 20;

interface Measured {
  readonly seconds: number;
  readonly megabytes: number;
}

const NO_CANCELS: Cancels = { count: 0, slowestMs: 0 };

async function bench(): Promise<void> {
  await using opened = new AsyncDisposableStack();
  const folder = await mkdtemp(path.join(tmpdir(), 'order-items-bench-'));
  opened.defer(() => rm(folder, { recursive: true }));
  const files = { first: path.join(folder, 'items.csv'), changed: path.join(folder, 'changed.csv') };
  await pipeline(Readable.from(lines({ quantity: 1 })), createWriteStream(files.first));
  await pipeline(Readable.from(lines({ quantity: 2 })), createWriteStream(files.changed));
  const postgres = await startEmbeddedPostgres({ dataDir: path.join(folder, 'database') });
  opened.defer(() => postgres.stop());

  for (const [name, file, expected, maxSeconds] of [
    ['new', files.first, `inserted: ${ROWS}`, MAX_SECONDS],
    ['again', files.first, `unchanged: ${ROWS}`, Infinity],
    ['changed', files.changed, `updated: ${ROWS}`, Infinity],
  ] as const) {
    const importing = runImport(file, postgres.url, expected);
    // Nobody cancels while the first two imports are timed.
    const cancels = name === 'changed' ? await cancelMeanwhile(postgres.url, importing, findItem) : NO_CANCELS;
    const { seconds, megabytes } = await importing;
    const isWithinLimits = seconds < maxSeconds && megabytes < MAX_MEGABYTES && cancels.slowestMs < MAX_CANCEL_MS;
    process.stdout.write(
      `${name.padEnd(8)} ${ROWS} rows  ${seconds.toFixed(1).padStart(5)} s  peak ${megabytes.toFixed(0).padStart(4)} MB` +
        (cancels.count === 0 ? '' : `  ${cancels.count} cancels, the slowest ${cancels.slowestMs.toFixed(0)} ms`) +
        `${isWithinLimits ? '' : '  OVER THE LIMIT'}\n`,
    );
    if (!isWithinLimits) process.exitCode = 1;
  }
}

/** Finds a random item that can be cancelled. */
async function findItem(query: <Row>(statement: string) => Promise<Row[]>): Promise<string> {
  const [item] = await query<{ id: string }>(
    `SELECT id FROM order_item WHERE id >= gen_random_uuid() AND is_pre_order AND status IN ('pending', 'on_hold')
     ORDER BY id LIMIT 1`,
  );
  if (item === undefined) throw new Error('No item can be cancelled.');
  return item.id;
}

/** Generates realistic rows: random ids, orders of four items, 4,000 products, and one item per second. */
function* lines({ quantity }: { quantity: number }): Generator<string> {
  yield 'id,order_id,product_id,external_id,status,is_pre_order,release_date,quantity,price_amount,price_currency,created_at\n';
  for (let i = 0; i < ROWS; i += 1) {
    const hex = createHash('md5').update(String(i)).digest('hex');
    const id = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
    const order = 1_000_000 + Math.floor(i / 4);
    const isPreOrder = i % 5 === 0;
    const createdAt = new Date(Date.UTC(2025, 0, 1) + i * 1_000).toISOString();
    const status = ORDER_ITEM_STATUSES[i % ORDER_ITEM_STATUSES.length] ?? 'pending';
    yield `${id},${order},"SKU-${i % 4_000}, boxed",${order}:${1 + (i % 4)},${status},${isPreOrder},${
      isPreOrder ? '2026-12-01' : ''
    },${quantity},${(i % 10_000) / 100},GBP,${createdAt}\n`;
  }
}

async function runImport(file: string, databaseUrl: string, expected: string): Promise<Measured> {
  const manifest = JSON.parse(await readFile(path.join(ROOT, 'package.json'), 'utf8')) as {
    scripts: { import: string };
  };
  const startedAt = performance.now();
  // The npm script begins with `exec`, so the spawned process is the import itself.
  const child = spawn('sh', ['-c', `${manifest.scripts.import} "$0"`, file], {
    cwd: ROOT,
    env: {
      PATH: `${path.dirname(process.execPath)}${path.delimiter}${process.env['PATH'] ?? ''}`,
      DATABASE_URL: databaseUrl,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
  });
  let megabytes = 0;
  const poll = setInterval(() => {
    void readPeakMemory(child.pid).then((peak) => {
      megabytes = Math.max(megabytes, peak);
    });
  }, POLL_INTERVAL_MS);
  const [exitCode] = (await once(child, 'close')) as [number | null];
  clearInterval(poll);
  const seconds = (performance.now() - startedAt) / 1_000;
  if (exitCode !== 0 || !output.includes(`${expected}\n`)) {
    throw new Error(`The import ended with exit code ${exitCode ?? 'none'}:\n${output}`);
  }
  return { seconds, megabytes };
}

/** Reads the peak memory of a process on Linux. Returns 0 once the process has ended. */
async function readPeakMemory(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid ?? ''}/status`, 'utf8').catch(() => '');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / 1_024;
}

await bench();

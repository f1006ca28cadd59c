import { execFile } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { cancelStatement } from './contenders/orderItems.ts';
import type { Dataset } from './dataset.ts';
import type { Sample, Turn, World } from './measure.ts';

/** Finds pgbench. Returns null if it is not installed; the embedded PostgreSQL does not include it. */
export function findPgbench(): string | null {
  const folders = [
    ...(process.env['PATH'] ?? '').split(path.delimiter),
    ...globSync('/usr/lib/postgresql/*/bin').sort().reverse(),
  ];
  return folders.map((folder) => path.join(folder, 'pgbench')).find((file) => existsSync(file)) ?? null;
}

/** How many cancels pgbench sends, in all and from one client. Every dataset has more items. */
const MAX_CANCELS = 12_000;
const MAX_CANCELS_PER_CLIENT = 4_000;

/** Measures the upper bound: the same cancel as one prepared statement of pgbench, without a server in between. */
export async function measurePgbench(world: World, dataset: Dataset, turn: Turn): Promise<Sample> {
  world.signal.throwIfAborted();
  const pgbench = findPgbench();
  if (pgbench === null) throw new Error('pgbench is not installed. Install the PostgreSQL client programs.');
  await dataset.reset();
  const script = path.join(world.folder, 'cancel.sql');
  const statement = cancelStatement(
    `md5('cancel-' || :item)::uuid`,
    `'Delivered too late'`,
    `md5('request-' || :item)`,
  );
  await writeFile(script, `\\set n :n + 1\n\\set item :n * :clients + :client_id\n${joinLines(statement)};\n`);
  const { hostname, port, username, password, pathname } = new URL(dataset.url);
  const database = pathname.slice(1);
  // A number instead of a time, because pgbench counts the time in which its sessions connect, and many of them need seconds.
  const each = Math.ceil(Math.min(MAX_CANCELS, MAX_CANCELS_PER_CLIENT * turn.connections) / turn.connections);
  const { stdout } = await promisify(execFile)(
    pgbench,
    [
      ...['-M', 'prepared', '-n', '-f', script, '-t', String(each)],
      ...['-c', String(turn.connections), '-j', '1', '-D', 'n=-1', '-D', `clients=${turn.connections}`],
      ...['-h', hostname, '-p', port, '-U', username, database],
    ],
    { env: { ...process.env, PGPASSWORD: password }, signal: world.signal },
  );
  const transactions = Number(/actually processed: (\d+)/.exec(stdout)?.[1]);
  const perSecond = Number(/tps = ([\d.]+) \(without initial connection time\)/.exec(stdout)?.[1]);
  const latency = Number(/latency average = ([\d.]+) ms/.exec(stdout)?.[1]);
  await dataset.check([]);
  const { rows } = await dataset.client.query<{ count: number }>('SELECT count(*)::int FROM bench_cancellation');
  if (!(perSecond > 0) || rows[0]?.count !== transactions) {
    throw new Error(
      `pgbench reports ${transactions} transactions, but the table has ${rows[0]?.count ?? 0}:\n${stdout}`,
    );
  }
  return { perSecond, p50: latency, p99: NaN, cpuUs: NaN, databaseCpuUs: NaN, megabytes: NaN };
}

function joinLines(text: string): string {
  return text.replaceAll(/\s+/g, ' ');
}

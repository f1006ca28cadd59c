import { execFile } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { cancelStatement } from './contenders/orderItems.ts';
import type { Dataset } from './dataset.ts';
import type { Sample, Turn, World } from './measure.ts';
import { childrenCpuSecondsOf } from './usage.ts';

/** Where pgbench is, or null: the embedded PostgreSQL comes without it. */
export function findPgbench(): string | null {
  const folders = [
    ...(process.env['PATH'] ?? '').split(path.delimiter),
    ...globSync('/usr/lib/postgresql/*/bin').sort().reverse(),
  ];
  return folders.map((folder) => path.join(folder, 'pgbench')).find((file) => existsSync(file)) ?? null;
}

/** The yardstick: the same cancel as one prepared statement, without any server in between. Every one takes a new item. */
export async function measurePgbench(world: World, dataset: Dataset, turn: Turn): Promise<Sample> {
  world.signal.throwIfAborted();
  const pgbench = findPgbench();
  if (pgbench === null) throw new Error('There is no pgbench.');
  await dataset.reset();
  const script = path.join(world.folder, 'cancel.sql');
  const statement = cancelStatement(
    `md5('cancel-' || :item)::uuid`,
    `'Delivered too late'`,
    `'rest'`,
    `md5('request-' || :item)`,
  );
  await writeFile(script, `\\set n :n + 1\n\\set item :n * :clients + :client_id\n${oneLine(statement)};\n`);
  const { hostname, port, username, password, pathname } = new URL(dataset.url);
  const database = pathname.slice(1);
  // The first second, in which sessions start and prepare, is not measured, as with the contenders.
  const seconds = Math.ceil(turn.seconds) + 1;
  const before = childrenCpuSecondsOf(world.postmasterPid);
  const { stdout, stderr } = await promisify(execFile)(
    pgbench,
    [
      ...['-M', 'prepared', '-n', '-f', script, '-T', String(seconds), '-P', '1'],
      ...['-c', String(turn.connections), '-j', '1', '-D', 'n=-1', '-D', `clients=${turn.connections}`],
      ...['-h', hostname, '-p', port, '-U', username, database],
    ],
    { env: { ...process.env, PGPASSWORD: password }, signal: world.signal },
  );
  const transactions = Number(/actually processed: (\d+)/.exec(stdout)?.[1]);
  const progress = [...stderr.matchAll(/^progress: .*? s, ([\d.]+) tps, lat ([\d.]+) ms/gm)].slice(1);
  const meanOf = (group: number): number =>
    progress.reduce((sum, line) => sum + Number(line[group]), 0) / progress.length;
  const perSecond = meanOf(1);
  const latency = meanOf(2);
  const databaseCores = (childrenCpuSecondsOf(world.postmasterPid) - before) / seconds;
  await dataset.check([]);
  const { rows } = await dataset.client.query<{ count: number }>('SELECT count(*)::int FROM order_item_cancellation');
  if (!(perSecond > 0) || rows[0]?.count !== transactions) {
    throw new Error(`pgbench says ${transactions} transactions, the table ${rows[0]?.count ?? 0}:\n${stdout}`);
  }
  return { perSecond, p50: latency, p99: NaN, cores: NaN, databaseCores, loadCores: NaN, megabytes: NaN };
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ');
}

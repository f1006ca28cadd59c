import pg from 'pg';
import { type Dataset, LOCK_HOLDER } from './dataset.ts';
import { createDatasetFor, measure, progress, type Sample, spreadOf, warmUp, type World } from './measure.ts';
import { type Contender, startContender } from './processes.ts';
import type { Findings } from './findings.ts';
import { numberText, spreadText, tableOf } from './table.ts';
import { cancelableId } from './workloads.ts';

const CONNECTIONS = 32;
/** With a rate, so many requests may be under way. */
const MOST_UNDER_WAY = 128;
const SHARE_OF_PEAK = 0.8;
const RATE_SECONDS = 10;

const LOCK_SECONDS = 5;
/** Callers who want the locked item. */
const WAITING_CONNECTIONS = 8;

interface Served {
  readonly service: Contender;
  readonly dataset: Dataset;
}

/** Latency where there is room left: requests at random moments, at 80 % of the throughput that was just measured. */
export async function measureP99(world: World): Promise<Findings> {
  await using running = new AsyncDisposableStack();
  const { service, dataset } = await startService(world, running);
  const rows = [];
  for (const workload of ['entity', 'entities', 'cancel'] as const) {
    await warmUp(world, service, dataset, [workload]);
    const peaks: number[] = [];
    const samples: Sample[] = [];
    for (let round = 0; round < world.options.rounds; round += 1) {
      progress(`p99 of ${workload}, round ${round + 1} of ${world.options.rounds}`);
      const peak = { workload, connections: CONNECTIONS, seconds: world.options.seconds };
      peaks.push((await measure(world, service, dataset, peak)).perSecond);
      const rate = spreadOf(peaks).median * SHARE_OF_PEAK;
      const paced = { workload, connections: MOST_UNDER_WAY, seconds: RATE_SECONDS, rate };
      samples.push(await measure(world, service, dataset, paced));
    }
    rows.push({
      workload,
      peak: spreadOf(peaks),
      reached: spreadOf(samples.map(({ perSecond }) => perSecond)),
      p50: spreadOf(samples.map(({ p50 }) => p50)),
      p99: spreadOf(samples.map(({ p99 }) => p99)),
      ratio: spreadOf(samples.map(({ p50, p99 }) => p99 / p50)),
      loadCores: spreadOf(samples.map(({ loadCores }) => loadCores)).median,
    });
  }
  const text = tableOf(
    ['service', 'peak req/s', 'req/s at 80 %', 'p50 ms', 'p99 ms', 'p99 / p50', 'load cores'],
    rows.map((row) => [
      row.workload,
      spreadText(row.peak),
      spreadText(row.reached),
      spreadText(row.p50, 1),
      spreadText(row.p99, 1),
      spreadText(row.ratio, 1),
      numberText(row.loadCores, 2),
    ]),
  );
  return { text: `\n${text}`, data: rows };
}

/** What cancels of other items notice of one that somebody has locked, while others want to cancel that one. */
export async function measureLock(world: World): Promise<Findings> {
  await using running = new AsyncDisposableStack();
  const { service, dataset } = await startService(world, running);
  await warmUp(world, service, dataset, ['cancel']);
  const turn = { workload: 'cancel', connections: CONNECTIONS, seconds: LOCK_SECONDS } as const;
  const without: Sample[] = [];
  const beside: Sample[] = [];
  for (let round = 0; round < world.options.rounds; round += 1) {
    progress(`lock, round ${round + 1} of ${world.options.rounds}`);
    without.push(await measure(world, service, dataset, turn));
    // Another one every time: a cancel that waited may come through once the lock is gone.
    beside.push(await measureBeside(world, { service, dataset }, dataset.cancelable - 1 - round, turn));
  }
  const rows = [
    { what: 'nothing is locked', samples: without },
    { what: `one item is locked, ${WAITING_CONNECTIONS} callers want it`, samples: beside },
  ].map(({ what, samples }) => ({
    what,
    perSecond: spreadOf(samples.map(({ perSecond }) => perSecond)),
    p50: spreadOf(samples.map(({ p50 }) => p50)),
    p99: spreadOf(samples.map(({ p99 }) => p99)),
  }));
  const text = tableOf(
    ['cancels of other items, service', 'per second', 'p50 ms', 'p99 ms'],
    rows.map(({ what, perSecond, p50, p99 }) => [what, spreadText(perSecond), spreadText(p50, 1), spreadText(p99, 1)]),
  );
  return { text: `\n${text}`, data: rows };
}

async function measureBeside(
  world: World,
  { service, dataset }: Served,
  locked: number,
  turn: { readonly workload: 'cancel'; readonly connections: number; readonly seconds: number },
): Promise<Sample> {
  const holder = new pg.Client({ connectionString: dataset.url, application_name: LOCK_HOLDER });
  holder.on('error', () => undefined);
  await holder.connect();
  try {
    await holder.query('BEGIN');
    await holder.query('SELECT 1 FROM order_item WHERE id = $1 FOR UPDATE', [cancelableId(locked)]);
    const waiting = world.load.run({
      workload: 'cancel',
      connections: WAITING_CONNECTIONS,
      // From before the others' turn until after it.
      seconds: turn.seconds + 2,
      url: service.urls.graphql,
      token: world.issuer.token,
      items: dataset.items,
      cancelable: { from: locked, to: locked + 1, repeat: true },
    });
    const [sample, { acknowledged }] = await Promise.all([measure(world, service, dataset, turn), waiting]);
    if (acknowledged.length > 0) throw new Error('A locked item was acknowledged as cancelled.');
    return sample;
  } finally {
    await holder.end();
  }
}

async function startService(world: World, running: AsyncDisposableStack): Promise<Served> {
  progress(`making ${world.options.items} items`);
  const longest = Math.max(RATE_SECONDS, LOCK_SECONDS, world.options.seconds);
  const dataset = await createDatasetFor(world, world.options.items, longest);
  running.defer(() => dataset.drop());
  const service = await startContender('service', { ...world, databaseUrl: dataset.url });
  running.defer(() => service.stop());
  return { service, dataset };
}

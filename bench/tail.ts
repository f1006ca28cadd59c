import pg from 'pg';
import { type Dataset, LOCK_HOLDER } from './dataset.ts';
import {
  createDatasetForTurn,
  measure,
  reportProgress,
  type Sample,
  calculateSpread,
  warmUp,
  type World,
} from './measure.ts';
import { type Contender, startContender } from './processes.ts';
import type { Findings } from './findings.ts';
import { formatSpread, formatTable } from './table.ts';
import { cancelableId } from './workloads.ts';
import { runWrk } from './wrk.ts';

const CONNECTIONS = 32;
/** At most this many requests are in flight in an open loop. */
const MAX_IN_FLIGHT = 128;
const SHARE_OF_PEAK = 0.8;
const RATE_SECONDS = 10;

const LOCK_SECONDS = 5;
/** The number of callers that try to cancel the locked item. */
const WAITING_CONNECTIONS = 8;

interface RunningService {
  readonly service: Contender;
  readonly dataset: Dataset;
}

/** Measures the latency below saturation: an open loop at 80 % of the peak throughput. */
export async function measureP99(world: World): Promise<Findings> {
  await using running = new AsyncDisposableStack();
  const { service, dataset } = await startService(world, running);
  const rows = [];
  for (const workload of ['entity', 'entities', 'cancel'] as const) {
    await warmUp(world, service, dataset, [workload]);
    const peaks: number[] = [];
    const samples: Sample[] = [];
    for (let round = 0; round < world.options.rounds; round += 1) {
      reportProgress(`p99 of ${workload}, round ${round + 1} of ${world.options.rounds}`);
      const peak = { workload, connections: CONNECTIONS, seconds: world.options.seconds };
      peaks.push((await measure(world, service, dataset, peak)).perSecond);
      const rate = calculateSpread(peaks).median * SHARE_OF_PEAK;
      const paced = { workload, connections: MAX_IN_FLIGHT, seconds: RATE_SECONDS, rate };
      samples.push(await measure(world, service, dataset, paced));
    }
    rows.push({
      workload,
      peak: calculateSpread(peaks),
      reached: calculateSpread(samples.map(({ perSecond }) => perSecond)),
      p50: calculateSpread(samples.map(({ p50 }) => p50)),
      p99: calculateSpread(samples.map(({ p99 }) => p99)),
      ratio: calculateSpread(samples.map(({ p50, p99 }) => p99 / p50)),
    });
  }
  const text = formatTable(
    ['service', 'peak req/s', 'req/s at 80 %', 'p50 ms', 'p99 ms', 'p99 / p50'],
    rows.map((row) => [
      row.workload,
      formatSpread(row.peak),
      formatSpread(row.reached),
      formatSpread(row.p50, 1),
      formatSpread(row.p99, 1),
      formatSpread(row.ratio, 1),
    ]),
  );
  return { text: `\n${text}`, data: rows };
}

/** Measures cancels of other items while one item is locked and callers wait for it (head-of-line blocking). */
export async function measureLock(world: World): Promise<Findings> {
  await using running = new AsyncDisposableStack();
  const { service, dataset } = await startService(world, running);
  await warmUp(world, service, dataset, ['cancel']);
  const turn = { workload: 'cancel', connections: CONNECTIONS, seconds: LOCK_SECONDS } as const;
  const without: Sample[] = [];
  const beside: Sample[] = [];
  for (let round = 0; round < world.options.rounds; round += 1) {
    reportProgress(`lock, round ${round + 1} of ${world.options.rounds}`);
    without.push(await measure(world, service, dataset, turn));
    // Each round locks another item, because a waiting cancel may succeed when the lock is released.
    beside.push(await measureBesideLock(world, { service, dataset }, dataset.cancelable - 1 - round, turn));
  }
  const rows = [
    { what: 'nothing is locked', samples: without },
    { what: `one item is locked, ${WAITING_CONNECTIONS} callers wait`, samples: beside },
  ].map(({ what, samples }) => ({
    what,
    perSecond: calculateSpread(samples.map(({ perSecond }) => perSecond)),
    p50: calculateSpread(samples.map(({ p50 }) => p50)),
    p99: calculateSpread(samples.map(({ p99 }) => p99)),
  }));
  const text = formatTable(
    ['cancels of other items, service', 'per second', 'p50 ms', 'p99 ms'],
    rows.map(({ what, perSecond, p50, p99 }) => [
      what,
      formatSpread(perSecond),
      formatSpread(p50, 1),
      formatSpread(p99, 1),
    ]),
  );
  return { text: `\n${text}`, data: rows };
}

async function measureBesideLock(
  world: World,
  { service, dataset }: RunningService,
  locked: number,
  turn: { readonly workload: 'cancel'; readonly connections: number; readonly seconds: number },
): Promise<Sample> {
  const holder = new pg.Client({ connectionString: dataset.url, application_name: LOCK_HOLDER });
  holder.on('error', () => undefined);
  await holder.connect();
  try {
    await holder.query('BEGIN');
    await holder.query('SELECT 1 FROM order_item WHERE id = $1 FOR UPDATE', [cancelableId(locked)]);
    const waitingJob = {
      workload: 'cancel',
      connections: WAITING_CONNECTIONS,
      // The callers wait from before the measured turn until after it.
      seconds: turn.seconds + 2,
      url: service.urls.graphql,
      token: world.issuer.token,
      items: dataset.items,
      cancelable: { from: locked, to: locked + 1, repeat: true },
    } as const;
    const waiting = runWrk(waitingJob, world.signal);
    const [sample, { acknowledged }] = await Promise.all([measure(world, service, dataset, turn), waiting]);
    if (acknowledged.length > 0) throw new Error('A locked item was acknowledged as cancelled.');
    return sample;
  } finally {
    await holder.end();
  }
}

async function startService(world: World, running: AsyncDisposableStack): Promise<RunningService> {
  reportProgress(`making ${world.options.items} items`);
  const longest = Math.max(RATE_SECONDS, LOCK_SECONDS, world.options.seconds);
  const dataset = await createDatasetForTurn(world, world.options.items, longest);
  running.defer(() => dataset.drop());
  const service = await startContender('service', { ...world, databaseUrl: dataset.url });
  running.defer(() => service.stop());
  return { service, dataset };
}

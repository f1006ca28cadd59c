import type { EmbeddedPostgres } from '../src/embedded-postgres/embeddedPostgres.ts';
import { createDataset, type Dataset } from './dataset.ts';
import type { Issuer } from './issuer.ts';
import type { Job } from './load.ts';
import type { Options } from './options.ts';
import type { Contender, Load } from './processes.ts';
import { readChildrenCpuSeconds, readCpuSeconds, readMegabytes } from './usage.ts';
import { runWrk } from './wrk.ts';
import { WORKLOADS, type WorkloadName } from './workloads.ts';

/** The set-up that all measurements share. */
export interface World {
  readonly options: Options;
  /** A temporary folder, deleted at the end. */
  readonly folder: string;
  readonly postgres: EmbeddedPostgres;
  readonly postmasterPid: number;
  readonly issuer: Issuer;
  readonly load: Load;
  /** Aborts when the benchmark is interrupted. */
  readonly signal: AbortSignal;
}

/**
 * The result of one turn of a contender. Latencies are in milliseconds. Processor time is in microseconds for each request. Other
 * load on the machine disturbs it less than the throughput.
 */
export interface Sample {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly cpuUs: number;
  readonly databaseCpuUs: number;
  readonly megabytes: number;
}

export interface Turn {
  readonly workload: WorkloadName;
  readonly connections: number;
  readonly seconds: number;
  /** Requests per second. Without it, the turn measures the peak throughput. */
  readonly rate?: number;
}

/** How many items per second of a turn can be cancelled. A faster contender fails the benchmark: raise the number. */
const MAX_CANCELS_PER_SECOND = 20_000;
const WARM_UP_SECONDS = 2;

/** Creates a dataset with enough items to cancel for one turn. */
export function createDatasetForTurn(
  { options, postgres }: World,
  items = options.items,
  seconds = options.seconds,
): Promise<Dataset> {
  const cancelable = Math.ceil(seconds * MAX_CANCELS_PER_SECOND);
  return createDataset(postgres.url, { items, cancelable });
}

/**
 * Measures one turn of a contender.
 *
 * @throws Error if an answer was wrong, or the tables do not match the acknowledged cancels.
 */
export async function measure(world: World, contender: Contender, dataset: Dataset, turn: Turn): Promise<Sample> {
  world.signal.throwIfAborted();
  const { door, cancels } = describeWorkload(turn.workload);
  if (cancels) await dataset.reset();
  const job: Job = {
    ...turn,
    url: contender.urls[door],
    token: world.issuer.token,
    items: dataset.items,
    cancelable: { from: 0, to: dataset.cancelable },
  };
  const before = { own: readCpuSeconds(contender.pid), database: readChildrenCpuSeconds(world.postmasterPid) };
  const { rate } = turn;
  const result = await (rate === undefined ? runWrk(job, world.signal) : world.load.run({ ...job, rate }));
  const after = { own: readCpuSeconds(contender.pid), database: readChildrenCpuSeconds(world.postmasterPid) };
  if (result.failures > 0 || result.requests === 0) {
    throw new Error(
      `${contender.name}, ${turn.workload}: ${result.failures} of ${result.requests} answers were wrong: ${result.failure}`,
    );
  }
  if (cancels) await dataset.check(result.acknowledged);
  return {
    perSecond: result.requests / result.seconds,
    p50: result.p50,
    p99: result.p99,
    cpuUs: (1e6 * (after.own - before.own)) / result.requests,
    databaseCpuUs: (1e6 * (after.database - before.database)) / result.requests,
    megabytes: readMegabytes(contender.pid),
  };
}

/** Runs workloads until the code is compiled and the data is in memory. */
export async function warmUp(
  world: World,
  contender: Contender,
  dataset: Dataset,
  workloads: readonly WorkloadName[],
): Promise<void> {
  const seconds = Math.min(WARM_UP_SECONDS, world.options.seconds);
  for (const workload of workloads) await measure(world, contender, dataset, { workload, connections: 32, seconds });
}

function describeWorkload(workload: WorkloadName): { door: 'graphql' | 'rest'; cancels: boolean } {
  const { cancels, request } = WORKLOADS[workload];
  return { door: request([]).door, cancels };
}

/** The spread of a number that was measured several times. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function calculateSpread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  const median = sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
  return { median, min: sorted[0] ?? 0, max: sorted.at(-1) ?? 0 };
}

/** Reports the progress on standard error. */
export function reportProgress(text: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);
}

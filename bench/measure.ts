import type { EmbeddedPostgres } from '../src/embedded-postgres/embeddedPostgres.ts';
import { createDataset, type Dataset } from './dataset.ts';
import type { Issuer } from './issuer.ts';
import type { Job } from './load.ts';
import type { Options } from './options.ts';
import type { Contender, Load } from './processes.ts';
import { childrenCpuSecondsOf, cpuSecondsOf, megabytesOf } from './usage.ts';
import { WORKLOADS, type WorkloadName } from './workloads.ts';

/** What all measurements share. */
export interface World {
  readonly options: Options;
  /** Temporary; gone afterwards. */
  readonly folder: string;
  readonly postgres: EmbeddedPostgres;
  readonly postmasterPid: number;
  readonly issuer: Issuer;
  readonly load: Load;
  /** Aborted when the benchmark is interrupted. */
  readonly signal: AbortSignal;
}

/** What one turn of a contender showed. Times are in milliseconds, processor time is in cores. */
export interface Sample {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly cores: number;
  readonly databaseCores: number;
  readonly loadCores: number;
  readonly megabytes: number;
}

export interface Turn {
  readonly workload: WorkloadName;
  readonly connections: number;
  readonly seconds: number;
  readonly rate?: number;
}

/** More than any contender cancels in a second here; whoever is faster makes the benchmark fail, and raises it. */
const MOST_CANCELS_PER_SECOND = 20_000;
const WARM_UP_SECONDS = 2;

/** Items of its own for the reads, and enough to cancel for a turn. */
export function createDatasetFor(
  { options, postgres }: World,
  items = options.items,
  seconds = options.seconds,
): Promise<Dataset> {
  const cancelable = Math.ceil(seconds * MOST_CANCELS_PER_SECOND);
  return createDataset(postgres.url, { items, cancelable });
}

/** Lets a contender have its turn. @throws if an answer was wrong, or a cancel is not in the tables as it should be. */
export async function measure(world: World, contender: Contender, dataset: Dataset, turn: Turn): Promise<Sample> {
  world.signal.throwIfAborted();
  const { door, cancels } = kindOf(turn.workload);
  if (cancels) await dataset.reset();
  const job: Job = {
    ...turn,
    url: contender.urls[door],
    token: world.issuer.token,
    items: dataset.items,
    cancelable: { from: 0, to: dataset.cancelable },
  };
  const before = { own: cpuSecondsOf(contender.pid), database: childrenCpuSecondsOf(world.postmasterPid) };
  const result = await world.load.run(job);
  const after = { own: cpuSecondsOf(contender.pid), database: childrenCpuSecondsOf(world.postmasterPid) };
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
    cores: (after.own - before.own) / result.elapsed,
    databaseCores: (after.database - before.database) / result.elapsed,
    loadCores: result.cores,
    megabytes: megabytesOf(contender.pid),
  };
}

/** Runs a workload until the code is compiled and the data is in memory. */
export async function warmUp(
  world: World,
  contender: Contender,
  dataset: Dataset,
  workloads: readonly WorkloadName[],
): Promise<void> {
  const seconds = Math.min(WARM_UP_SECONDS, world.options.seconds);
  for (const workload of workloads) await measure(world, contender, dataset, { workload, connections: 32, seconds });
}

function kindOf(workload: WorkloadName): { door: 'graphql' | 'rest'; cancels: boolean } {
  const { cancels, request } = WORKLOADS[workload];
  return { door: request([]).door, cancels };
}

/** A number that was measured several times. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  const median = sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
  return { median, min: sorted[0] ?? 0, max: sorted.at(-1) ?? 0 };
}

/** Says on standard error what is going on. */
export function progress(text: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);
}

import type { Dataset } from './dataset.ts';
import { createDatasetFor, measure, progress, type Spread, spreadOf, warmUp, type World } from './measure.ts';
import { type Contender, startContender } from './processes.ts';
import type { Findings } from './findings.ts';
import { numberText, spreadText, tableOf } from './table.ts';
import type { WorkloadName } from './workloads.ts';

const CONNECTIONS = 32;
/** A bulk of 100 is a hundred cancels: a few at a time are load enough. */
const BULK_CONNECTIONS = 8;

const GROWING = ['entity', 'cancel'] as const;
const BULKS = [
  ['bulk1', 1],
  ['bulk10', 10],
  ['bulk100', 100],
] as const;

interface Grown {
  readonly items: number;
  readonly dataset: Dataset;
  readonly service: Contender;
}

/** The service's throughput with ever more items, and that of bulk cancels with ever more ids. */
export async function measureGrowth(world: World): Promise<Findings> {
  const { sizes } = world.options;
  await using running = new AsyncDisposableStack();
  const grown: Grown[] = [];
  for (const items of sizes) {
    progress(`making ${items} items`);
    const dataset = await createDatasetFor(world, items);
    running.defer(() => dataset.drop());
    const service = await startContender('service', { ...world, databaseUrl: dataset.url });
    running.defer(() => service.stop());
    grown.push({ items, dataset, service });
    await warmUp(world, service, dataset, GROWING);
  }
  const rows: { what: string; perSecond: Spread; relative: Spread | null }[] = [];
  for (const workload of GROWING) {
    const throughputs = await inTurns(world, grown, workload, CONNECTIONS);
    throughputs.forEach(({ perSecond, relative }, i) => {
      rows.push({ what: `${workload}, ${numberText(sizes[i] ?? 0)} items`, perSecond, relative });
    });
  }
  const [smallest] = grown;
  if (smallest === undefined) throw new Error('No number of items was given.');
  for (const [workload, size] of BULKS) {
    const [throughput] = await inTurns(world, [smallest], workload, BULK_CONNECTIONS);
    if (throughput === undefined) continue;
    const { median, min, max } = throughput.perSecond;
    const perSecond = { median: median * size, min: min * size, max: max * size };
    rows.push({ what: `items cancelled, ${size} a request`, perSecond, relative: null });
  }
  const text = tableOf(
    ['service', 'per second', 'of that with the fewest items'],
    rows.map(({ what, perSecond, relative }) => [
      what,
      spreadText(perSecond),
      relative === null ? '' : spreadText(relative, 2),
    ]),
  );
  return { text: `\n${text}`, data: rows };
}

/** One turn for each size in every round. */
async function inTurns(
  world: World,
  grown: readonly Grown[],
  workload: WorkloadName,
  connections: number,
): Promise<{ perSecond: Spread; relative: Spread }[]> {
  const { rounds, seconds } = world.options;
  const samples: number[][] = grown.map(() => []);
  for (let round = 0; round < rounds; round += 1) {
    progress(`${workload}, round ${round + 1} of ${rounds}`);
    for (const [i, { service, dataset }] of grown.entries()) {
      const { perSecond } = await measure(world, service, dataset, { workload, connections, seconds });
      samples[i]?.push(perSecond);
    }
  }
  return samples.map((own) => ({
    perSecond: spreadOf(own),
    relative: spreadOf(own.map((perSecond, round) => perSecond / (samples[0]?.[round] ?? NaN))),
  }));
}

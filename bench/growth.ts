import type { Dataset } from './dataset.ts';
import {
  createDatasetForTurn,
  measure,
  reportProgress,
  type Spread,
  calculateSpread,
  warmUp,
  type World,
} from './measure.ts';
import { type Contender, startContender } from './processes.ts';
import type { Findings } from './findings.ts';
import { formatNumber, formatSpread, formatTable } from './table.ts';
import type { WorkloadName } from './workloads.ts';

const CONNECTIONS = 32;
/** Few connections are enough load, because a bulk request cancels up to 100 items. */
const BULK_CONNECTIONS = 8;

const GROWING = ['entity', 'cancel'] as const;
const BULKS = [
  ['bulk1', 1],
  ['bulk10', 10],
  ['bulk100', 100],
] as const;

interface SizedService {
  readonly items: number;
  readonly dataset: Dataset;
  readonly service: Contender;
}

/** Measures the service's throughput with more and more items, and that of bulk cancels with more and more ids. */
export async function measureGrowth(world: World): Promise<Findings> {
  const { sizes } = world.options;
  await using running = new AsyncDisposableStack();
  const grown: SizedService[] = [];
  for (const items of sizes) {
    reportProgress(`making ${items} items`);
    const dataset = await createDatasetForTurn(world, items);
    running.defer(() => dataset.drop());
    const service = await startContender('service', { ...world, databaseUrl: dataset.url });
    running.defer(() => service.stop());
    grown.push({ items, dataset, service });
    await warmUp(world, service, dataset, GROWING);
  }
  const rows: { what: string; perSecond: Spread; relative: Spread | null }[] = [];
  for (const workload of GROWING) {
    const throughputs = await measureInTurns(world, grown, workload, CONNECTIONS);
    throughputs.forEach(({ perSecond, relative }, i) => {
      rows.push({ what: `${workload}, ${formatNumber(sizes[i] ?? 0)} items`, perSecond, relative });
    });
  }
  const [smallest] = grown;
  if (smallest === undefined) throw new Error('No number of items was given. Set --sizes.');
  for (const [workload, size] of BULKS) {
    const [throughput] = await measureInTurns(world, [smallest], workload, BULK_CONNECTIONS);
    if (throughput === undefined) continue;
    const { median, min, max } = throughput.perSecond;
    const perSecond = { median: median * size, min: min * size, max: max * size };
    rows.push({ what: `items cancelled, ${size} a request`, perSecond, relative: null });
  }
  const text = formatTable(
    ['service', 'per second', 'of that with the fewest items'],
    rows.map(({ what, perSecond, relative }) => [
      what,
      formatSpread(perSecond),
      relative === null ? '' : formatSpread(relative, 2),
    ]),
  );
  return { text: `\n${text}`, data: rows };
}

/** Measures every size once per round. */
async function measureInTurns(
  world: World,
  grown: readonly SizedService[],
  workload: WorkloadName,
  connections: number,
): Promise<{ perSecond: Spread; relative: Spread }[]> {
  const { rounds, seconds } = world.options;
  const samples: number[][] = grown.map(() => []);
  for (let round = 0; round < rounds; round += 1) {
    reportProgress(`${workload}, round ${round + 1} of ${rounds}`);
    for (const [i, { service, dataset }] of grown.entries()) {
      const { perSecond } = await measure(world, service, dataset, { workload, connections, seconds });
      samples[i]?.push(perSecond);
    }
  }
  return samples.map((own) => ({
    perSecond: calculateSpread(own),
    relative: calculateSpread(own.map((perSecond, round) => perSecond / (samples[0]?.[round] ?? NaN))),
  }));
}

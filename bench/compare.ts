import {
  measure,
  type Sample,
  calculateSpread,
  warmUp,
  createDatasetForTurn,
  reportProgress,
  type World,
} from './measure.ts';
import { findPgbench, measurePgbench } from './pgbench.ts';
import { type Contender, startContender } from './processes.ts';
import type { Findings, Line, RivalName } from './findings.ts';
import { checkSameAnswers } from './sameAnswers.ts';
import { formatComparison } from './table.ts';
import { COMPARED, type ComparedName } from './workloads.ts';

/** Measures the contenders in turn with the same requests on the same data, over several rounds. */
export async function measureComparison(world: World): Promise<Findings> {
  const { contenders: names, workloads, connections, rounds, seconds } = world.options;
  await using running = new AsyncDisposableStack();
  reportProgress(`making ${world.options.items} items`);
  const dataset = await createDatasetForTurn(world);
  running.defer(() => dataset.drop());
  const contenders: Contender[] = [];
  for (const name of names) {
    const start = { databaseUrl: dataset.url, issuer: world.issuer, folder: world.folder };
    const contender = await startContender(name, start);
    running.defer(() => contender.stop());
    contenders.push(contender);
    world.signal.throwIfAborted();
  }
  await checkSameAnswers(contenders, dataset, { token: world.issuer.token, workloads });
  reportProgress('all contenders give the same answers; warming up');
  for (const contender of contenders) await warmUp(world, contender, dataset, workloads);

  const samples = new Map<string, Sample[]>();
  const note = (workload: ComparedName, size: number, name: RivalName, sample: Sample): void => {
    const key = buildKey(workload, size, name);
    samples.set(key, [...(samples.get(key) ?? []), sample]);
  };
  for (let round = 0; round < rounds; round += 1) {
    reportProgress(`round ${round + 1} of ${rounds}`);
    // Each round starts with another contender, so none profits from its position.
    const inTurn = contenders
      .map((_, i) => contenders[(i + round) % contenders.length])
      .filter((it) => it !== undefined);
    for (const workload of workloads) {
      for (const size of connections ?? COMPARED[workload].connections) {
        for (const contender of inTurn) {
          const turn = { workload, connections: size, seconds };
          note(workload, size, contender.name, await measure(world, contender, dataset, turn));
        }
        if (!COMPARED[workload].cancels || findPgbench() === null) continue;
        note(workload, size, 'pgbench', await measurePgbench(world, dataset, { workload, connections: size, seconds }));
      }
    }
  }
  const rivals: RivalName[] = [...names, 'pgbench'];
  const lines = workloads.flatMap((workload) =>
    (connections ?? COMPARED[workload].connections).flatMap((size) =>
      rivals.flatMap((contender) => {
        const own = samples.get(buildKey(workload, size, contender));
        const service = samples.get(buildKey(workload, size, 'service'));
        return own === undefined ? [] : [{ workload, connections: size, contender, ...summarize(own, service) }];
      }),
    ),
  );
  return { text: formatComparison(lines), data: lines, lines };
}

function buildKey(workload: ComparedName, connections: number, name: RivalName): string {
  return `${workload} ${connections} ${name}`;
}

function summarize(
  own: readonly Sample[],
  service: readonly Sample[] | undefined,
): Omit<Line, 'workload' | 'connections' | 'contender'> {
  const median = (name: keyof Sample): number | null => {
    const value = calculateSpread(own.map((sample) => sample[name])).median;
    return Number.isNaN(value) ? null : value;
  };
  return {
    perSecond: calculateSpread(own.map((sample) => sample.perSecond)),
    serviceRatio:
      service === undefined
        ? null
        : calculateSpread(own.map(({ perSecond }, round) => (service[round]?.perSecond ?? 0) / perSecond)),
    p50: median('p50'),
    p99: median('p99'),
    cpuUs: median('cpuUs'),
    databaseCpuUs: median('databaseCpuUs'),
    megabytes: median('megabytes'),
  };
}

import type { Findings } from './findings.ts';
import {
  createDatasetFor,
  measure,
  progress,
  type Sample,
  type Spread,
  spreadOf,
  warmUp,
  type World,
} from './measure.ts';
import { startContender, startSink } from './processes.ts';
import { numberText, spreadText, tableOf } from './table.ts';

const CONNECTIONS = 32;
const MEASURED = ['entity', 'cancel'] as const;

interface Row {
  readonly workload: string;
  /** Which requests are. */
  readonly traced: string;
  readonly perSecond: Spread;
  /** The throughput as a multiple of that without tracing, round by round. */
  readonly ratio: Spread;
  /** Of the service's processor time, in milliseconds a request: it notices less of what else the machine does. */
  readonly cpuMs: Spread;
  readonly p99: Spread;
  readonly megabytes: number;
}

/** What tracing costs: the same service without it, with every request traced, and with one in ten, in turn. */
export async function measureTraces(world: World): Promise<Findings> {
  await using running = new AsyncDisposableStack();
  progress(`making ${world.options.items} items`);
  const dataset = await createDatasetFor(world);
  running.defer(() => dataset.drop());
  const sink = await startSink();
  running.defer(() => sink.stop());
  const tracing = { OTEL_EXPORTER_OTLP_ENDPOINT: sink.url };
  const environments = {
    'not traced': {},
    'every request': tracing,
    'one in ten': { ...tracing, OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.1' },
  };
  const services = [];
  for (const [name, environment] of Object.entries(environments)) {
    const service = await startContender('service', { ...world, databaseUrl: dataset.url, environment });
    running.defer(() => service.stop());
    await warmUp(world, service, dataset, MEASURED);
    services.push({ name, service });
  }
  const rows: Row[] = [];
  for (const workload of MEASURED) {
    const samples = services.map((): Sample[] => []);
    for (let round = 0; round < world.options.rounds; round += 1) {
      progress(`traces, ${workload}, round ${round + 1} of ${world.options.rounds}`);
      for (let turn = 0; turn < services.length; turn += 1) {
        // Each goes first in turn.
        const position = (turn + round) % services.length;
        const service = services[position]?.service;
        if (service === undefined) continue;
        const sample = await measure(world, service, dataset, {
          workload,
          connections: CONNECTIONS,
          seconds: world.options.seconds,
        });
        samples[position]?.push(sample);
      }
    }
    const [without = []] = samples;
    services.forEach(({ name }, position) => {
      const own = samples[position] ?? [];
      rows.push({
        workload,
        traced: name,
        perSecond: spreadOf(own.map(({ perSecond }) => perSecond)),
        ratio: spreadOf(own.map(({ perSecond }, round) => perSecond / (without[round]?.perSecond ?? 0))),
        cpuMs: spreadOf(own.map(({ cores, perSecond }) => (cores * 1_000) / perSecond)),
        p99: spreadOf(own.map(({ p99 }) => p99)),
        megabytes: spreadOf(own.map(({ megabytes }) => megabytes)).median,
      });
    });
  }
  const text = tableOf(
    ['service', 'traced', 'req/s', 'as fast as without', 'CPU ms', 'p99 ms', 'MB'],
    rows.map((row) => [
      row.workload,
      row.traced,
      spreadText(row.perSecond),
      spreadText(row.ratio, 2),
      spreadText(row.cpuMs, 3),
      spreadText(row.p99, 1),
      numberText(row.megabytes),
    ]),
  );
  return { text: `\n${text}`, data: rows };
}

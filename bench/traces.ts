import type { Findings } from './findings.ts';
import {
  createDatasetForTurn,
  measure,
  reportProgress,
  type Sample,
  type Spread,
  calculateSpread,
  warmUp,
  type World,
} from './measure.ts';
import { startContender, startSink } from './processes.ts';
import { formatNumber, formatSpread, formatTable } from './table.ts';

const CONNECTIONS = 32;
const MEASURED = ['entity', 'cancel'] as const;

interface Row {
  readonly workload: string;
  /** The share of requests that is traced. */
  readonly traced: string;
  readonly perSecond: Spread;
  /** The throughput divided by that without tracing, per round. */
  readonly ratio: Spread;
  /** The service's processor time per request. */
  readonly cpuUs: Spread;
  readonly p99: Spread;
  readonly megabytes: number;
}

/** Measures the cost of tracing: the same service without it, with all requests traced, and with one in ten. */
export async function measureTraces(world: World): Promise<Findings> {
  await using running = new AsyncDisposableStack();
  reportProgress(`making ${world.options.items} items`);
  const dataset = await createDatasetForTurn(world);
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
      reportProgress(`traces, ${workload}, round ${round + 1} of ${world.options.rounds}`);
      for (let turn = 0; turn < services.length; turn += 1) {
        // Each round starts with another service, so none profits from its position.
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
        perSecond: calculateSpread(own.map(({ perSecond }) => perSecond)),
        ratio: calculateSpread(own.map(({ perSecond }, round) => perSecond / (without[round]?.perSecond ?? 0))),
        cpuUs: calculateSpread(own.map(({ cpuUs }) => cpuUs)),
        p99: calculateSpread(own.map(({ p99 }) => p99)),
        megabytes: calculateSpread(own.map(({ megabytes }) => megabytes)).median,
      });
    });
  }
  const text = formatTable(
    ['service', 'traced', 'req/s', 'as fast as without', 'CPU us', 'p99 ms', 'MB'],
    rows.map((row) => [
      row.workload,
      row.traced,
      formatSpread(row.perSecond),
      formatSpread(row.ratio, 2),
      formatSpread(row.cpuUs),
      formatSpread(row.p99, 1),
      formatNumber(row.megabytes),
    ]),
  );
  return { text: `\n${text}`, data: rows };
}

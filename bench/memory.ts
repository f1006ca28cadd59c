import { createDatasetForTurn, measure, reportProgress, type World } from './measure.ts';
import { startContender } from './processes.ts';
import type { Findings } from './findings.ts';
import { formatNumber, formatTable } from './table.ts';
import { readMegabytes } from './usage.ts';
import { COMPARED, type ComparedName } from './workloads.ts';

const CONNECTIONS = 32;
const SAMPLE_INTERVAL_MS = 2_000;

interface Point {
  readonly minute: number;
  readonly megabytes: number;
}

/** Measures the service's memory while all workloads run in turn, again and again. */
export async function measureMemory(world: World): Promise<Findings> {
  const { minutes, seconds } = world.options;
  await using running = new AsyncDisposableStack();
  const dataset = await createDatasetForTurn(world);
  running.defer(() => dataset.drop());
  const service = await startContender('service', { ...world, databaseUrl: dataset.url });
  running.defer(() => service.stop());

  const startedAt = performance.now();
  const minute = (): number => (performance.now() - startedAt) / 60_000;
  const points: Point[] = [{ minute: 0, megabytes: readMegabytes(service.pid) }];
  const timer = setInterval(
    () => points.push({ minute: minute(), megabytes: readMegabytes(service.pid) }),
    SAMPLE_INTERVAL_MS,
  );
  running.defer(() => {
    clearInterval(timer);
  });
  let requests = 0;
  while (minute() < minutes) {
    for (const workload of Object.keys(COMPARED) as ComparedName[]) {
      const { perSecond } = await measure(world, service, dataset, { workload, connections: CONNECTIONS, seconds });
      requests += Math.round(perSecond * seconds);
    }
    reportProgress(`minute ${minute().toFixed(1)} of ${minutes}: ${readMegabytes(service.pid).toFixed(0)} MB`);
  }
  const later = points.filter((point) => point.minute > minutes / 2);
  const data = {
    minutes,
    requests,
    atStart: points[0]?.megabytes ?? 0,
    most: Math.max(...points.map(({ megabytes }) => megabytes)),
    atEnd: points.at(-1)?.megabytes ?? 0,
    growthPerMinute: fitSlope(later),
    points,
  };
  const text = formatTable(
    ['service', 'minutes', 'requests', 'MB at start', 'most MB', 'MB at end', 'MB/minute in the second half'],
    [
      [
        'memory (RSS)',
        formatNumber(minutes, 1),
        formatNumber(requests),
        formatNumber(data.atStart),
        formatNumber(data.most),
        formatNumber(data.atEnd),
        formatNumber(data.growthPerMinute, 2),
      ],
    ],
  );
  return { text: `\n${text}`, data };
}

/** Fits a line by least squares and returns its slope, in MB per minute. */
function fitSlope(points: readonly Point[]): number {
  const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const x = mean(points.map(({ minute }) => minute));
  const y = mean(points.map(({ megabytes }) => megabytes));
  const above = points.reduce((sum, { minute, megabytes }) => sum + (minute - x) * (megabytes - y), 0);
  return above / points.reduce((sum, { minute }) => sum + (minute - x) ** 2, 0);
}

import { readFileSync } from 'node:fs';
import path from 'node:path';
import {
  alertQueries,
  dashboardQueries,
  type Query,
  readAlerts,
  readDashboard,
  readPrometheusConfig,
} from '../support/dashboard.ts';
import { readMetrics } from '../support/exposition.ts';
import { findResultLabels, type Matcher, findSelectors } from '../support/promql.ts';
import { startTestService } from '../support/testService.ts';
import { varyLoad } from '../support/variedLoad.ts';

const service = await startTestService({ LOCK_TIMEOUT_MS: '200' });
await varyLoad(service);
// The second reading shows the first.
await readMetrics(service.url);
const { families, samples } = await readMetrics(service.url);
const own = families.filter(({ name }) => name.startsWith('order_items_'));
const operations = readFileSync(path.join(import.meta.dirname, '../../docs/operations.md'), 'utf8');

const SCRAPE_LABELS = ['job', 'instance'];

/**
 * Metrics that the service does not make, with their labels: Prometheus' own
 * (https://prometheus.io/docs/concepts/jobs_instances/,
 * https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/), and Apollo Router's, as its documentation
 * (Router Instruments, Prometheus exporter) and its integration tests (apollo-router/tests/integration/telemetry/metrics.rs)
 * name them.
 */
const FOREIGN: ReadonlyMap<string, readonly string[]> = new Map([
  ['up', []],
  ['ALERTS', ['alertname', 'alertstate', 'severity']],
  ['http_server_request_duration_seconds_count', ['http_request_method', 'http_response_status_code']],
  ['http_server_request_duration_seconds_bucket', ['http_request_method', 'http_response_status_code', 'le']],
  ['http_client_request_duration_seconds_bucket', ['subgraph_name', 'le']],
]);

const labelsOfMetric = (metric: string): ReadonlySet<string> | undefined => {
  const foreign = FOREIGN.get(metric);
  if (foreign !== undefined) return new Set([...foreign, ...SCRAPE_LABELS]);
  const exposed = samples.filter(({ name }) => name === metric);
  if (exposed.length === 0) return undefined;
  return new Set([...exposed.flatMap(({ labels }) => Object.keys(labels)), ...SCRAPE_LABELS]);
};

/** What a label is known to be. */
function knownValues(metric: string, label: string): string[] {
  if (label === 'job') return readPrometheusConfig().scrape_configs.map(({ job_name }) => job_name);
  if (label === 'alertstate') return ['pending', 'firing'];
  return samples.filter(({ name }) => name === metric).map(({ labels }) => labels[label] ?? '');
}

/** `a|b` and `(?i:a|b)` as what each of them can match. */
function listAlternatives({ operator, value }: Matcher): (string | RegExp)[] {
  if (!operator.includes('~')) return [value];
  const [, alternatives = value] = /^\(\?i:(.*)\)$/.exec(value) ?? [];
  const flags = alternatives === value ? '' : 'i';
  return alternatives.split('|').map((alternative) => new RegExp(`^(?:${alternative})$`, flags));
}

const queries: readonly Query[] = [...dashboardQueries(), ...alertQueries()];

test.each(queries)('$place asks for what there is: $expression', ({ expression, legend }) => {
  const labels = findResultLabels(expression, labelsOfMetric);
  for (const [, label = ''] of legend.matchAll(/\{\{(\w+)\}\}/g)) expect([...labels]).toContain(label);
  for (const { metric, matchers } of findSelectors(expression)) {
    for (const matcher of matchers) {
      expect([...(labelsOfMetric(metric) ?? [])]).toContain(matcher.label);
      if (matcher.label === 'instance') continue;
      const known = knownValues(metric, matcher.label);
      for (const alternative of listAlternatives(matcher)) {
        expect(known).toContainEqual(
          typeof alternative === 'string' ? alternative : expect.stringMatching(alternative),
        );
      }
    }
  }
});

test('every metric of the service is on the dashboard', () => {
  const asked = new Set(
    dashboardQueries().flatMap(({ expression }) => findSelectors(expression).map((one) => one.metric)),
  );
  const shown = (name: string): boolean =>
    ['', '_bucket', '_sum', '_count'].some((suffix) => asked.has(`${name}${suffix}`));
  expect(own.map(({ name }) => name).filter((name) => !shown(name))).toEqual([]);
});

test('every panel has a title, a description, a unit, and a place of its own', () => {
  const { panels } = readDashboard();
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  const taken = new Set<string>();
  for (const { type, title, description = '', datasource, gridPos, fieldConfig, targets = [] } of panels) {
    expect(title).toMatch(/.{3,}/);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
        expect(x).toBeLessThan(24);
        expect(taken).not.toContain(`${x},${y}`);
        taken.add(`${x},${y}`);
      }
    }
    if (type === 'row') continue;
    expect(description).toMatch(/.{30,}\.$/);
    expect(datasource).toMatchObject({ uid: 'prometheus' });
    expect(fieldConfig?.defaults.unit).toMatch(/./);
    expect(targets.length).toBeGreaterThan(0);
  }
});

test('docs/operations.md has the metrics of /metrics, with their labels and help texts', () => {
  const labelsIn = (name: string): string[] => {
    const [sample] = samples.filter((candidate) => [name, `${name}_count`].includes(candidate.name));
    return Object.keys(sample?.labels ?? {});
  };
  const rows = own.map(({ name, help }) => {
    const labels = labelsIn(name).map((label) => `\`${label}\``);
    return `| \`${name}\` | ${labels.join(', ')} | ${help} |`.replaceAll('|  |', '| |');
  });
  const documented = operations.split('\n').filter((line) => line.startsWith('| `order_items_'));
  expect([...documented].sort()).toEqual(rows.sort());
});

test('docs/operations.md has the alerts of alerts.yaml', () => {
  const rows = readAlerts().map(
    ({ alert, annotations: { summary, description } }) => `| ${alert} | ${summary} | ${description} |`,
  );
  const [, table = ''] = /\n\| alert \|.*\n\| --- .*\n((?:\|.*\n)+)/.exec(operations) ?? [];
  expect(table.trimEnd().split('\n')).toEqual(rows);
});

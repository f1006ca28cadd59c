import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';

export const DASHBOARD_FOLDER = path.join(import.meta.dirname, '../../dashboard');

/** An expression of the dashboard or of an alert. */
export interface Query {
  /** The panel or alert. */
  readonly place: string;
  /** The expression with Grafana's variables replaced. */
  readonly expression: string;
  /** The legend, with labels as `{{label}}`. */
  readonly legend: string;
}

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: { readonly uid: string };
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

export interface Dashboard {
  readonly uid: string;
  readonly panels: readonly Panel[];
  readonly annotations: { readonly list: readonly { readonly name: string; readonly expr: string }[] };
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition: string }[] };
}

export interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: { readonly summary: string; readonly description: string };
}

export interface PrometheusConfig {
  readonly global: Record<string, unknown>;
  readonly rule_files: readonly string[];
  readonly scrape_configs: readonly {
    readonly job_name: string;
    readonly static_configs: readonly { readonly targets: readonly string[] }[];
  }[];
}

/** The value of Grafana's `$__rate_interval`. */
const RATE_INTERVAL = '5s';

export function readDashboard(): Dashboard {
  return JSON.parse(readFileSync(path.join(DASHBOARD_FOLDER, 'grafana/order-items.json'), 'utf8')) as Dashboard;
}

export function readAlerts(): readonly Alert[] {
  const { groups } = readYaml('alerts.yaml') as { groups: { rules: Alert[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

export function readPrometheusConfig(): PrometheusConfig {
  return readYaml('prometheus.yaml') as PrometheusConfig;
}

/** Returns every expression of the dashboard. */
export function dashboardQueries(): readonly Query[] {
  const { panels, annotations, templating } = readDashboard();
  const queries = [
    ...panels.flatMap(({ title, targets = [] }) =>
      targets.map(({ expr, legendFormat }) => ({ place: title, expression: expr, legend: legendFormat })),
    ),
    ...annotations.list.map(({ name, expr }) => ({ place: `annotation ${name}`, expression: expr, legend: '' })),
    ...templating.list.map(({ name, definition }) => {
      const [, expression = '', label = ''] = /^label_values\((.+), (\w+)\)$/.exec(definition) ?? [];
      return { place: `variable ${name}`, expression, legend: `{{${label}}}` };
    }),
  ];
  return queries.map((query) => ({
    ...query,
    expression: query.expression.replaceAll('$__rate_interval', RATE_INTERVAL).replaceAll('$instance', '.*'),
  }));
}

/** Returns every expression of the alerts. */
export function alertQueries(): readonly Query[] {
  return readAlerts().map(({ alert, expr }) => ({ place: `alert ${alert}`, expression: expr, legend: '' }));
}

function readYaml(file: string): unknown {
  return parse(readFileSync(path.join(DASHBOARD_FOLDER, file), 'utf8'));
}

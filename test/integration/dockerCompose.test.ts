import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { DASHBOARD_FOLDER, readDashboard, readPrometheusConfig } from '../support/dashboard.ts';

interface ComposeService {
  readonly profiles?: readonly string[];
  readonly image?: string;
  readonly build?: object;
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly depends_on?: Readonly<Record<string, object>>;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
}

const ROOT = path.join(import.meta.dirname, '../..');

const { services, volumes } = readYaml(path.join(ROOT, 'docker-compose.yml')) as {
  services: Record<string, ComposeService>;
  volumes: object;
};
const { prometheus, grafana } = services;

function readYaml(file: string): unknown {
  return parse(readFileSync(file, 'utf8'));
}

/** What a container finds at a path; null where it is not mounted there. */
function mountedAt(service: ComposeService | undefined, target: string): string | null {
  const mount = service?.volumes?.map((volume) => volume.split(':')).find(([, at]) => at === target);
  return mount?.[0] === undefined ? null : path.join(ROOT, mount[0]);
}

describe.each(Object.entries(services))('%s of docker-compose.yml', (name, service) => {
  test('pins a version of its image, or is built here', () => {
    if (service.build === undefined) expect(service.image).toMatch(/:v?\d+\.\d+(\.\d+)?(-\w+)?$/);
  });

  test('is reachable from this machine only, with minimal privileges', () => {
    for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
    expect(service.security_opt).toEqual(['no-new-privileges:true']);
    // PostgreSQL's image changes its user at start, and its files.
    if (name === 'database') return;
    expect(service.read_only).toBe(true);
    expect(service.cap_drop).toEqual(['ALL']);
  });

  test('mounts existing files, read-only', () => {
    for (const volume of service.volumes ?? []) {
      const [source = '', , mode] = volume.split(':');
      if (!source.startsWith('.')) expect(Object.keys(volumes)).toContain(source);
      else expect([existsSync(path.join(ROOT, source)), mode]).toEqual([true, 'ro']);
    }
  });

  test('starts with its dependencies', () => {
    for (const needed of Object.keys(service.depends_on ?? {})) {
      for (const profile of services[needed]?.profiles ?? []) expect(service.profiles).toContain(profile);
      for (const profile of service.profiles ?? []) {
        expect(services[needed]?.profiles ?? [profile]).toContain(profile);
      }
    }
  });
});

test('the dashboard starts the Router, and the Router its neighbors', () => {
  const started = Object.entries(services).filter(([, { profiles = ['dashboard'] }]) => profiles.includes('dashboard'));
  expect(started.map(([name]) => name).sort()).toEqual(Object.keys(services).sort());
});

test('Prometheus scrapes existing services at their ports', () => {
  const router = readYaml(path.join(ROOT, 'supergraph/router.yaml')) as {
    telemetry: { exporters: { metrics: { prometheus: Record<string, unknown> } } };
  };
  const { enabled, listen } = router.telemetry.exporters.metrics.prometheus;
  const targets = readPrometheusConfig().scrape_configs.flatMap(({ static_configs }) =>
    static_configs.flatMap((config) => config.targets),
  );
  expect(targets).toEqual([`order-items:4001`, `router:${String(listen).split(':').at(-1)}`]);
  expect(enabled).toBe(true);
  expect(mountedAt(prometheus, '/etc/prometheus/prometheus.yaml')).toBe(path.join(DASHBOARD_FOLDER, 'prometheus.yaml'));
  for (const file of readPrometheusConfig().rule_files) {
    expect(mountedAt(prometheus, `/etc/prometheus/${file}`)).toBe(path.join(DASHBOARD_FOLDER, file));
  }
});

test('Grafana finds the dashboard and its data, and allows no changes', () => {
  const { datasources } = readYaml(
    mountedAt(grafana, '/etc/grafana/provisioning/datasources/datasource.yaml') ?? '',
  ) as { datasources: unknown };
  expect(datasources).toMatchObject([{ uid: 'prometheus', url: 'http://prometheus:9090', editable: false }]);
  const { providers } = readYaml(mountedAt(grafana, '/etc/grafana/provisioning/dashboards/dashboards.yaml') ?? '') as {
    providers: unknown;
  };
  const home = grafana?.environment?.['GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH'] ?? '';
  expect(providers).toMatchObject([{ allowUiUpdates: false, options: { path: path.dirname(home) } }]);
  expect(mountedAt(grafana, home)).toBe(path.join(DASHBOARD_FOLDER, 'grafana/order-items.json'));
  expect(readDashboard().uid).toBe('order-items');
  expect(grafana?.environment).toMatchObject({
    GF_AUTH_ANONYMOUS_ORG_ROLE: 'Viewer',
    GF_AUTH_BASIC_ENABLED: 'false',
    GF_AUTH_DISABLE_LOGIN_FORM: 'true',
    GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION: 'true',
  });
});

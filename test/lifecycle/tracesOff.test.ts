import { anOrderItem } from '../support/orderItems.ts';
import { openTraces } from '../support/traces.ts';

const { dataSource, trace } = await openTraces();

/** Tells on standard error what the process loads of OpenTelemetry, and for whom. */
const PROBE = `import { registerHooks } from 'node:module';
  registerHooks({ resolve(specifier, context, next) {
    const found = next(specifier, context);
    if (/node_modules.@opentelemetry|telemetry.openTelemetry/.test(found.url))
      process.stderr.write('\\nloaded ' + found.url + ' for ' + context.parentURL + '\\n');
    return found;
  } });`;

/** @returns what is loaded but for the API, which does nothing by itself: the metrics' library always brings it. */
async function loadedWith(environment: Record<string, string>): Promise<string[]> {
  const { output } = await trace(async (service) => service.read(await anOrderItem(dataSource)), environment, [
    '--import',
    `data:text/javascript,${encodeURIComponent(PROBE)}`,
  ]);
  const loaded = output.split('\n').filter((line) => line.startsWith('loaded '));
  // The probe sees.
  expect(loaded.filter((line) => /for \S+node_modules.prom-client\b/.test(line))).not.toEqual([]);
  return loaded.filter((line) => !/for \S+node_modules.(prom-client|@opentelemetry.api)\b/.test(line));
}

const NEEDED = ['telemetry/openTelemetry.ts', '@opentelemetry/sdk-trace/', '@opentelemetry/exporter-trace-otlp-proto/'];

test.each([
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' }],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: '', OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:9/v1/traces' }],
])('loads tracing with %j', async (environment) => {
  const loaded = await loadedWith(environment);
  for (const name of NEEDED) expect(loaded.filter((line) => line.includes(name))).not.toEqual([]);
});

test.each([[{ OTEL_EXPORTER_OTLP_ENDPOINT: '' }], [{ OTEL_SDK_DISABLED: 'TRUE' }], [{ OTEL_TRACES_EXPORTER: 'none' }]])(
  'does not load tracing with %j',
  async (environment) => {
    expect(await loadedWith(environment)).toEqual([]);
  },
);

test('without tracing, the log has the trace id and no span', async () => {
  const { lines } = await trace(async (service) => service.read(await anOrderItem(dataSource)), {
    OTEL_EXPORTER_OTLP_ENDPOINT: '',
  });
  expect(lines).toMatchObject([{ requestId: expect.stringMatching(/^[0-9a-f]{32}$/) }]);
  expect(lines[0]?.['trace_id']).toBe(lines[0]?.['requestId']);
  expect(lines[0]).not.toHaveProperty('span_id');
});

import { anOrderItem } from '../support/orderItems.ts';
import { startOtlpCollector } from '../support/otlpCollector.ts';
import { only, openTraces } from '../support/traces.ts';

const { dataSource, trace } = await openTraces();

/** How long the exporter itself waits for an answer of the collector. Whatever waited for the collector would take as long. */
const EXPORTER_TIMEOUT_MS = 10_000;

test.each(['is not there', 'takes everything and never answers'])(
  'a collector that %s delays no request, and the shutdown by at most two seconds',
  async (behaviour) => {
    const hanging = await startOtlpCollector({ answers: false });
    const endpoint = behaviour === 'is not there' ? 'http://127.0.0.1:9' : hanging.url;
    const id = await anOrderItem(dataSource);
    const { output, lines } = await trace(
      async (service) => {
        // More than one batch of spans, so that some are on their way.
        for (let round = 0; round < 10; round += 1) {
          await Promise.all(Array.from({ length: 60 }, () => service.read(id)));
        }
      },
      { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint },
    );
    // The service waits for two seconds. The rest is for a slow machine.
    expect(readTime(output, 'stopped') - readTime(output, 'stopping')).toBeLessThan(EXPORTER_TIMEOUT_MS / 2);
    expect(lines).toHaveLength(600);
    expect(lines.every(({ status }) => status === 200)).toBe(true);
    expect(Math.max(...lines.map(({ durationMs }) => Number(durationMs)))).toBeLessThan(EXPORTER_TIMEOUT_MS / 2);
    const warnings = output.split('\n').filter((line) => line.includes('"level":"warn"'));
    expect(warnings.length).toBeLessThan(4);
    expect(warnings.join('\n')).toContain('the collector did not accept the last spans');
  },
);

/** Reads the time of the only log line with a message. */
function readTime(output: string, message: string): number {
  const line = only(output.split('\n').filter((text) => text.includes(`"msg":"${message}"`)));
  return Date.parse((JSON.parse(line) as { time: string }).time);
}

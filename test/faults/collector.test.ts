import { anOrderItem } from '../support/orderItems.ts';
import { startOtlpCollector } from '../support/otlpCollector.ts';
import { openTraces } from '../support/traces.ts';

const { dataSource, trace } = await openTraces();

test.each(['is not there', 'takes everything and never answers'])(
  'a collector that %s delays no request, and the shutdown by at most two seconds',
  async (behaviour) => {
    const hanging = await startOtlpCollector({ answers: false });
    const endpoint = behaviour === 'is not there' ? 'http://127.0.0.1:9' : hanging.url;
    const id = await anOrderItem(dataSource);
    let stoppedAt = 0;
    const { output, lines } = await trace(
      async (service) => {
        // More than one batch of spans, so that some are on their way.
        for (let round = 0; round < 10; round += 1) {
          await Promise.all(Array.from({ length: 60 }, () => service.read(id)));
        }
        stoppedAt = performance.now();
      },
      { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint },
    );
    expect(performance.now() - stoppedAt).toBeLessThan(5_000);
    expect(lines).toHaveLength(600);
    expect(lines.every(({ status, durationMs }) => status === 200 && Number(durationMs) < 2_000)).toBe(true);
    const warnings = output.split('\n').filter((line) => line.includes('"level":"warn"'));
    expect(warnings.length).toBeLessThan(4);
    expect(warnings.join('\n')).toContain('the collector did not accept the last spans');
  },
);

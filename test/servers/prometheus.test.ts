import { setTimeout as sleep } from 'node:timers/promises';
import { alertQueries, dashboardQueries, readAlerts } from '../support/dashboard.ts';
import { PROMETHEUS, type Prometheus, promtool, startPrometheus } from '../support/prometheus.ts';
import { findSelectors } from '../support/promql.ts';
import { startTestService } from '../support/testService.ts';
import { varyLoad } from '../support/variedLoad.ts';

const service = await startTestService({ LOCK_TIMEOUT_MS: '200' });
const prometheus =
  PROMETHEUS === undefined
    ? null
    : await startPrometheus({ targets: { 'order-items': new URL(service.url).host }, interval: '500ms' });
const describeWithPrometheus = prometheus === null ? describe.skip : describe;

describeWithPrometheus('a real Prometheus', () => {
  const query: Prometheus['query'] = (expression) => prometheus?.query(expression) ?? Promise.resolve([]);

  test('answers every query of the dashboard and accepts every alert', async () => {
    const loadUntil = Date.now() + 4_000;
    while (Date.now() < loadUntil) await varyLoad(service);
    // For a rate, what came last must have been asked for twice.
    await sleep(1_200);

    for (const { place, expression } of dashboardQueries()) {
      const found = await query(expression);
      const isOfRouter = findSelectors(expression).some(({ metric }) => metric.startsWith('http_'));
      // Nothing started again, and there is no router here.
      const isExpected = !isOfRouter && place !== 'annotation Starts';
      expect({ place, expression, isFound: found.length > 0 }).toEqual({ place, expression, isFound: isExpected });
    }
    for (const { expression } of alertQueries()) await query(expression);
    const expected = readAlerts().map(({ alert }) => ({ name: alert, health: 'ok' }));
    expect(await prometheus?.rules()).toMatchObject(expected);

    const [faults] = await query('sum(order_items_requests_total{outcome="INTERNAL_SERVER_ERROR"})');
    expect(Number(faults?.value[1])).toBeGreaterThan(0);
  });

  test('accepts configuration and rules, and the alerts fire as expected', async () => {
    expect(await promtool('check', 'config', 'prometheus.yaml')).toContain('SUCCESS');
    expect(await promtool('check', 'rules', 'alerts.yaml')).toContain('SUCCESS');
    expect(await promtool('test', 'rules', 'alerts.test.yaml')).toContain('SUCCESS');
  });
});

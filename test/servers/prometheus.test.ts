import { alertQueries, dashboardQueries, type Query, readAlerts } from '../support/dashboard.ts';
import { PROMETHEUS, type Prometheus, promtool, startPrometheus } from '../support/prometheus.ts';
import { findSelectors } from '../support/promql.ts';
import { startTestService } from '../support/testService.ts';
import { varyLoad } from '../support/variedLoad.ts';
import { waitFor } from '../support/waitFor.ts';

const service = await startTestService({ LOCK_TIMEOUT_MS: '200' });
const prometheus =
  PROMETHEUS === undefined
    ? null
    : await startPrometheus({ targets: { 'order-items': new URL(service.url).host }, interval: '500ms' });
const describeWithPrometheus = prometheus === null ? describe.skip : describe;

describeWithPrometheus('a real Prometheus', () => {
  const query: Prometheus['query'] = (expression) => prometheus?.query(expression) ?? Promise.resolve([]);

  test('answers every query of the dashboard and accepts every alert', async () => {
    await varyLoad(service);
    const isOfRouter = (expression: string): boolean =>
      findSelectors(expression).some(({ metric }) => metric.startsWith('http_'));
    // Nothing started again, and there is no router here.
    const isExpected = ({ place, expression }: Pick<Query, 'place' | 'expression'>): boolean =>
      !isOfRouter(expression) && place !== 'annotation Starts';
    for (const { place, expression } of dashboardQueries().filter(isExpected)) {
      // For a rate, Prometheus must have asked twice for what it counts.
      await waitFor(`a result of ${place}: ${expression}`, async () => {
        if ((await query(expression)).length > 0) return true;
        await varyLoad(service);
        return false;
      });
    }
    for (const { place, expression } of dashboardQueries()) {
      const isFound = (await query(expression)).length > 0;
      expect({ place, expression, isFound }).toEqual({ place, expression, isFound: isExpected({ place, expression }) });
    }
    for (const { expression } of alertQueries()) await query(expression);
    const rules = await waitFor('the evaluation of all alerts', async () => {
      const found = (await prometheus?.rules()) ?? [];
      return found.every(({ health }) => health !== 'unknown') ? found : null;
    });
    expect(rules).toMatchObject(readAlerts().map(({ alert }) => ({ name: alert, health: 'ok' })));

    const [faults] = await query('sum(order_items_requests_total{outcome="INTERNAL_SERVER_ERROR"})');
    expect(Number(faults?.value[1])).toBeGreaterThan(0);
  });

  test('accepts configuration and rules, and the alerts fire as expected', async () => {
    expect(await promtool('check', 'config', 'prometheus.yaml')).toContain('SUCCESS');
    expect(await promtool('check', 'rules', 'alerts.yaml')).toContain('SUCCESS');
    expect(await promtool('test', 'rules', 'alerts.test.yaml')).toContain('SUCCESS');
  });
});

import { findResultLabels, findSelectors } from '../support/promql.ts';

const METRICS = new Map([
  ['requests_total', new Set(['route', 'outcome'])],
  ['seconds_bucket', new Set(['route', 'le'])],
]);

function findLabels(expression: string): string[] {
  return [...findResultLabels(expression, (metric) => METRICS.get(metric))].sort();
}

test('finds the labels that functions and aggregations leave on a result', () => {
  expect(findLabels('rate(requests_total[5m])')).toEqual(['outcome', 'route']);
  expect(findLabels('sum(requests_total)')).toEqual([]);
  expect(findLabels('sum(requests_total) by (route)')).toEqual(['route']);
  expect(findLabels('sum without (outcome) (requests_total)')).toEqual(['route']);
  expect(findLabels('topk(3, sum by (outcome) (requests_total))')).toEqual(['outcome']);
  expect(findLabels('histogram_quantile(0.9, sum by (route, le) (rate(seconds_bucket[5m])))')).toEqual(['route']);
  expect(findLabels('time() - requests_total > 3')).toEqual(['outcome', 'route']);
});

test.each([
  ['sum(requests_total', /no PromQL/],
  ['sum(nothing_total)', /no metric nothing_total/],
  ['sum by (queue) (requests_total)', /groups by queue/],
  ['sum by (outcome) (sum by (route) (requests_total))', /groups by outcome/],
  ['sum by (route) (requests_total) / requests_total', /differ/],
])('refuses %s and names the defect', (expression, complaint) => {
  expect(() => findLabels(expression)).toThrow(complaint);
});

test('finds the selectors anywhere in an expression', () => {
  expect(findSelectors('max(a{x="1"}) / on (y) (b{z=~"2|3", y!=""} or vector(0))')).toEqual([
    { metric: 'a', matchers: [{ label: 'x', operator: '=', value: '1' }] },
    {
      metric: 'b',
      matchers: [
        { label: 'z', operator: '=~', value: '2|3' },
        { label: 'y', operator: '!=', value: '' },
      ],
    },
  ]);
});

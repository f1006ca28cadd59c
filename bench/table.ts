import type { Line } from './findings.ts';
import type { Spread } from './measure.ts';
import { COMPARED } from './workloads.ts';

/** Columns as wide as they must be; all but the first are numbers. */
export function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => (row[column] ?? '').length)));
  const lineOf = (row: readonly string[]): string =>
    row
      .map((text, column) => (column === 0 ? text.padEnd(widths[0] ?? 0) : text.padStart(widths[column] ?? 0)))
      .join('  ');
  return `${[head, ...rows].map(lineOf).join('\n')}\n`;
}

/** Such as `1,234 (1,100-1,300)`. */
export function spreadText({ median, min, max }: Spread, digits = 0): string {
  return `${numberText(median, digits)} (${numberText(min, digits)}-${numberText(max, digits)})`;
}

export function numberText(value: number | null, digits = 0): string {
  if (value === null) return '';
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** The comparison: medians with the least and the most, one block for each workload. */
export function comparisonText(lines: readonly Line[]): string {
  const head = ['', 'conn', 'req/s', 'service is ... as fast', 'p50 ms', 'p99 ms', 'cores', 'db', 'load', 'MB'];
  const blocks = [...Map.groupBy(lines, ({ workload }) => workload)].map(([workload, ofWorkload]) => {
    const rows = ofWorkload.map((line) => [
      line.contender,
      String(line.connections),
      spreadText(line.perSecond),
      line.serviceRatio === null || line.contender === 'service' ? '' : `${spreadText(line.serviceRatio, 2)} x`,
      numberText(line.p50, 1),
      numberText(line.p99, 1),
      numberText(line.cores, 2),
      numberText(line.databaseCores, 2),
      numberText(line.loadCores, 2),
      numberText(line.megabytes),
    ]);
    return `${COMPARED[workload].title}\n${tableOf(head, rows)}`;
  });
  const note = lines.some(({ contender }) => contender === 'pgbench')
    ? ''
    : 'pgbench: not measured, it was not found.\n';
  return `\n${blocks.join('\n')}${note}`;
}

import type { Line } from './findings.ts';
import type { Spread } from './measure.ts';
import { COMPARED } from './workloads.ts';

/** Formats a table with aligned columns. All columns except the first hold numbers. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => (row[column] ?? '').length)));
  const formatRow = (row: readonly string[]): string =>
    row
      .map((text, column) => (column === 0 ? text.padEnd(widths[0] ?? 0) : text.padStart(widths[column] ?? 0)))
      .join('  ');
  return `${[head, ...rows].map(formatRow).join('\n')}\n`;
}

/** Formats median, minimum and maximum, such as `1,234 (1,100-1,300)`. */
export function formatSpread({ median, min, max }: Spread, digits = 0): string {
  return `${formatNumber(median, digits)} (${formatNumber(min, digits)}-${formatNumber(max, digits)})`;
}

export function formatNumber(value: number | null, digits = 0): string {
  if (value === null) return '';
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** Formats the comparison of the contenders, with one block per workload. */
export function formatComparison(lines: readonly Line[]): string {
  const head = ['', 'conn', 'req/s', 'service is ... as fast', 'CPU us', 'database us', 'p50 ms', 'p99 ms', 'MB'];
  const blocks = [...Map.groupBy(lines, ({ workload }) => workload)].map(([workload, ofWorkload]) => {
    const rows = ofWorkload.map((line) => [
      line.contender,
      String(line.connections),
      formatSpread(line.perSecond),
      line.serviceRatio === null || line.contender === 'service' ? '' : `${formatSpread(line.serviceRatio, 2)} x`,
      formatNumber(line.cpuUs),
      formatNumber(line.databaseCpuUs),
      formatNumber(line.p50, 1),
      formatNumber(line.p99, 1),
      formatNumber(line.megabytes),
    ]);
    return `${COMPARED[workload].title}\n${formatTable(head, rows)}`;
  });
  const note = lines.some(({ contender }) => contender === 'pgbench')
    ? ''
    : 'pgbench was not found, so it is not measured.\n';
  return `\n${blocks.join('\n')}${note}`;
}

/** Formats the comparison for a page of documentation: one row for each workload and contender. */
export function formatMarkdown(lines: readonly Line[]): string {
  const head = ['workload', 'connections', '', 'req/s', 'service / it', 'CPU µs', 'database µs', 'p50 ms', 'p99 ms'];
  const rows = lines.map((line) => [
    COMPARED[line.workload].title,
    String(line.connections),
    line.contender,
    formatSpread(line.perSecond),
    line.serviceRatio === null || line.contender === 'service' ? '' : formatSpread(line.serviceRatio, 2),
    formatNumber(line.cpuUs),
    formatNumber(line.databaseCpuUs),
    formatNumber(line.p50, 2),
    formatNumber(line.p99, 2),
  ]);
  return `${[head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')}\n`;
}

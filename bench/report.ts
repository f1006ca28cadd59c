import { readFile, writeFile } from 'node:fs/promises';
import { drawChart } from './chart.ts';
import type { Findings } from './findings.ts';
import type { Options, Part } from './options.ts';
import { formatMarkdown } from './table.ts';
import type { Machine } from './usage.ts';

/** Writes the findings of a part into the results file, which keeps those of other parts, writes the table and draws the chart. */
export async function writeReport(
  part: Part,
  { data, lines }: Findings,
  { machine, options }: { readonly machine: Machine; readonly options: Options },
): Promise<void> {
  const file = `${options.output}.json`;
  const others = JSON.parse(await readFile(file, 'utf8').catch(() => '{}')) as Record<string, unknown>;
  const { rounds, seconds, items } = options;
  const results = { ...others, [part]: { machine, options: { rounds, seconds, items }, data } };
  await writeFile(file, `${JSON.stringify(results, roundNumber, 2)}\n`);
  if (lines === undefined) return;
  await writeFile(`${options.output}.md`, formatMarkdown(lines));
  await writeFile(`${options.output}.svg`, drawChart(lines, machine));
}

/** Rounds to four significant digits, because further digits are noise. */
function roundNumber(_name: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;
}

import { readFile, writeFile } from 'node:fs/promises';
import { chartOf } from './chart.ts';
import type { Findings } from './findings.ts';
import type { Options, Part } from './options.ts';
import type { Machine } from './usage.ts';

/** Puts the findings of a part beside those that the file has of others, and draws the chart. */
export async function writeReport(
  part: Part,
  { data, lines }: Findings,
  { machine, options }: { readonly machine: Machine; readonly options: Options },
): Promise<void> {
  const file = `${options.output}.json`;
  const others = JSON.parse(await readFile(file, 'utf8').catch(() => '{}')) as Record<string, unknown>;
  const { rounds, seconds, items } = options;
  const results = { ...others, [part]: { machine, options: { rounds, seconds, items }, data } };
  await writeFile(file, `${JSON.stringify(results, rounded, 2)}\n`);
  if (lines !== undefined) await writeFile(`${options.output}.svg`, chartOf(lines, machine));
}

/** More digits than were measured would only be noise. */
function rounded(_name: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;
}

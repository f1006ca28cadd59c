import { FAULTS } from './faults.ts';
import { type FaultResult, runFault } from './runFault.ts';
import { openSite } from './site.ts';

const HEADS = [
  'fault',
  'answers',
  'cancels acknowledged',
  'not acknowledged, but cancelled (no key)',
  'lost',
  'doubled',
  'longest wait, s',
  'recovery, s',
];

/** Prints the table of README. @param only runs the faults whose names contain this. */
async function main(only = ''): Promise<void> {
  await using site = await openSite({ max_connections: '40' });
  print(HEADS);
  print(HEADS.map(() => '---'));
  for (const fault of FAULTS.filter(({ name }) => name.includes(only))) {
    const result = await runFault(fault, site, { aroundMs: 1_500, items: 60_000 });
    print([fault.name, ...cellsOf(result)]);
    if (result.lost + result.doubled + result.unresolved > 0) process.exitCode = 1;
  }
}

function cellsOf({
  answers,
  acknowledged,
  unknown,
  lost,
  unresolved,
  doubled,
  longestMs,
  recoveryMs,
}: FaultResult): string[] {
  const told = Object.entries(answers).map(
    ([status, count]) => `${status === 'none' ? 'none' : status}: ${count.toLocaleString('en')}`,
  );
  return [
    told.join(', '),
    ...[acknowledged, unknown, lost + unresolved, doubled].map((count) => count.toLocaleString('en')),
    (longestMs / 1_000).toFixed(1),
    (recoveryMs / 1_000).toFixed(2),
  ];
}

function print(cells: readonly string[]): void {
  process.stdout.write(`| ${cells.join(' | ')} |\n`);
}

await main(process.argv[2]);

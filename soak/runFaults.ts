import { countDefects } from './account.ts';
import { FAULTS } from './faults.ts';
import { type FaultResult, runFault } from './runFault.ts';
import { openSite } from './site.ts';
import { printRow, tellAnswers, tellCount, tellSeconds } from './table.ts';

const HEADS = [
  'fault',
  'answers',
  'cancellations, units acknowledged',
  'not acknowledged, but cancelled',
  'lost',
  'doubled',
  'miscounted',
  'ready said',
  'longest wait for a 503, for any answer, s',
  'recovery, s',
];

/**
 * Prints the table of docs/failures.md.
 *
 * @param only runs the faults whose names contain this.
 */
async function main(only = ''): Promise<void> {
  await using site = await openSite();
  printRow(HEADS);
  printRow(HEADS.map(() => '---'));
  for (const fault of FAULTS.filter(({ name }) => name.includes(only))) {
    if (fault.isPossible?.(site) === false) {
      printRow([fault.name, 'not possible on this machine']);
      continue;
    }
    const result = await runFault(fault, site, { aroundMs: 1_500, items: 60_000 });
    printRow([fault.name, ...writeCells(result)]);
    if (countDefects(result) + result.unresolved > 0 || 'wrong' in result.answers) process.exitCode = 1;
  }
}

function writeCells(result: FaultResult): string[] {
  return [
    tellAnswers(result.answers),
    `${tellCount(result.acknowledged)}, ${tellCount(result.acknowledgedUnits)}`,
    ...[
      result.unacknowledged,
      result.lost + result.unresolved,
      result.doubled + result.halved,
      result.miscounted + result.withheld,
    ].map(tellCount),
    [...result.ready].sort().join(', '),
    `${tellSeconds(result.longestRefusalMs, 1)}, ${tellSeconds(result.longestMs, 1)}`,
    tellSeconds(result.recoveryMs, 2),
  ];
}

await main(process.argv[2]);

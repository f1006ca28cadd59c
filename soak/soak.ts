import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { countDefects } from './account.ts';
import { type Fault, FAULTS } from './faults.ts';
import { startLoad } from './load.ts';
import { watchMemory } from './memory.ts';
import { runUnderFault } from './runFault.ts';
import { openSite, type Site } from './site.ts';
import { addStock } from './stock.ts';
import { printRow, tellAnswers, tellCount, tellSeconds } from './table.ts';

/*
 * Runs a mixed load through both doors of two instances, injects faults from the list in random order, and prints the
 * account of every cancel. Everything runs on this machine and ends after the given time.
 */

const HELP = `npm run soak -- [--minutes 10] [--faults 24] [--seed N]
`;

/** The multiple of the 24 callers. */
const CROWD = 8;

/** More items than the service can cancel per minute. */
const ITEMS_PER_MINUTE = 60_000;

/** The first requests are slow, and the memory still grows. */
const WARM_UP_MS = 20_000;

async function soak(minutes: number, faults: number, seed: number): Promise<void> {
  await using site = await openSite();
  const stock = await addStock(site.cluster, Math.ceil(minutes * ITEMS_PER_MINUTE));
  const urls = site.instances.map(({ url }) => url);
  const load = startLoad(urls, site.token, stock, { crowd: CROWD });
  const begun = performance.now();
  const end = begun + minutes * 60_000;
  const recoveries: number[] = [];
  try {
    await sleep(Math.min(WARM_UP_MS, (end - begun) / 10));
    // No fault stops the second instance.
    const memory = watchMemory(site.instances[1]);
    const names = inRandomOrder(possibleFaults(site), faults, seed);
    for (const [position, fault] of names.entries()) {
      await sleep((end - performance.now()) / (names.length - position + 1) - fault.durationMs);
      const { recoveryMs } = await runUnderFault(fault, site, load);
      recoveries.push(recoveryMs);
      tell(
        `${tellSeconds(performance.now() - begun, 0)} s: ${fault.name}, recovered in ${tellSeconds(recoveryMs, 2)} s; ` +
          `longest wait for a 503 so far ${tellSeconds(load.longestRefusalMs(), 2)} s`,
      );
    }
    await sleep(end - performance.now());
    const { startMb, mostMb, endMb, growthMbPerMinute } = memory.stop();
    const account = await load.stop(site.cluster);
    printRow(['soak', `${minutes} minutes, seed ${seed}`]);
    printRow(['---', '---']);
    printRow(['requests', tellCount(account.requests)]);
    printRow(['answers', tellAnswers(account.answers)]);
    printRow(['faults', `${recoveries.length}, of ${new Set(names).size} kinds`]);
    printRow(['cancellations acknowledged', tellCount(account.acknowledged)]);
    printRow(['units that they took', tellCount(account.acknowledgedUnits)]);
    printRow(['refused: an item that cannot be cancelled, or units that others took', tellCount(account.refused)]);
    printRow(['lost', tellCount(account.lost + account.unresolved)]);
    printRow(['doubled, or half done', tellCount(account.doubled + account.halved)]);
    printRow(['items whose units do not add up', tellCount(account.miscounted)]);
    printRow(['refused, although the units are left', tellCount(account.withheld)]);
    printRow([
      'cancelled without an acknowledgement, and without a key to ask again',
      tellCount(account.unacknowledged),
    ]);
    printRow(['longest wait for an answer', `${tellSeconds(account.longestMs, 1)} s`]);
    printRow(['longest wait for a 503', `${tellSeconds(account.longestRefusalMs, 1)} s`]);
    printRow(['longest recovery', `${tellSeconds(Math.max(...recoveries), 2)} s`]);
    printRow([
      'memory of the instance that lived through it',
      `${startMb} MB at first, ${mostMb} MB at the most, ${endMb} MB at the end, ${growthMbPerMinute} MB a minute in the second half`,
    ]);
    if (countDefects(account) + account.unresolved > 0 || 'wrong' in account.answers) process.exitCode = 1;
  } finally {
    await load.stopWithoutWaiting();
  }
}

function possibleFaults(site: Site): readonly Fault[] {
  return FAULTS.filter(({ isPossible, endsAll }) => endsAll !== true && isPossible?.(site) !== false);
}

/** Chooses faults in random order. Each fault comes once before any repeats. */
function inRandomOrder(faults: readonly Fault[], count: number, seed: number): readonly Fault[] {
  const random = randomNumbers(seed);
  const rounds = Array.from({ length: Math.ceil(count / faults.length) }, () =>
    faults
      .map((fault) => ({ fault, rank: random() }))
      .sort((one, other) => one.rank - other.rank)
      .map(({ fault }) => fault),
  );
  return rounds.flat().slice(0, count);
}

/**
 * Creates a generator of numbers from 0 to 1 that depend on the seed alone: a linear congruential generator (Numerical
 * Recipes).
 */
function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
}

function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}

const { values } = parseArgs({
  options: {
    help: { type: 'boolean' },
    minutes: { type: 'string', default: '10' },
    faults: { type: 'string', default: '24' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
});
const [minutes, faults, seed] = [Number(values.minutes), Number(values.faults), Number(values.seed)];
if (values.help === true) process.stdout.write(HELP);
else if (minutes > 0 && minutes <= 600 && faults >= 1 && Number.isInteger(seed)) await soak(minutes, faults, seed);
else {
  process.stderr.write(HELP);
  process.exitCode = 1;
}

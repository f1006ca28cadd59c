import { randomInt } from 'node:crypto';

/** What repeats a run: the seed, and the path to the failure that fast-check names. */
const { FAST_CHECK_SEED, FAST_CHECK_PATH } = process.env;

/**
 * Returns the parameters of random runs, and writes their seed to the output.
 *
 * @param name says in the output what is run.
 */
export function seeded(name: string, numRuns: number): { seed: number; numRuns: number; path?: string } {
  const seed = Number(FAST_CHECK_SEED ?? randomInt(2 ** 31));
  process.stderr.write(`${name}: ${numRuns} runs with FAST_CHECK_SEED=${seed}\n`);
  return { seed, numRuns, ...(FAST_CHECK_PATH === undefined ? {} : { path: FAST_CHECK_PATH }) };
}

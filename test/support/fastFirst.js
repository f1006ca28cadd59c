import { basename } from 'node:path';
import TestSequencer from '@jest/test-sequencer';

/**
 * Those of one rank run from Z to A: in the last, what keeps the processor busy is beside what mostly waits, and the end is
 * short.
 */
const RANKS = [['unit'], ['integration'], ['contract'], ['federation'], ['browser', 'attacks', 'faults', 'lifecycle']];

/** Runs the fast tests first, so that a plain mistake shows at once. */
export default class FastFirst extends TestSequencer {
  sort(tests) {
    const rank = ({ path }) =>
      RANKS.findIndex((folders) => folders.some((folder) => path.includes(`/test/${folder}/`)));
    const name = ({ path }) => basename(path);
    return [...tests].sort((one, other) => rank(one) - rank(other) || (name(one) < name(other) ? 1 : -1));
  }
}

import { basename } from 'node:path';
import TestSequencer from '@jest/test-sequencer';

/** By their names, those of the last rank mix: what keeps the processor busy beside what mostly waits. */
const RANKS = [
  ['unit'],
  ['migration'],
  ['integration'],
  ['contract'],
  ['federation'],
  ['browser', 'faults', 'lifecycle'],
];

/** Runs the fast tests first, so that a plain mistake shows at once. */
export default class FastFirst extends TestSequencer {
  sort(tests) {
    const rank = ({ path }) =>
      RANKS.findIndex((folders) => folders.some((folder) => path.includes(`/test/${folder}/`)));
    const name = ({ path }) => basename(path);
    return [...tests].sort((one, other) => rank(one) - rank(other) || (name(one) < name(other) ? -1 : 1));
  }
}

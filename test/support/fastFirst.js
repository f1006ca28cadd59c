import { basename } from 'node:path';
import TestSequencer from '@jest/test-sequencer';

/**
 * Within a rank, files run from Z to A. In the last rank, this order puts tests that load the processor beside tests that
 * mostly wait, and no long test runs alone at the end.
 */
const RANKS = [
  ['unit'],
  ['integration'],
  ['contract'],
  ['federation', 'attacks'],
  ['browser', 'servers', 'faults', 'lifecycle', 'tooling'],
];

/** Runs the fast tests first, so that a simple mistake shows at once. */
export default class FastFirst extends TestSequencer {
  sort(tests) {
    const rank = ({ path }) =>
      RANKS.findIndex((folders) => folders.some((folder) => path.includes(`/test/${folder}/`)));
    const name = ({ path }) => basename(path);
    return [...tests].sort((one, other) => rank(one) - rank(other) || (name(one) < name(other) ? 1 : -1));
  }
}

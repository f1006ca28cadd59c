import TestSequencer from '@jest/test-sequencer';

const FOLDERS = ['unit', 'migration', 'integration', 'contract', 'faults', 'federation', 'lifecycle', 'browser'];

/** Runs the fast tests first, so that a plain mistake shows at once. */
export default class FastFirst extends TestSequencer {
  sort(tests) {
    const rank = ({ path }) => FOLDERS.findIndex((folder) => path.includes(`/test/${folder}/`));
    return [...tests].sort((one, other) => rank(one) - rank(other) || (one.path < other.path ? -1 : 1));
  }
}

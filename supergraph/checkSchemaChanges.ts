import { readFileSync, writeFileSync } from 'node:fs';
import { changesBetween, currentSdl, isBreaking, RELEASED_FILE } from './schemaChanges.ts';

/**
 * Names what has changed since the last release, and fails if a client could break. `--release` makes this the release, and
 * wants `--breaking` for one that breaks.
 */
const current = currentSdl();
const changes = await changesBetween(readFileSync(RELEASED_FILE, 'utf8'), current);
for (const change of changes) {
  console.log(`${isBreaking(change) ? 'BREAKING' : change.criticality.level}: ${change.message}`);
}
if (changes.some(isBreaking) && !process.argv.includes('--breaking')) {
  console.error('The schema breaks clients of the last release. Deprecate first. docs/supergraph.md says how long.');
  process.exitCode = 1;
} else if (process.argv.includes('--release')) {
  writeFileSync(RELEASED_FILE, current);
}

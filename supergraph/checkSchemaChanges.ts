import { readFileSync, writeFileSync } from 'node:fs';
import { findChanges, readCurrentSdl, isBreaking, RELEASED_FILE } from './schemaChanges.ts';

/**
 * Lists the schema changes since the last release and fails if one could break a client. `--release` records this schema as
 * the release. A breaking release also needs `--breaking`.
 */
const current = readCurrentSdl();
const changes = await findChanges(readFileSync(RELEASED_FILE, 'utf8'), current);
for (const change of changes) {
  console.log(`${isBreaking(change) ? 'BREAKING' : change.criticality.level}: ${change.message}`);
}
if (changes.some(isBreaking) && !process.argv.includes('--breaking')) {
  console.error('The schema breaks clients of the last release. Deprecate first. docs/supergraph.md says how long.');
  process.exitCode = 1;
} else if (process.argv.includes('--release')) {
  writeFileSync(RELEASED_FILE, current);
}

import { readFileSync, writeFileSync } from 'node:fs';
import { changesBetween, currentSdl, isBreaking, RELEASED_FILE } from './schemaChanges.ts';

/** Names what has changed since the last release, and fails if a client could break. `--release` makes this the release. */
const current = currentSdl();
if (process.argv.includes('--release')) {
  writeFileSync(RELEASED_FILE, current);
} else {
  const changes = await changesBetween(readFileSync(RELEASED_FILE, 'utf8'), current);
  for (const { criticality, message } of changes) console.log(`${criticality.level}: ${message}`);
  if (changes.some(isBreaking)) {
    console.error('The schema breaks clients of the last release. Deprecate first; README says how long.');
    process.exitCode = 1;
  }
}

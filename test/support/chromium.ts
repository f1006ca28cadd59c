import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

/** Debian's browser, or the one that is named; a name that leads nowhere fails whoever launches it. */
export const CHROMIUM = process.env['CHROMIUM'] ?? ['/usr/bin/chromium'].find((file) => existsSync(file));

export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM ?? '', args: ['--no-sandbox'] });
}

import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

/** Debian's Chromium, or the one that CHROMIUM names. A wrong name fails at the launch. */
export const CHROMIUM = process.env['CHROMIUM'] ?? ['/usr/bin/chromium'].find((file) => existsSync(file));

/** Another name of this machine. Browsers do not treat its pages as a secure context. */
export const ANOTHER_NAME = 'shop.test';

export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM ?? '',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      // No other machine can be resolved.
      `--host-resolver-rules=MAP ${ANOTHER_NAME} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1`,
    ],
  });
}

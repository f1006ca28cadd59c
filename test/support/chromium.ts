import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

/** Debian's browser, or the one that is named; a name that leads nowhere fails whoever launches it. */
export const CHROMIUM = process.env['CHROMIUM'] ?? ['/usr/bin/chromium'].find((file) => existsSync(file));

/** By which the browser finds this machine, too. A page there is not secure in the eyes of a browser. */
export const ANOTHER_NAME = 'shop.test';

export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM ?? '',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      // Whatever else a page asks for is not to be found.
      `--host-resolver-rules=MAP ${ANOTHER_NAME} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1`,
    ],
  });
}

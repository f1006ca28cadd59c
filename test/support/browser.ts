import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, Page } from 'playwright-core';
import { CHROMIUM, launchBrowser } from './chromium.ts';

/**
 * As `describe`, where there is a browser to look with; `.ci/run` sees to it that there is. After each test, nothing must
 * have gone wrong in the pages that it opened.
 */
export function describeInBrowser(name: string, tests: () => void): void {
  (CHROMIUM === undefined ? describe.skip : describe)(name, () => {
    afterEach(async () => {
      expect(await closeVisits()).toEqual([]);
    });
    afterAll(async () => {
      await browser?.close();
    });
    tests();
  });
}

/** How people look at a page, each on a desk and on a phone, see {@link expectLegible}. */
export const SCHEMES: [name: string, options: VisitOptions][] = [
  ['light', {}],
  ['dark', { dark: true }],
];

/** In pixels. */
const [DESK, PHONE, HEIGHT] = [1_280, 375, 900];

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Of a page that came over plain HTTP from another name than this machine's. */
const REMARK = 'The Cross-Origin-Opener-Policy header has been ignored';

/** Within a test's own time, so that it says what it waited for; the pages are megabytes of JavaScript. In milliseconds. */
const TIMEOUT_MS = 30_000;

/** Colours that fade in are not the ones to judge; what moves for ever is not waited for. */
const ANIMATIONS_ENDED = `Promise.all(
  document.getAnimations().filter(({ effect }) => effect.getComputedTiming().endTime < 5_000)
    .map(({ finished }) => finished.catch(() => undefined)))`;

let browser: Browser | undefined;
const opened = new Set<Visit>();

export interface Visit {
  readonly page: Page;
  /** What went wrong in the page: errors on its console, and requests that would have left the machine. */
  readonly complaints: string[];
  /** The URLs that were asked for, and the size of what came through the network, in bytes. */
  readonly loaded: { readonly url: string; readonly bytes: number }[];
}

export interface VisitOptions {
  readonly dark?: boolean;
}

/** Opens a page in a browser session of its own; the end of the test closes it. */
export async function visit(url: string, { dark = false }: VisitOptions = {}): Promise<Visit> {
  browser ??= await launchBrowser();
  const context = await browser.newContext({
    viewport: { width: DESK, height: HEIGHT },
    colorScheme: dark ? 'dark' : 'light',
    reducedMotion: 'reduce',
  });
  context.setDefaultTimeout(TIMEOUT_MS);
  const complaints: string[] = [];
  const loaded: Visit['loaded'] = [];
  const { host } = new URL(url);
  // The browser finds no other machine; to stop its requests here would cost it its cache.
  context.on('request', (request) => {
    const asked = new URL(request.url());
    if (asked.host !== host && !['data:', 'blob:'].includes(asked.protocol))
      complaints.push(`it asked for ${asked.href}`);
  });
  const page = await context.newPage();
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().startsWith(REMARK)) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('requestfinished', (request) => {
    void request
      .sizes()
      .then(({ responseBodySize }) => loaded.push({ url: request.url(), bytes: responseBodySize }))
      .catch(() => undefined);
  });
  const visited = { page, complaints, loaded };
  opened.add(visited);
  await page.goto(url);
  return visited;
}

/** @returns what went wrong in the pages that were open. */
async function closeVisits(): Promise<string[]> {
  const complaints = [...opened].flatMap((visited) => visited.complaints);
  for (const { page } of opened) await page.context().close();
  opened.clear();
  return complaints;
}

/**
 * Expects that nothing of a page is cut off and that it is accessible, on a desk and on a phone.
 *
 * @param prepare is done for each, before the look.
 */
export async function expectLegible(page: Page, prepare: () => Promise<void>): Promise<void> {
  for (const width of [DESK, PHONE]) {
    await page.setViewportSize({ width, height: HEIGHT });
    await prepare();
    await page.waitForFunction('document.documentElement.scrollWidth <= innerWidth');
    expect(await violationsOf(page)).toEqual([]);
  }
}

/** The serious violations of accessibility that axe-core finds. */
async function violationsOf(page: Page): Promise<string[]> {
  await page.evaluate(ANIMATIONS_ENDED);
  // Not as a script of the page, which the content security policy would refuse.
  const { violations } = await page.evaluate<{
    violations: { id: string; impact: string; nodes: { html: string; failureSummary: string }[] }[];
  }>(`${AXE}; axe.run({ resultTypes: ['violations'] })`);
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(
      ({ id, nodes }) =>
        `${id}: ${nodes.map(({ html, failureSummary }) => `${html.slice(0, 150)} (${failureSummary})`).join('; ')}`,
    );
}

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, Page } from 'playwright-core';
import { CHROMIUM, launchBrowser } from './chromium.ts';

/**
 * Describes tests that need a browser, and skips them without one. After each test, its pages must have reported no errors.
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

/** The color schemes of a page. */
export const SCHEMES: [name: string, options: VisitOptions][] = [
  ['light', {}],
  ['dark', { dark: true }],
];

/** Widths of a desktop and a phone, and a height, in pixels. */
const [DESK, PHONE, HEIGHT] = [1_280, 375, 900];

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** A run takes about a second. */
const MAX_AXE_RUNS = 10;

/** Chromium's remark about a page over plain HTTP from a name other than localhost. */
const REMARK = 'The Cross-Origin-Opener-Policy header has been ignored';

/** Shorter than a test's time limit, so that the error names what was missing. The pages are megabytes of JavaScript. */
const TIMEOUT_MS = 30_000;

/** Waits for animations, because fading colors cannot be judged. Endless animations are ignored. */
const ANIMATIONS_ENDED = `Promise.all(
  document.getAnimations().filter(({ effect }) => effect.getComputedTiming().endTime < 5_000)
    .map(({ finished }) => finished.catch(() => undefined)))`;

let browser: Browser | undefined;
const opened = new Set<Visit>();

export interface Visit {
  readonly page: Page;
  /** Errors on the page's console, and requests to other machines. */
  readonly complaints: string[];
  /** The requested URLs, with the size of their answers. */
  readonly loaded: { readonly url: string; readonly bytes: number }[];
}

export interface VisitOptions {
  readonly dark?: boolean;
}

/** Opens a page in a separate browser session. The end of the test closes it. */
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
  // Interception would disable the cache, so the resolver blocks other machines instead.
  context.on('request', (request) => {
    const asked = new URL(request.url());
    if (asked.host !== host && !['data:', 'blob:'].includes(asked.protocol))
      complaints.push(`a request to ${asked.href}`);
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

/** Closes all pages. @returns their errors. */
async function closeVisits(): Promise<string[]> {
  const complaints = [...opened].flatMap((visited) => visited.complaints);
  for (const { page } of opened) await page.context().close();
  opened.clear();
  return complaints;
}

/**
 * Expects that a page is accessible and nothing of it is cut off, on a desktop and on a phone.
 *
 * @param prepare brings the page into the state to judge. It is called for each width.
 */
export async function expectLegible(page: Page, prepare: () => Promise<void>): Promise<void> {
  for (const width of [DESK, PHONE]) {
    await page.setViewportSize({ width, height: HEIGHT });
    await prepare();
    await page.waitForFunction('document.documentElement.scrollWidth <= innerWidth');
    expect(await findLastingViolations(page)).toEqual([]);
  }
}

/**
 * Returns the violations that a page still has when it has settled. The API reference draws a part when it comes into view, and
 * the part gets the colors of the theme a moment later. No event tells that moment.
 */
async function findLastingViolations(page: Page): Promise<string[]> {
  let violations = await findViolations(page);
  for (let attempt = 1; violations.length > 0 && attempt < MAX_AXE_RUNS; attempt += 1) {
    violations = await findViolations(page);
  }
  return violations;
}

/** Returns the serious violations that axe-core finds. */
async function findViolations(page: Page): Promise<string[]> {
  await page.evaluate(ANIMATIONS_ENDED);
  // A script element would violate the content security policy.
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

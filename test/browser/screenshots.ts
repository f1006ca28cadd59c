import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { launchBrowser } from '../support/chromium.ts';
import { killServiceProcesses, startServiceProcess } from '../support/serviceProcess.ts';

/** Takes the pictures of the pages that README shows, and says how long the pages took and how much they loaded. */
async function main(): Promise<void> {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'order-items-screenshots-'));
  const browser = await launchBrowser();
  try {
    const url = await startServiceProcess({ DATA_DIR: dataDir }).url;
    await picture(browser, `${url}/`, 'start', async (page, shown) => {
      await page.getByRole('row').nth(20).waitFor();
      shown();
      await page.getByLabel('Cancelable').selectOption('Yes');
      await page.locator('tbody button[aria-disabled="true"]').first().waitFor({ state: 'detached' });
      for (const reason of ['Changed my mind', 'The release is late', 'Ordered twice']) {
        await page
          .getByRole('button', { name: /^Cancel item/ })
          .first()
          .click();
        await page.getByLabel('Reason').fill(reason);
        await page.getByRole('button', { name: 'Cancel the item' }).click();
        await page.locator('#recent').getByText(reason).waitFor();
      }
      await page.getByLabel('Cancelable').selectOption('Any');
      await page.getByLabel('Pre-ordered').selectOption('Yes');
      await page.locator('tbody button[aria-disabled="true"]').first().waitFor();
    });
    await picture(browser, `${url}/graphql`, 'playground', async (page, shown) => {
      await page.getByRole('button', { name: 'Show Documentation Explorer' }).click();
      await page.locator('.graphiql-doc-explorer').getByText('Query', { exact: true }).waitFor();
      shown();
      await page.getByRole('button', { name: 'Hide Documentation Explorer' }).click();
      await page.getByRole('button', { name: 'WhyNotCancelable', exact: true }).click();
      await page.getByRole('button', { name: /^Execute query/ }).click();
      await page.locator('.result-window').getByText('blockers').waitFor();
    });
    await picture(browser, `${url}/docs`, 'reference', async (page, shown) => {
      await page.getByRole('heading', { name: 'Order items, REST path' }).waitFor();
      shown();
      await page
        .getByRole('link', { name: /^Cancel a line item/ })
        .first()
        .click();
      await page.getByRole('button', { name: 'Test Request' }).first().waitFor();
    });
  } finally {
    await browser.close();
    await killServiceProcesses();
    await rm(dataDir, { recursive: true, force: true });
  }
}

async function picture(
  browser: Browser,
  url: string,
  name: string,
  prepare: (page: Page, shown: () => void) => Promise<void>,
): Promise<void> {
  const page = await browser.newPage({ viewport: { width: 1200, height: 900 }, reducedMotion: 'reduce' });
  const begun = performance.now();
  let bytes = 0;
  page.on('requestfinished', (request) => {
    void request.sizes().then(({ responseBodySize }) => (bytes += responseBodySize));
  });
  await page.goto(url);
  await prepare(page, () =>
    process.stdout.write(
      `${name}: shown after ${Math.round(performance.now() - begun)} ms, ${Math.round(bytes / 1_000)} kB\n`,
    ),
  );
  // What fades in has done so.
  await page.waitForTimeout(500);
  await page.mouse.move(0, 0);
  await page.screenshot({ path: path.join(import.meta.dirname, `screenshots/${name}.png`) });
  await page.close();
}

await main();

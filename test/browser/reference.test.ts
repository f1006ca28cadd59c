import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'yaml';
import { describeInBrowser, expectLegible, SCHEMES, visit, type Visit, type VisitOptions } from '../support/browser.ts';
import { anOrderItem, findCancellations } from '../support/orderItems.ts';
import { startTestService } from '../support/testService.ts';

const service = await startTestService({ PLAYGROUND: 'true' });
const openApi = parse(await readFile(path.join(import.meta.dirname, '../../schema/openapi.yaml'), 'utf8'));
const CANCEL = openApi.paths['/v0/line_item/{uuid}/cancel'].post;

async function open(options?: VisitOptions): Promise<Visit> {
  const visited = await visit(`${service.url}/docs`, options);
  await visited.page.getByRole('heading', { name: openApi.info.title }).waitFor();
  return visited;
}

describeInBrowser('the API reference', () => {
  test('shows the contract: each path, each answer, each example', async () => {
    const { page } = await open();
    await page.getByRole('heading', { name: CANCEL.summary }).scrollIntoViewIfNeeded();
    for (const status of Object.keys(CANCEL.responses as object)) {
      expect(await page.getByText(status, { exact: true }).count()).toBeGreaterThan(0);
    }
  });

  test.each(SCHEMES)('%s: nothing is cut off, and accessible', async (_, options) => {
    const { page } = await open(options);
    await expectLegible(page, async () => {
      // The page sets its theme by script.
      await page.locator(options.dark === true ? 'body.dark-mode' : 'body.light-mode').waitFor();
      await page.getByRole('heading', { name: CANCEL.summary }).scrollIntoViewIfNeeded();
      await page.getByText('curl').first().waitFor();
    });
  });

  test('each example request works unchanged against the running service', async () => {
    const examples = Object.values<{ summary: string; value: object }>(
      CANCEL.requestBody.content['application/json'].examples,
    );
    for (const { summary, value } of examples) {
      const id = await anOrderItem(service.dataSource, { quantity: 3 });
      const { page } = await open();
      await page.getByRole('heading', { name: CANCEL.summary }).scrollIntoViewIfNeeded();
      await page.getByRole('button', { name: examples[0]?.summary ?? '' }).click();
      await page.getByRole('option', { name: summary, exact: true }).click();
      await page.getByRole('button', { name: 'Test Request' }).first().click();
      const client = page.getByRole('dialog');
      for (const _ of ['first', 'again, with the same key']) {
        await client.getByRole('button', { name: 'Send' }).first().click();
        await client.getByText('200 OK').waitFor();
        await client.getByText(`"${id}"`).waitFor();
      }
      expect(await findCancellations(service.dataSource, [id])).toMatchObject([{ ...value, channel: 'rest' }]);
    }
  });

  test('shows a refusal', async () => {
    const id = await anOrderItem(service.dataSource);
    const visited = await open();
    const { page } = visited;
    await page.getByRole('heading', { name: CANCEL.summary }).scrollIntoViewIfNeeded();
    await page.getByRole('button', { name: 'Test Request' }).first().click();
    expect((await service.cancelByRest(id)).status).toBe(200);
    const client = page.getByRole('dialog');
    await client.getByRole('button', { name: 'Send' }).first().click();
    await client.getByText('400 Bad Request').waitFor();
    await client.getByText('Order item is no longer cancelable.').waitFor();
    expect(visited.complaints.splice(0)).toEqual([expect.stringContaining('400')]);
  });
});

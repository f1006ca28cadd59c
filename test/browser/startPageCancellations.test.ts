import type { Locator } from 'playwright-core';
import { describeInBrowser, expectLegible, SCHEMES, visit, type Visit, type VisitOptions } from '../support/browser.ts';
import { cancelUnits } from '../support/cancelUnits.ts';
import { insertOrderItems } from '../support/orderItems.ts';
import { startTestService } from '../support/testService.ts';

const service = await startTestService({ PLAYGROUND: 'true' });
const ids = await insertOrderItems(
  service.dataSource,
  Array.from({ length: 13 }, (_, position) => ({ orderId: `order-${position}`, quantity: 5 })),
);
for (const [position, id] of ids.entries()) {
  await cancelUnits(service, id, { quantity: 2, reason: `Number ${position}`, reasonCode: 'fraud' });
}
const [first = '', second = ''] = ids;
const elsewhere = await service.token({ subject: 'another caller' });
await service.cancelByRest(first, { body: { reason: 'By REST', quantity: 1 }, token: elsewhere });

interface Opened extends Visit {
  readonly section: Locator;
  readonly entries: Locator;
}

/** Opens the start page and waits for its list of cancellations. */
async function open(options?: VisitOptions): Promise<Opened> {
  const visited = await visit(`${service.url}/`, options);
  const section = visited.page.locator('#cancellations');
  const entries = section.getByRole('listitem');
  await entries.first().waitFor();
  return { ...visited, section, entries };
}

/** Waits until the list has this many entries, which tell these texts. */
async function expectEntries({ entries, section }: Opened, texts: readonly string[]): Promise<void> {
  await section.getByText(texts.length === 0 ? 'No cancellation matches.' : `${texts.length} shown`).waitFor();
  expect(await entries.locator('[data-field="reason"]').allTextContents()).toEqual(texts);
}

const allReasons = ['By REST', ...Array.from({ length: 13 }, (_, place) => `Number ${12 - place}`)];

describeInBrowser('the cancellations of the start page', () => {
  test('are listed newest first, with what each took, a page at a time', async () => {
    const visited = await open();
    const { section, entries, page } = visited;
    await expectEntries(visited, allReasons.slice(0, 10));
    expect(await entries.first().textContent()).toContain(first);
    expect(await entries.first().textContent()).toContain('1 of 5 unit(s), order order-0, REST, by another caller');
    expect(await entries.nth(1).textContent()).toContain(
      '2 of 5 unit(s), order order-12, Suspected fraud, GraphQL, by',
    );
    await section.getByRole('button', { name: 'More' }).click();
    await expectEntries(visited, allReasons);
    // The button is gone. The focus is on the first entry that it added.
    await section.getByRole('button', { name: 'More' }).waitFor({ state: 'hidden' });
    expect(await page.evaluate('document.activeElement.textContent')).toContain('Number 3');
  });

  test('are filtered by order, time, door, code and caller', async () => {
    const visited = await open();
    const { section } = visited;
    const clear = section.getByRole('button', { name: 'Clear' });
    await section.getByLabel('Order').fill('order-0');
    await expectEntries(visited, ['By REST', 'Number 0']);
    await section.getByLabel('Door').selectOption('GraphQL');
    await expectEntries(visited, ['Number 0']);
    await clear.click();
    await expectEntries(visited, allReasons.slice(0, 10));
    await section.getByLabel('Caller').fill('another caller');
    await expectEntries(visited, ['By REST']);
    await section.getByLabel('Code').fill('fraud');
    await expectEntries(visited, []);
    await clear.click();
    await section.getByLabel('Before').fill('2020-01-01T00:00');
    await expectEntries(visited, []);
    await section.getByLabel('From').fill('2020-01-01T00:00');
    await section.getByLabel('Before').fill('2120-01-01T00:00');
    await expectEntries(visited, allReasons.slice(0, 10));
    await section.getByLabel('From').fill('2119-01-01T00:00');
    await expectEntries(visited, []);
  });

  test('can be searched and paged with the keyboard alone', async () => {
    const visited = await open();
    const { page, section } = visited;
    await page.getByRole('link', { name: 'All cancellations' }).focus();
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    await page.keyboard.type('order-1');
    await expectEntries(visited, ['Number 1']);
    await page.keyboard.press('Escape');
    await expectEntries(visited, allReasons.slice(0, 10));
    await section.getByRole('button', { name: 'More' }).focus();
    await page.keyboard.press('Enter');
    await expectEntries(visited, allReasons);
  });

  test('say in words that the service does not answer, and can be asked for again', async () => {
    const visited = await open();
    const { page, section, complaints } = visited;
    await page.route('**/graphql', (route) =>
      route.request().postData()?.includes('StartPageCancellations') === true ? route.abort() : route.continue(),
    );
    await section.getByLabel('Order').fill('order-2');
    await section.getByRole('alert').getByText('The service does not answer.').waitFor();
    await page.unroute('**/graphql');
    await section.getByRole('button', { name: 'Try again' }).click();
    await expectEntries(visited, ['Number 2']);
    await section.getByRole('alert').waitFor({ state: 'hidden' });
    expect(complaints.splice(0)).toEqual([expect.stringContaining('ERR_FAILED')]);
  });

  test('say in words why a list is refused', async () => {
    const visited = await open();
    const { page, section } = visited;
    const message = 'The token lacks the scope order-items:read.';
    await page.route('**/graphql', async (route) => {
      if (route.request().postData()?.includes('StartPageCancellations') !== true) return route.continue();
      const token = await service.token({ scope: 'order-items:cancel' });
      return route.continue({ headers: { ...route.request().headers(), authorization: `Bearer ${token}` } });
    });
    await section.getByLabel('Order').fill('order-2');
    await section.getByRole('alert').getByText(message).waitFor();
  });

  test.each(SCHEMES)('%s: nothing is cut off, and accessible', async (_, options) => {
    const { page, section, entries } = await open(options);
    await section.getByRole('button', { name: 'More' }).focus();
    await expectLegible(page, () => entries.first().waitFor());
  });

  test('show what this page cancels', async () => {
    const { page, entries } = await open();
    await page.getByLabel('Item or order').fill(second);
    await page.locator('tbody tr').nth(1).waitFor({ state: 'detached' });
    await page.locator('tbody').getByRole('button').click();
    await page.getByRole('dialog').getByLabel('Reason').fill('The rest of it');
    await page.getByRole('button', { name: 'Cancel the item' }).click();
    await entries.first().getByText('The rest of it').waitFor();
    expect(await entries.first().textContent()).toContain('3 of 5 unit(s)');
  });
});

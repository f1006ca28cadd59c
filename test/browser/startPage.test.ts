import type { Locator } from 'playwright-core';
import { loadDemonstration } from '../../src/demonstration/loadDemonstration.ts';
import { describeInBrowser, expectLegible, SCHEMES, visit, type Visit, type VisitOptions } from '../support/browser.ts';
import { ANOTHER_NAME } from '../support/chromium.ts';
import { findCancellations, findOrderItem, insertOrderItems } from '../support/orderItems.ts';
import { startTestService } from '../support/testService.ts';

const service = await startTestService({ PLAYGROUND: 'true' });
await loadDemonstration(service.databaseUrl);

/** Opens the start page and waits for its items and its counts, which come with two requests. */
async function open(options?: VisitOptions): Promise<Visit> {
  const visited = await visit(`${service.url}/`, options);
  await visited.page.getByRole('row').nth(20).waitFor();
  await visited.page.locator('#statuses .count').first().waitFor();
  return visited;
}

/** The first item that is shown with such a button. */
function firstItem({ page }: Visit, disabled: boolean) {
  const row = page.locator(`tbody tr:has(button[aria-disabled="${String(disabled)}"])`).first();
  return { row, button: row.getByRole('button'), id: () => row.getAttribute('data-id').then(String) };
}

/** Opens the start page with what can be cancelled. */
async function openCancelable(options?: VisitOptions): Promise<Visit> {
  const visited = await open(options);
  await visited.page.getByLabel('Cancelable').selectOption('Yes');
  await gone(visited.page.locator('tbody button[aria-disabled="true"]'));
  return visited;
}

/** Waits until there is no such element. */
function gone(elements: Locator): Promise<void> {
  return elements.first().waitFor({ state: 'detached' });
}

/** What does not show this. */
function others({ page }: Visit, field: string, text: string): Locator {
  return page.locator(`tbody [data-field="${field}"]:not(:text-is("${text}"))`);
}

describeInBrowser('the start page', () => {
  test('shows items, counts by status, and links to the doors', async () => {
    const { page } = await open();
    expect(await page.locator('tbody tr').count()).toBe(20);
    const rows = await service.dataSource.query<{ count: string }[]>('SELECT count(*) FROM order_item GROUP BY status');
    const counts = await page.locator('#statuses .count').allTextContents();
    expect(
      counts
        .map((count) => Number(count.replaceAll(',', '')))
        .filter((count) => count > 0)
        .sort(),
    ).toEqual(rows.map(({ count }) => Number(count)).sort());
    for (const door of ['/graphql', '/docs', '/v0/openapi.json', '/health/ready', '/metrics']) {
      expect((await fetch(service.url + door, { headers: { accept: 'text/html' } })).status).toBe(200);
      expect(await page.locator(`a[href="${door}"]`).count()).toBe(1);
    }
  });

  test('first load takes less than 100 kB', async () => {
    const { page, loaded } = await open();
    await page.waitForLoadState('networkidle');
    expect(loaded.length).toBeGreaterThan(5);
    expect(loaded.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThan(100_000);
  });

  test('finds items by filters, by order and by id, and turns pages', async () => {
    const visited = await open();
    const { page } = visited;
    await page.getByRole('combobox', { name: 'Status' }).selectOption('Complete');
    await page.getByLabel('Pre-ordered').selectOption('Yes');
    await gone(others(visited, 'status', 'Complete'));
    await page.locator('#filter').getByRole('button', { name: 'Clear' }).click();
    await others(visited, 'status', 'Complete').first().waitFor();

    const first = await page.locator('tbody tr').first().getAttribute('data-id');
    await page.getByRole('button', { name: 'Older' }).click();
    await page.getByText('Page 2').waitFor();
    expect(await page.locator('tbody tr').first().getAttribute('data-id')).not.toBe(first);
    await page.getByRole('button', { name: 'Newer' }).click();
    await page.getByText('Page 1').waitFor();
    expect(await page.locator('tbody tr').first().getAttribute('data-id')).toBe(first);

    const order = String(await page.locator('tbody [data-field="order"]').first().textContent());
    await page.getByLabel('Item or order').fill(order);
    await gone(others(visited, 'order', order));
    await page.getByLabel('Item or order').fill(String(first));
    await gone(page.locator('tbody tr').nth(1));
    await page.getByLabel('Item or order').fill('no such order');
    await page.getByText('No order item matches.').waitFor();
  });

  test('cancels an item with a reason and shows it among the recent cancellations', async () => {
    const visited = await openCancelable();
    const { page } = visited;
    const item = firstItem(visited, false);
    const id = await item.id();
    await item.button.click();
    const reason = '<img src=x onerror=alert(1)> & more';
    await page.getByLabel('Reason').fill(reason);
    await page.getByRole('button', { name: 'Cancel the item' }).click();
    await page.getByRole('status').getByText(`Cancelled ${id}`).waitFor();
    expect(await findOrderItem(service.dataSource, id)).toMatchObject({ status: 'cancelled' });
    expect(await findCancellations(service.dataSource, [id])).toMatchObject([{ reason, channel: 'graphql' }]);
    await page.locator('#recent li').first().getByText(reason).waitFor();
    await gone(page.locator(`tr[data-id="${id}"]`));
    await page.locator('#filter').getByRole('button', { name: 'Clear' }).click();
    await page.getByLabel('Item or order').fill(id);
    await page.locator(`tr[data-id="${id}"] .why`).getByText('It is cancelled.').waitFor();
  });

  test('cancels some units with a code, then the rest of the order', async () => {
    const orderId = 'of-the-start-page';
    const [id = ''] = await insertOrderItems(service.dataSource, [
      { orderId, quantity: 3 },
      { orderId, quantity: 2 },
      { orderId, status: 'complete' },
    ]);
    const { page } = await open();
    await page.getByLabel('Item or order').fill(orderId);
    const button = page.locator(`tr[data-id="${id}"]`).getByRole('button');
    await button.click();
    await page.getByLabel('Reason').fill('One too many');
    await page.getByRole('dialog').getByLabel('Code').selectOption('Changed their mind');
    await page.getByLabel('Units').fill('1');
    await page.getByRole('button', { name: 'Cancel the item' }).click();
    await page.getByRole('status').getByText(`Cancelled 1 unit(s) of ${id}`).waitFor();
    expect(await findCancellations(service.dataSource, [id])).toMatchObject([
      { quantity: 1, remaining: 2, reason_code: 'changed_mind' },
    ]);
    await button.click();
    await page.getByLabel('Reason').fill('All of it');
    await page.getByLabel('Everything that can be cancelled of the order').check();
    await page.getByRole('button', { name: 'Cancel the item' }).click();
    await page.getByRole('status').getByText(`Cancelled 2 item(s) of order ${orderId}`).waitFor();
    expect(await findOrderItem(service.dataSource, id)).toMatchObject({ status: 'cancelled', cancelledQuantity: 3 });
  });

  test('says why an item cannot be cancelled, and asks for no reason', async () => {
    const visited = await open();
    const { row, button } = firstItem(visited, true);
    const why = String(await row.locator('.why').textContent());
    expect(why).toMatch(/^(It was not pre-ordered\.)? ?(It is (complete|cancelled|returned)\.)?$/);
    expect(await button.getAttribute('aria-describedby')).toBe(await row.locator('.why').getAttribute('id'));
    await button.click({ force: true });
    expect(await visited.page.locator('dialog[open]').count()).toBe(0);
  });

  test('shows the refusal if somebody else cancelled first', async () => {
    const visited = await openCancelable();
    const { page } = visited;
    const item = firstItem(visited, false);
    const id = await item.id();
    await item.button.click();
    expect((await service.cancelByRest(id)).status).toBe(200);
    await page.getByLabel('Reason').fill('Late');
    await page.getByRole('button', { name: 'Cancel the item' }).click();
    await page.locator('#cancel-trouble:not([hidden])').waitFor();
    // The words of the contract, as the other door has them.
    expect(await page.locator('#cancel-trouble').textContent()).toBe((await service.cancelByRest(id)).body.message);
    await page.getByRole('button', { name: 'Keep the item' }).click();
    expect(await findCancellations(service.dataSource, [id])).toMatchObject([{ channel: 'rest' }]);
  });

  test('retries a cancel with the same key after a lost answer', async () => {
    const visited = await openCancelable();
    const { page } = visited;
    const item = firstItem(visited, false);
    const id = await item.id();
    await item.button.click();
    await page.getByLabel('Reason').fill('Late');
    const keys: unknown[] = [];
    await page.route('**/graphql', async (route) => {
      const body = route.request().postDataJSON() as { variables: { input?: { idempotencyKey: string } } };
      if (body.variables.input === undefined) return route.continue();
      keys.push(body.variables.input.idempotencyKey);
      if (keys.length > 1) return route.continue();
      await route.fetch();
      return route.abort();
    });
    await page.getByRole('button', { name: 'Cancel the item' }).click();
    await page.getByText('Try again: it is cancelled once at most.').waitFor();
    await page.getByRole('button', { name: 'Cancel the item' }).click();
    await page.getByRole('status').getByText(`Cancelled ${id}`).waitFor();
    expect(keys).toEqual([keys[0], keys[0]]);
    expect(await findCancellations(service.dataSource, [id])).toHaveLength(1);
    // The browser tells of the lost answer on its console.
    expect(visited.complaints.splice(0)).toEqual([expect.stringContaining('ERR_FAILED')]);
  });

  test('works with the keyboard alone', async () => {
    const visited = await open();
    const { page } = visited;
    await page.getByLabel('Cancelable').focus();
    await page.keyboard.press('y');
    await gone(page.locator('tbody button[aria-disabled="true"]'));
    const id = await firstItem(visited, false).id();
    // Clear, and then the first item.
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.keyboard.type('By keyboard');
    await page.keyboard.press('Enter');
    await page.getByRole('status').getByText(`Cancelled ${id}`).waitFor();
    expect(await findCancellations(service.dataSource, [id])).toMatchObject([{ reason: 'By keyboard' }]);
    await firstItem(visited, false).button.focus();
    await page.keyboard.press('Enter');
    await page.keyboard.press('Escape');
    expect(await page.locator('dialog[open]').count()).toBe(0);
  });

  test.each(SCHEMES)('%s: nothing is cut off, and accessible', async (_, options) => {
    const visited = await openCancelable(options);
    const { page } = visited;
    await expectLegible(page, () => firstItem(visited, false).button.waitFor());
    await firstItem(visited, false).button.click();
    await expectLegible(page, () => page.getByLabel('Reason').waitFor());
  });

  test('shows changes by others', async () => {
    const visited = await openCancelable();
    const id = await firstItem(visited, false).id();
    await service.cancelByRest(id, { body: { reason: 'By somebody else' } });
    await visited.page.locator('#recent').getByText('By somebody else').waitFor();
  });

  test('says that the service does not answer, and recovers afterwards', async () => {
    const visited = await open();
    const { page } = visited;
    await page.route('**/graphql', (route) => route.abort());
    await page.getByRole('alert').getByText('The service does not answer.').waitFor();
    await page.unroute('**/graphql');
    await page.getByRole('alert').waitFor({ state: 'hidden' });
    expect(visited.complaints.splice(0)).not.toEqual([]);
  });

  test('works by another host name, over plain HTTP, with an entered token', async () => {
    const { page } = await visit(`${service.url.replace('127.0.0.1', ANOTHER_NAME)}/`);
    await page.getByRole('textbox', { name: 'Token' }).fill(await service.token());
    await page.keyboard.press('Enter');
    await page.getByRole('row').nth(20).waitFor();
    await page.getByLabel('Cancelable').selectOption('Yes');
    await gone(page.locator('tbody button[aria-disabled="true"]'));
    await page.locator('tbody button').first().click();
    await page.getByLabel('Reason').fill('Elsewhere');
    await page.getByRole('button', { name: 'Cancel the item' }).click();
    await page.locator('#recent').getByText('Elsewhere').waitFor();
  });

  test('turns one page for a double click, and never before the first page', async () => {
    const { page } = await open();
    await page.getByRole('button', { name: 'Older' }).dblclick();
    await page.getByText('Page 2').waitFor();
    await page.getByRole('button', { name: 'Newer' }).dblclick();
    await page.getByText('Page 1').waitFor();
    expect(await page.getByRole('button', { name: 'Newer' }).isDisabled()).toBe(true);
    expect(await page.getByRole('button', { name: 'Older' }).isDisabled()).toBe(false);
  });

  test('shows the items before a slow overview, and says when nothing answers', async () => {
    const { page } = await visit(`${service.url}/health/live`);
    await page.route('**/pages/overview', () => undefined);
    await page.goto(`${service.url}/`);
    await page.getByRole('row').nth(20).waitFor();
    await page.getByRole('alert').getByText('The service does not answer.').waitFor();
  });

  test('an item that is found by its id must match the other filters, too', async () => {
    const visited = await openCancelable();
    const { page } = visited;
    const id = await firstItem(visited, false).id();
    await page.getByLabel('Item or order').fill(id);
    await gone(page.locator('tbody tr').nth(1));
    await page.getByRole('combobox', { name: 'Status' }).selectOption('Cancelled');
    await page.getByText('No order item matches.').waitFor();
  });
});

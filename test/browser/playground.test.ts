import { loadDemonstration } from '../../src/demonstration/loadDemonstration.ts';
import { describeInBrowser, expectLegible, SCHEMES, visit, type Visit, type VisitOptions } from '../support/browser.ts';
import { ANOTHER_NAME } from '../support/chromium.ts';
import { startTestService } from '../support/testService.ts';

const service = await startTestService({ PLAYGROUND: 'true' });
await loadDemonstration(service.databaseUrl);

async function open(options?: VisitOptions): Promise<Visit> {
  const visited = await visit(`${service.url}/graphql`, options);
  await visited.page.locator('.graphiql-query-editor .view-line').first().waitFor();
  return visited;
}

/** Runs the operation of a tab. @returns what the answer pane shows. */
async function run({ page }: Visit, tab: string, expected: string): Promise<void> {
  // GraphiQL shows a tab twice after a reload that came before all of it was written down; either will do.
  await page.getByRole('button', { name: tab, exact: true }).first().click();
  await page.locator('.graphiql-query-editor').getByText(tab).first().waitFor();
  await page.getByRole('button', { name: /^Execute query/ }).click();
  await page.locator('.result-window').getByText(expected).first().waitFor();
}

/** The token is neither in URLs nor in the storage that tabs share, and is there for who asks for the headers. */
async function expectSecretToken({ page, loaded }: Visit): Promise<void> {
  const token = String(await page.locator('meta[name="development-token"]').getAttribute('content'));
  expect(token).toMatch(/^eyJ/);
  expect([page.url(), ...loaded.map(({ url }) => url)].join(' ')).not.toContain(token.slice(-20));
  expect(await page.evaluate('JSON.stringify(localStorage) + document.cookie')).not.toContain(token.slice(-20));
  await page.getByRole('button', { name: 'Headers' }).click();
  await page.locator('.graphiql-editor-tool').getByText('Authorization').first().waitFor();
}

describeInBrowser('the playground', () => {
  test('has a working tab for each task of a newcomer, and shows the token nowhere', async () => {
    const visited = await open();
    await run(visited, 'PreOrderedItems', 'releaseDate');
    await run(visited, 'WhyNotCancelable', 'blockers');
    await run(visited, 'CancelOne', 'CancelOrderItemSuccess');
    await run(visited, 'CancelSome', 'changed_mind');
    // Two are cancelled, the third is refused.
    await run(visited, 'CancelSeveral', 'OrderItemNotCancelable');
    await run(visited, 'CancelOrder', 'cancelItemsOfOrder');
    await run(visited, 'Cancellations', 'Ordered by mistake');
    await run(visited, 'ResolveEntities', '_entities');
    const [row] = await service.dataSource.query<{ reasons: string[] }[]>(
      'SELECT array_agg(DISTINCT reason ORDER BY reason) AS reasons FROM order_item_cancellation',
    );
    expect(row?.reasons).toEqual(['Changed my mind', 'One too many', 'Ordered by mistake', 'The release is late']);
    await expectSecretToken(visited);
  });

  test('explains the schema and completes what is typed', async () => {
    const { page } = await open();
    await page.getByRole('button', { name: 'Show Documentation Explorer' }).click();
    await page.locator('.graphiql-doc-explorer').getByText('Query', { exact: true }).click();
    await page.locator('.graphiql-doc-explorer').getByText('orderItems', { exact: true }).waitFor();

    await page.locator('.graphiql-query-editor .view-lines').click();
    await page.keyboard.press('Control+A');
    await page.keyboard.type('{ orderItem');
    await page.locator('.suggest-widget').getByText('orderItems').first().waitFor();
  });

  test('works with the keyboard alone', async () => {
    const { page } = await open();
    await page.locator('.graphiql-query-editor textarea, .graphiql-query-editor [contenteditable]').first().focus();
    await page.keyboard.press('Control+A');
    await page.keyboard.type('query Typed { __typename ');
    // GraphiQL reads what was typed a moment later.
    await page.getByRole('button', { name: 'Typed', exact: true }).waitFor();
    await page.keyboard.press('Control+Enter');
    await page.locator('.result-window').getByText('__typename').first().waitFor();
  });

  test('keeps its tabs and its token after a reload', async () => {
    const visited = await open();
    const { page } = visited;
    await page.locator('.graphiql-query-editor .view-lines').click();
    await page.keyboard.press('Control+A');
    // As if it was pasted: GraphiQL writes down what was typed whenever there is a pause, in two places, one after the
    // other.
    const mine = 'query Mine { orderItems(first: 1) { pageInfo { hasNextPage } } }';
    await page.keyboard.insertText(mine);
    await page.getByRole('button', { name: 'Mine', exact: true }).waitFor();
    await page.waitForFunction(
      `(query) => {
        const { tabs } = JSON.parse(sessionStorage.getItem('graphiql:tabState') ?? '{"tabs":[]}');
        return sessionStorage.getItem('graphiql:query') === query && tabs.some((tab) => tab.query === query);
      }`,
      mine,
    );
    await page.reload();
    await run(visited, 'Mine', 'hasNextPage');
    expect(page.url()).toBe(`${service.url}/graphql`);
  });

  test.each(SCHEMES)('%s: nothing is cut off, and accessible', async (_, options) => {
    const visited = await open(options);
    await expectLegible(visited.page, () => run(visited, 'PreOrderedItems', 'releaseDate'));
  });

  test('asks for a missing token and keeps it in the tab', async () => {
    // By another name, the page gives no token away.
    const visited = await visit(`${service.url.replace('127.0.0.1', ANOTHER_NAME)}/graphql`);
    const { page } = visited;
    const field = page.getByRole('textbox', { name: 'Token' });
    await expectLegible(page, () => field.waitFor());
    await field.fill('nonsense');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText('The token is not valid').waitFor();
    expect(visited.complaints.splice(0)).toEqual([expect.stringContaining('401')]);
    await field.fill(`Bearer ${await service.token()}`);
    await page.keyboard.press('Enter');
    await run(visited, 'PreOrderedItems', 'releaseDate');
    await page.reload();
    await run(visited, 'PreOrderedItems', 'releaseDate');
    expect(await page.evaluate('localStorage.length')).toBe(0);
  });
});

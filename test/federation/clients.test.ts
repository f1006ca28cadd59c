import { killServiceProcesses, startServiceProcess } from '../support/serviceProcess.ts';
import { createTestDatabase } from '../support/testDatabase.ts';
import { startTestService } from '../support/testService.ts';
import { startTokenIssuer } from '../support/tokenIssuer.ts';

const database = await createTestDatabase();
const issuer = await startTokenIssuer();
const service = await startTestService({ DATABASE_URL: database.url, ...issuer.environment });
const token = await issuer.token();
afterAll(killServiceProcesses);

/** Sends a query with headers that identify the client. */
async function askAs(url: string, headers: Record<string, string>, bearer = token): Promise<void> {
  await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ query: 'query Newest { orderItems(first: 1) { edges { cursor } } }' }),
  });
}

/** Reads the lines of `/metrics` that count GraphQL requests. */
async function readRequestCounts(): Promise<string[]> {
  const response = await fetch(`${service.url}/metrics`);
  expect(response.headers.get('content-type')).toContain('text/plain');
  const lines = (await response.text()).split('\n');
  return lines.filter((line) => line.startsWith('order_items_requests_total{') && line.includes('/graphql'));
}

test('the log names the operation and the client, from the headers of Apollo or GraphQL clients', async () => {
  const child = startServiceProcess({ DATABASE_URL: database.url, ...issuer.environment });
  const url = await child.url;
  await askAs(url, { 'apollographql-client-name': 'shop', 'apollographql-client-version': '1.2.3' });
  await askAs(url, { 'graphql-client-name': 'app' });
  await askAs(url, { 'apollographql-client-name': 'x'.repeat(10_000) });
  await askAs(url, {});
  child.child.kill('SIGTERM');
  await child.exit;
  const lines = child
    .output()
    .split('\n')
    .filter((line) => line.includes('"msg":"request"'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines).toMatchObject([
    { operation: 'Newest', field: 'orderItems', client: 'shop', clientVersion: '1.2.3' },
    { operation: 'Newest', field: 'orderItems', client: 'app', clientVersion: null },
    { operation: 'Newest', field: 'orderItems', client: 'x'.repeat(64), clientVersion: null },
    { operation: 'Newest', field: 'orderItems' },
  ]);
  expect(lines[3]).not.toHaveProperty('client');
});

test('the metrics count the first 50 clients by name and all later ones as "other"', async () => {
  await askAs(service.url, { 'apollographql-client-name': 'nobody' }, 'nonsense');
  for (let client = 0; client < 60; client += 1) {
    await askAs(service.url, { 'apollographql-client-name': `client "${client}"` });
  }
  await askAs(service.url, {});
  const counted = await readRequestCounts();
  const buildLine = (outcome: string, client: string, operation = 'orderItems'): string =>
    `order_items_requests_total{route="/graphql",operation="${operation}",outcome="${outcome}",client="${client}"}`;
  expect(counted).toContain(`${buildLine('unauthorized', 'unnamed', 'none')} 1`);
  expect(counted).toContain(`${buildLine('ok', 'client \\"0\\"')} 1`);
  expect(counted).toContain(`${buildLine('ok', 'client \\"49\\"')} 1`);
  expect(counted).toContain(`${buildLine('ok', 'other')} 10`);
  expect(counted).toContain(`${buildLine('ok', 'unnamed')} 1`);
  expect(counted).toHaveLength(53);
});

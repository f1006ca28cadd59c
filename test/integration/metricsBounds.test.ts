import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { readMetrics, findValue } from '../support/exposition.ts';
import { lockItem } from '../support/lockedItem.ts';
import { anOrderItem } from '../support/orderItems.ts';
import { startTestService, type TestService } from '../support/testService.ts';

const service = await startTestService({ LOCK_TIMEOUT_MS: '300', MAX_BATCHED_OPERATIONS: '2' });
const narrow = await startTestService({ MAX_CONCURRENT_REQUESTS: '1', DATABASE_POOL_SIZE: '3' });

const PROMTOOL = ['/usr/bin/promtool'].find((file) => existsSync(file));

/** Requests of somebody who would like a label for every request. */
async function hostileRequests({ url, graphql, token, cancelByRest }: TestService): Promise<void> {
  const word = `w${randomUUID().replaceAll('-', '')}`;
  const bearer = { authorization: `Bearer ${await token()}` };
  await graphql(`query ${word} { ${word} }`);
  await graphql(`query ${word} { ${word}: __typename }`);
  await graphql(`{ ${word}: orderItem(id: "${word}") { ${word}: id } ${word}2: __typename }`);
  await graphql(`fragment ${word} on Query { __typename } { ...${word} }`);
  await graphql(`query($${word}: ${word}) { __typename }`);
  await graphql(`mutation { cancelOrderItem(input: { id: "${word}", reason: "${word}" }) { __typename } }`);
  await graphql(`subscription { ${word} }`);
  await graphql(`{ __type(name: "${word}") { name } }`);
  await graphql(word);
  await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { ...bearer, 'content-type': 'application/json' },
    body: JSON.stringify([{ query: `{ ${word} }` }, { query: '{ __typename }' }]),
  });
  await fetch(`${url}/graphql?query={${word}}&operationName=${word}`, {
    headers: { ...bearer, 'apollo-require-preflight': word },
  });
  await graphql('{ __typename }', {}, word);
  await fetch(`${url}/${word}`, { headers: { 'apollographql-client-name': word } });
  await fetch(`${url}/graphql/${word}`, { method: 'PUT', headers: bearer });
  await cancelByRest(word, { headers: { 'idempotency-key': word } });
  await cancelByRest(word, { token: word, headers: { 'apollographql-client-name': word } });
  await cancelByRest(word, { body: word });
}

test('counts values that callers choose under bounded labels', async () => {
  await hostileRequests(service);
  const listSeries = async (): Promise<string[]> => {
    const { samples } = await readMetrics(service.url);
    return samples
      .filter(({ name }) => name.startsWith('order_items_'))
      .map(({ name, labels }) => `${name} ${JSON.stringify(labels)}`)
      .sort();
  };
  // The first reading counts for the second.
  await listSeries();
  const series = await listSeries();
  for (let round = 0; round < 3; round += 1) await hostileRequests(service);
  expect(await listSeries()).toEqual(series);
  expect(series.length).toBeGreaterThan(100);
});

test('counts a request with a fault and other outcomes as the fault', async () => {
  const [free, locked] = [await anOrderItem(service.dataSource), await anOrderItem(service.dataSource)];
  const lock = await lockItem(service.databaseUrl, locked);
  const { errors } = await service.graphql(`mutation {
    one: cancelOrderItem(input: { id: "${free}", reason: "Late" }) { __typename }
    other: cancelOrderItem(input: { id: "${locked}", reason: "Late" }) { __typename }
  }`);
  await lock.release();
  expect(errors).toHaveLength(1);
  const metrics = await readMetrics(service.url);
  const of = { route: '/graphql', operation: 'several' };
  expect(findValue(metrics, 'order_items_requests_total', { ...of, outcome: 'SERVICE_UNAVAILABLE' })).toBe(1);
});

test('serves metrics under overload, and counts shed requests', async () => {
  const id = await anOrderItem(narrow.dataSource);
  const lock = await lockItem(narrow.databaseUrl, id);
  const waiting = narrow.cancelByRest(id);
  await lock.untilTried();
  const idle = await readMetrics(narrow.url);
  expect(findValue(idle, 'order_items_sheds_total', { full: 'requests' })).toBe(0);
  expect((await narrow.graphql('{ __typename }')).status).toBe(503);
  const busy = await readMetrics(narrow.url);
  expect(findValue(busy, 'order_items_requests_under_way')).toBe(1);
  expect(findValue(busy, 'order_items_requests_limit')).toBe(1);
  expect(findValue(busy, 'order_items_sheds_total', { full: 'requests' })).toBe(1);
  await lock.release();
  expect((await waiting).status).toBe(200);
  const after = await readMetrics(narrow.url);
  expect(findValue(after, 'order_items_requests_under_way')).toBe(0);
  expect(findValue(after, 'order_items_tokens_remembered')).toBe(1);
});

test('exposes each bound', async () => {
  const metrics = await readMetrics(narrow.url);
  expect(findValue(metrics, 'order_items_database_connections_limit')).toBe(3);
  for (const [queue, slots] of [
    ['read_order_items', 2],
    ['read_cancellations', 2],
    ['cancel_order_items', 1],
  ] as const) {
    expect(findValue(metrics, 'order_items_batches_limit', { queue })).toBe(slots);
    expect(findValue(metrics, 'order_items_queue_limit', { queue })).toBe(10_000);
    expect(findValue(metrics, 'order_items_sheds_total', { full: queue })).toBe(0);
  }
});

(PROMTOOL === undefined ? test.skip : test)('promtool has nothing against the metrics', async () => {
  await service.cancelByRest(await anOrderItem(service.dataSource));
  const text = await (await fetch(`${service.url}/metrics`)).text();
  const checking = promisify(execFile)(PROMTOOL ?? '', ['check', 'metrics']);
  checking.child.stdin?.end(text);
  const { stdout, stderr } = await checking.catch((error: unknown) => error as { stdout: string; stderr: string });
  expect(`${stdout}${stderr}`.split('\n').filter((line) => line.includes('order_items_'))).toEqual([]);
});

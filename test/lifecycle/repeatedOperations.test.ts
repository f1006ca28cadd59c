import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DataSource } from 'typeorm';
import { openDevelopmentIssuer } from '../../src/auth/developmentIssuer.ts';
import { anOrderItem, insertOrderItems } from '../support/orderItems.ts';
import { killServiceProcesses, startServiceProcess } from '../support/serviceProcess.ts';
import { createTestDatabase } from '../support/testDatabase.ts';

/* A repeated operation goes past Apollo Server. Nothing that a client or an operator sees may change by that. */

const dataDir = await mkdtemp(path.join(tmpdir(), 'order-items-repeated-'));
const database = await createTestDatabase();
const dataSource = await new DataSource({ type: 'postgres', url: database.url }).initialize();
const issuer = await openDevelopmentIssuer(dataDir);
const token = await issuer.issueToken();
const readOnly = await issuer.issueToken({ scope: 'order-items:read' });
const service = startServiceProcess({
  DATABASE_URL: database.url,
  DATA_DIR: dataDir,
  CACHE_MAX_AGE_S: '30',
  MAX_COST: '100',
});
const url = await service.url;

afterAll(async () => {
  await killServiceProcesses();
  await dataSource.destroy();
  await database.drop();
  await rm(dataDir, { recursive: true });
});

const [pending = '', complete = ''] = await insertOrderItems(dataSource, [
  { orderId: 'order-1' },
  { orderId: 'order-1', status: 'complete' },
]);
const reference = (id: string): object => ({ __typename: 'OrderItem', id });
const ENTITIES =
  'query Items($of: [_Any!]!) { _entities(representations: $of) { ... on OrderItem { id status externalId } } }';
const CANCEL = `mutation($input: CancelOrderItemInput!) { cancelOrderItem(input: $input) {
  __typename ... on CancelOrderItemRefusal { message } ... on CancelOrderItemSuccess { orderItem { status } } } }`;

interface Sent {
  readonly query: string;
  readonly variables?: object;
  readonly operationName?: string;
  readonly bearer?: string;
}

/** What a client and an operator see of a request, without what differs by request. */
async function observe({ bearer = token, ...body }: Sent): Promise<object> {
  const before = await readMetrics();
  const answer = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const { 'x-request-id': requestId = '', date: _date, ...headers } = Object.fromEntries(answer.headers);
  const text = (await answer.text()).replaceAll(requestId, 'the request id');
  await service.untilPrinted(`"requestId":"${requestId}","trace_id"`);
  const lines = service
    .output()
    .split('\n')
    .filter((line) => line.includes(requestId))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .map(({ time: _time, requestId: _id, trace_id: _trace, durationMs: _duration, ...rest }) => rest);
  const after = await readMetrics();
  const counted = [...after].filter(([name, value]) => value !== before.get(name)).map(([name]) => name);
  return { status: answer.status, headers, text, lines, counted };
}

/** The counters of GraphQL requests. */
async function readMetrics(): Promise<Map<string, string>> {
  const lines = (await (await fetch(`${url}/metrics`)).text()).split('\n');
  const counters = lines.filter((line) => /^order_items_requests_total.*route="\/graphql"/.test(line));
  return new Map(counters.map((line) => [line.slice(0, line.lastIndexOf(' ')), line.slice(line.lastIndexOf(' '))]));
}

test.each<[string, Sent]>([
  ['entities', { query: ENTITIES, variables: { of: [reference(pending), reference(complete)] } }],
  ['a named operation', { query: ENTITIES, variables: { of: [reference(pending)] }, operationName: 'Items' }],
  [
    'the second of two operations',
    { query: 'query A { orderItems { __typename } } query B { _service { sdl } }', operationName: 'B' },
  ],
  ['a list', { query: '{ orderItems { edges { cursor node { id } } } }' }],
  ['a refused cancel', { query: CANCEL, variables: { input: { id: complete, reason: 'Late' } } }],
  ['a missing scope', { query: CANCEL, variables: { input: { id: pending, reason: 'Late' } }, bearer: readOnly }],
  ['a field that fails', { query: '{ orderItems(first: 0) { edges { cursor } } }' }],
  ['an invalid variable', { query: ENTITIES.replace('Items', 'Invalid'), variables: { of: 7 } }],
])('a repeated operation has the same answer, log line and counter as a new one: %s', async (_, sent) => {
  const first = await observe(sent);
  // Apollo Server compiles the second request. The others go past it.
  for (let repeat = 2; repeat <= 4; repeat += 1) expect(await observe(sent)).toEqual(first);
});

test('a fault of a repeated cancel has the same answer and log lines as that of a new one', async () => {
  const id = await anOrderItem(dataSource);
  const sent = { query: CANCEL.replace('mutation', 'mutation Fault'), variables: { input: { id, reason: 'Late' } } };
  await dataSource.query('ALTER TABLE order_item_cancellation ADD CONSTRAINT fault CHECK (false) NOT VALID');
  const first = await observe(sent);
  expect(first).toMatchObject({ lines: [{ level: 'error' }, { outcome: 'INTERNAL_SERVER_ERROR' }] });
  const withoutStack = (seen: object): string => JSON.stringify(seen).replaceAll(/"stack":"(?:[^"\\]|\\.)*"/g, '');
  for (let repeat = 2; repeat <= 4; repeat += 1) expect(withoutStack(await observe(sent))).toBe(withoutStack(first));
  await dataSource.query('ALTER TABLE order_item_cancellation DROP CONSTRAINT fault');
});

test('a repeated operation is refused if its variables make it cost too much', async () => {
  const send = (count: number): Promise<object> =>
    observe({ query: ENTITIES.replace('Items', 'Costly'), variables: { of: Array(count).fill(reference(pending)) } });
  for (let repeat = 1; repeat <= 4; repeat += 1) expect(await send(2)).toMatchObject({ status: 200 });
  const refused = { status: 400, text: expect.stringContaining('Cost limit of 100 exceeded') };
  expect(await send(90)).toMatchObject(refused);
  expect(await send(90)).toMatchObject(refused);
});

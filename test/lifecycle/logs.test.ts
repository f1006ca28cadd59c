import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DataSource } from 'typeorm';
import { openDevelopmentIssuer } from '../../src/auth/developmentIssuer.ts';
import { ChangingIssuer, newKey } from '../support/changingIssuer.ts';
import { cancelDocument, exchange, rawCancel, rawRequest } from '../support/hostileHttp.ts';
import { anOrderItem } from '../support/orderItems.ts';
import { sendRaw } from '../support/rawHttp.ts';
import { killServiceProcesses, type ServiceProcess, startServiceProcess } from '../support/serviceProcess.ts';
import { createTestDatabase } from '../support/testDatabase.ts';
import type { RestAnswer } from '../support/testService.ts';

const dataDir = await mkdtemp(path.join(tmpdir(), 'order-items-logs-'));
const database = await createTestDatabase();
const dataSource = await new DataSource({ type: 'postgres', url: database.url }).initialize();
const token = await (await openDevelopmentIssuer(dataDir)).issueToken();
const issuer = await ChangingIssuer.start();

const ROUTER_SECRET = 'planted-router-secret';
const JSON_TYPE = 'Content-Type: application/json';
const UGLY = '\u0007\u001b[2J\u007f\u0085\u009b31m\u2028\u2029\ufeff';
const INTERNAL = "Couldn't process request due to an internal error.";

afterEach(killServiceProcesses);
afterAll(async () => {
  await dataSource.destroy();
  await database.drop();
  await rm(dataDir, { recursive: true });
});

function start(environment: Record<string, string> = {}): ServiceProcess {
  return startServiceProcess({
    DATABASE_URL: database.url,
    DATA_DIR: dataDir,
    LOG_LEVEL: 'trace',
    ROUTER_SECRET,
    ...environment,
  });
}

/** Stops the service. @returns everything that it has written since it began to serve. */
async function stopAndReadLog(service: ServiceProcess): Promise<string> {
  service.child.kill('SIGTERM');
  expect(await service.exit).toBe(0);
  const output = service.output();
  return output.slice(output.lastIndexOf('\n', output.indexOf('"msg":"serving"')) + 1);
}

function parseLines(log: string): Record<string, unknown>[] {
  expect(log.endsWith('\n')).toBe(true);
  return log
    .slice(0, -1)
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** Runs an action while cancels fail in the database, with all that they hold in the driver's error. */
async function whileFaulty<T>(action: () => Promise<T>): Promise<T> {
  await dataSource.query('ALTER TABLE order_item_cancellation ADD CONSTRAINT fault CHECK (false) NOT VALID');
  try {
    return await action();
  } finally {
    await dataSource.query('ALTER TABLE order_item_cancellation DROP CONSTRAINT fault');
  }
}

const planted = { reason: `planted-reason ${UGLY}`, note: `planted-note ${UGLY}` };
const plantedLines = [
  'Idempotency-Key: planted-key',
  'User-Agent: planted-agent\u0085\u009b',
  'Cookie: session=planted-cookie',
  'X-Planted: planted-header',
  `Router-Authorization: ${ROUTER_SECRET}`,
];

function cancelLines(bearer: string): string[] {
  return [`Authorization: Bearer ${bearer}`, JSON_TYPE, ...plantedLines];
}

async function cancelThroughBoth(url: string, bearer: string, stated: object = planted): Promise<RestAnswer[]> {
  const [id, otherId] = [await anOrderItem(dataSource), await anOrderItem(dataSource)];
  const lines = cancelLines(bearer);
  return [
    await sendRaw(url, rawRequest(`POST /v0/line_item/${id}/cancel`, lines, JSON.stringify(stated))),
    await sendRaw(url, rawRequest('POST /graphql', lines, cancelDocument({ id: otherId, ...stated }))),
  ];
}

/** All sorts of input that nobody should send. */
async function attack(url: string, bearer: string): Promise<void> {
  const lines = cancelLines(bearer);
  const escaped = encodeURIComponent(`planted-path${UGLY}`);
  const requests: (string | Buffer)[] = [
    `planted-nonsense${UGLY}\r\n\r\n`,
    `GET /planted-long${'x'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
    rawRequest(`GET /${escaped}?planted-query=${escaped}`, lines),
    rawRequest('GET /planted-path%zz', lines),
    rawRequest(`POST /v0/line_item/${escaped}/cancel`, lines),
    rawRequest('POST /v0/line_item/x/cancel', lines, '{"reason": planted-reason'),
    rawRequest('POST /v0/line_item/x/cancel', ['Authorization: Bearer planted-token', JSON_TYPE]),
    rawRequest('POST /v0/line_item/x/cancel', [`Authorization: planted-scheme\u009b ${bearer}`]),
    rawRequest(`POST /v0/line_item/${crypto.randomUUID()}/cancel`, [...lines, 'traceparent: planted-trace\u0085']),
    rawRequest('POST /graphql', lines, '{"query":"{ plantedField }"}'),
    rawRequest('POST /graphql', lines, '{"query":"query Reads { orderItem(id: \\"planted-id\\") { id } }"}'),
    rawRequest('POST /graphql', lines, '{"query":"planted-syntax \\u009b {"}'),
    rawRequest('POST /graphql', lines, '{"query":"{ __typename }","operationName":"planted-operation\\u2028"}'),
    rawRequest('POST /graphql', lines, cancelDocument({ id: { planted: 'planted-id' }, reason: 1, planted: UGLY })),
    rawRequest('POST /graphql', lines, `{"query": planted-json${UGLY}`),
    rawRequest('POST /graphql', [...lines, 'Router-Authorization: planted-second'], '{}'),
    rawRequest('PLANTED /', lines),
    rawRequest('PROPFIND /planted', lines),
    rawCancel('rest', 'planted-id', []),
    rawCancel('graphql', 'planted-id', lines),
  ];
  for (const request of requests) {
    const body =
      typeof request === 'string'
        ? request
        : request.toString('latin1').replace('Host: x', 'Host: x\r\nConnection: close');
    expect(await exchange(url, Buffer.from(body, 'latin1'))).toMatch(/^HTTP\/1\.1 [24]/);
  }
}

describe('hostile requests', () => {
  test('log injection: the log has valid JSON lines without control characters or texts of callers', async () => {
    const service = start();
    const url = await service.url;
    expect((await cancelThroughBoth(url, token)).map(({ status }) => status)).toEqual([200, 200]);
    await attack(url, token);
    await whileFaulty(() => cancelThroughBoth(url, token, { ...planted, reason: `other planted-reason${UGLY}` }));
    const log = await stopAndReadLog(service);

    const lines = parseLines(log);
    expect(lines.length).toBeGreaterThan(20);
    for (const line of lines) {
      expect(line).toMatchObject({ level: expect.any(String), time: expect.any(String), service: 'order-items' });
    }
    // Nothing but the ends of lines.
    expect(log.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\u2028\u2029]/u);
    expect(/.{0,60}planted.{0,60}/i.exec(log)?.[0]).toBeUndefined();
    expect(log).not.toContain(token);
    expect(log).not.toContain(token.split('.')[2] ?? token);
  });

  test('a fault has a line with its request id and its cause', async () => {
    const service = start();
    const url = await service.url;
    const lines = cancelLines(token).filter((line) => !line.startsWith('Idempotency-Key'));
    const [id, otherId] = [await anOrderItem(dataSource), await anOrderItem(dataSource)];
    const answers = await whileFaulty(async () => [
      await sendRaw(url, rawRequest(`POST /v0/line_item/${id}/cancel`, lines, JSON.stringify(planted))),
      await sendRaw(url, rawRequest('POST /graphql', lines, cancelDocument({ id: otherId, ...planted }))),
    ]);
    expect(answers[0]).toMatchObject({ status: 500, body: { message: INTERNAL } });
    expect(answers[1]?.body.errors).toMatchObject([
      { message: INTERNAL, extensions: { code: 'INTERNAL_SERVER_ERROR' } },
    ]);
    const log = parseLines(await stopAndReadLog(service));
    for (const { headers } of answers) {
      const requestId = headers.get('x-request-id');
      expect(requestId).toMatch(/^[0-9a-f]{32}$/);
      const faults = log.filter((line) => line['requestId'] === requestId && line['level'] === 'error');
      expect(faults).toHaveLength(1);
      expect(faults[0]?.['err']).toMatchObject({ code: '23514', stack: expect.any(String) });
      expect(JSON.stringify(faults)).not.toContain('planted');
    }
  });

  test('a silent issuer has a line with request id and cause for each 503', async () => {
    const service = start(issuer.environment);
    const url = await service.url;
    issuer.misbehavior = (_request, response) => response.writeHead(500).end('no answer');
    const answers = await cancelThroughBoth(url, issuer.token({ sub: 'planted-subject' }));
    issuer.misbehavior = null;
    expect(answers.map(({ status }) => status)).toEqual([503, 503]);
    const log = await stopAndReadLog(service);
    const [first, second] = answers.map(({ headers }) =>
      parseLines(log).filter((line) => line['requestId'] === headers.get('x-request-id') && line['level'] === 'warn'),
    );
    expect(first).toMatchObject([{ err: { type: 'IssuerUnavailable', cause: { message: expect.any(String) } } }]);
    // It was not asked again.
    expect(second).toMatchObject([{ err: { type: 'IssuerUnavailable' } }]);
    expect(log).not.toContain('planted');
  });
});

describe('in production', () => {
  test('answers reveal neither stacks nor SQL nor names of the schema', async () => {
    const service = start({ NODE_ENV: 'production', ...issuer.environment });
    const url = await service.url;
    const bearer = issuer.token();
    const lines = cancelLines(bearer).filter((line) => !line.startsWith('Idempotency-Key'));
    const ask = (query: string, variables = {}): Promise<RestAnswer> =>
      sendRaw(url, rawRequest('POST /graphql', lines, JSON.stringify({ query, variables })));
    const id = await anOrderItem(dataSource);
    const stranger = issuer.token({}, {}, newKey('stranger'));
    const answers = [
      await ask('{ orderItm { id } }'),
      await ask('{ orderItem(id: "x") { stats } }'),
      await ask('{ orderItem(idd: "x") { id } }'),
      await ask('{ orderItems(filter: { statuses: [PENDIN] }) { edges { cursor } } }'),
      await ask('{ orderItem { id } }'),
      await ask('query($id: IDD!) { orderItem(id: $id) { id } }'),
      await ask('mutation($i: CancelOrderItemInput!) { cancelOrderItem(input: $i) { __typename } }', {
        i: { reson: 1 },
      }),
      await ask('{ orderItem(id: "x") { ... on OrderItm { id } } }'),
      await ask('{ orderItem(id: "x") { ...missing } }'),
      await ask('{ __schema { types { name } } }'),
      await ask('{ __type(name: "OrderItem") { name } }'),
      await ask('{ _service { sdl } }'),
      await ask('{ _entities(representations: [{ __typename: "OrderItm", id: "1" }]) { __typename } }'),
      await ask('{ orderItems(after: "nonsense") { edges { cursor } } }'),
      await ask('{ orderItems(first: 100000000000) { edges { cursor } } }'),
      await ask('{'),
      await sendRaw(url, rawRequest('POST /graphql', lines, '{"query":1}')),
      await sendRaw(url, rawRequest('POST /graphql', lines, '{')),
      await sendRaw(url, rawRequest('GET /', lines)),
      await sendRaw(url, rawRequest('GET /%zz', lines)),
      await sendRaw(url, 'nonsense\r\n\r\n'),
      await sendRaw(url, rawRequest('POST /v0/line_item/x/cancel', lines, '{')),
      await sendRaw(url, rawRequest("POST /v0/line_item/'%20OR%201=1--/cancel", lines)),
      await sendRaw(url, rawRequest('POST /v0/line_item/x/cancel', [`Authorization: Bearer ${stranger}`])),
      ...(await whileFaulty(async () => [
        await sendRaw(url, rawRequest(`POST /v0/line_item/${id}/cancel`, lines, JSON.stringify(planted))),
        await sendRaw(url, rawRequest('POST /graphql', lines, cancelDocument({ id, ...planted }))),
      ])),
    ];
    for (const { status, headers, body } of answers) {
      const text = JSON.stringify([body, ...headers]);
      expect(text).not.toMatch(/did you mean|stacktrace|node_modules|\.ts:|\.js:|at \w+ \(/i);
      expect(text).not.toMatch(/select |insert into|order_item_|constraint|postgres|typeorm|23514/i);
      expect(text).not.toMatch(/CancelOrderItemInput|OrderItemStatus|PENDING/);
      expect(headers.get('x-request-id')).toMatch(/^[0-9a-f]{32}$/);
      if (status === 200) expect(body.errors ?? body.data).toBeTruthy();
    }
    expect(answers.at(-2)?.status).toBe(500);
    expect(answers.at(-1)?.body.errors[0].message).toBe(INTERNAL);
    expect(await stopAndReadLog(service)).not.toContain('planted');
  });
});

test('logs probes at debug, and other requests at info', async () => {
  const service = start({ LOG_LEVEL: 'debug' });
  const url = await service.url;
  for (const route of ['/health/live', '/health/ready', '/metrics'])
    expect((await fetch(url + route)).status).toBe(200);
  const lines = parseLines(await stopAndReadLog(service)).filter(({ msg }) => msg === 'request');
  expect(lines.map(({ level, route }) => [level, route])).toEqual(
    expect.arrayContaining([
      ['debug', '/health/live'],
      ['debug', '/health/ready'],
      ['info', '/metrics'],
    ]),
  );
});

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { DataSource } from 'typeorm';
import { openDevelopmentIssuer } from '../../src/auth/developmentIssuer.ts';
import {
  type HttpRequest,
  type Known,
  requestsForElsewhere,
  requestsForGraphQL,
  requestsForRest,
} from '../support/arbitraryRequests.ts';
import { GRAPHQL_CODES } from '../support/arbitraryGraphQL.ts';
import { exchange } from '../support/exchange.ts';
import { expectDocumented, expectErrorForm } from '../support/openApi.ts';
import { insertOrderItems } from '../support/orderItems.ts';
import { CANCEL } from '../support/restContract.ts';
import { killServiceProcesses, startServiceProcess } from '../support/serviceProcess.ts';
import { createTestDatabase } from '../support/testDatabase.ts';
import type { RestAnswer } from '../support/testService.ts';

/** Enough for every shape to come up; slower machines try fewer. */
const EFFORT = { numRuns: 2_000, interruptAfterTimeLimit: 6_000 };
/** More than the longest cancel needs. */
const MAX_BODY_BYTES = 8_192;

/** In the log; what is above it nobody should be able to bring about. */
const INFO = 30;

const dataDir = await mkdtemp(path.join(tmpdir(), 'order-items-arbitrary-'));
const database = await createTestDatabase();
const dataSource = await new DataSource({ type: 'postgres', url: database.url }).initialize();
const service = startServiceProcess({
  DATABASE_URL: database.url,
  DATA_DIR: dataDir,
  MAX_BODY_BYTES: String(MAX_BODY_BYTES),
  // A question for HTML would be answered with a page.
  PLAYGROUND: 'false',
  RATE_LIMIT_PER_MINUTE: '0',
});
const url = await service.url;
const issuer = await openDevelopmentIssuer(dataDir);

const bearer = async (claims?: Parameters<typeof issuer.issueToken>[0]): Promise<string> =>
  `Bearer ${await issuer.issueToken(claims)}`;
const known: Known = {
  ids: await insertOrderItems(dataSource, [
    ...Array.from({ length: 1_000 }, () => ({})),
    ...Array.from({ length: 20 }, () => ({ isPreOrder: false })),
    ...Array.from({ length: 20 }, () => ({ status: 'complete' as const })),
  ]),
  authorizations: [
    [await bearer(), 'full'],
    [await bearer({ subject: 'somebody else' }), 'full'],
    [await bearer({ scope: 'order-items:cancel' }), 'cancel'],
    [await bearer({ scope: 'order-items:read' }), 'read'],
    [await bearer({ expiresInSeconds: -60 }), 'none'],
    [`${await bearer()}x`, 'none'],
    [null, 'none'],
  ],
  maxBodyBytes: MAX_BODY_BYTES,
};

afterAll(async () => {
  await killServiceProcesses();
  await dataSource.destroy();
  await database.drop();
  await rm(dataDir, { recursive: true });
});

/** The cancellations that callers heard of through REST, and the requests that GraphQL answered as carried out. */
const heardByRest = new Set<string>();
const answeredByGraphQL = new Set<string>();

function expectRestAnswer(request: HttpRequest, answer: RestAnswer): void {
  const isMalformed = answer.status === 400;
  // A HEAD is documented as the other method that it is, and else has no body to look at.
  if (request.method === 'HEAD' && isMalformed) expect(answer.body).toBeNull();
  else expectDocumented(answer.status === 405 ? request.method : 'POST', CANCEL, answer);
  expect(statusesOfRest(request)).toContain(answer.status);
  if (answer.status === 200) heardByRest.add(`${answer.body.id} ${answer.body.request_id}`);
}

/** What the contract lets a service answer that lacks nothing. A malformed request is that whoever sends it. */
function statusesOfRest({ method, access }: HttpRequest): number[] {
  if (method !== 'POST') return [400, 405];
  if (access === 'none') return [400, 401];
  if (access === 'read') return [400, 403];
  return [200, 400, 404, 413, 415, 422];
}

function expectGraphQLAnswer(request: HttpRequest, answer: RestAnswer): void {
  expect(request.access === 'none' ? [400, 401] : [200, 400, 405, 406, 413, 415]).toContain(answer.status);
  const requestId = answer.headers.get('x-request-id');
  expect(requestId).toMatch(/^[0-9a-f]{32}$/);
  expect(answer.headers.get('content-type')).toMatch(/^application\/(graphql-response\+)?json(;|$)/);
  if (request.method === 'HEAD') {
    expect(answer.body).toBeNull();
    return;
  }
  const { data, errors, ...others } = answer.body;
  expect(others).toEqual({});
  expect({ data, errors }).not.toEqual({});
  if (answer.status !== 200) expect({ data, errors }).toEqual({ errors: expect.anything() });
  for (const error of errors ?? []) {
    expect(error.message).toEqual(expect.any(String));
    expect(error.extensions).toEqual({ code: expect.any(String), requestId });
    expect(GRAPHQL_CODES).toContain(error.extensions.code);
  }
  if (data !== undefined) answeredByGraphQL.add(String(requestId));
}

function expectNothingThere(request: HttpRequest, answer: RestAnswer): void {
  expect([400, 404, 413, 415]).toContain(answer.status);
  if (request.method === 'HEAD' && answer.body === null) return;
  expectErrorForm(answer);
}

/** What is stored is whole, and is what callers were told. */
async function expectDatabaseInStep(): Promise<void> {
  const [broken] = await dataSource.query<unknown[]>(`
    SELECT count(*) FILTER (WHERE (item.status = 'cancelled') <> (cancellation.id IS NOT NULL))::int AS halves,
           count(*) FILTER (WHERE cancellation.id IS NOT NULL AND event.id IS NULL)::int AS untold,
           count(*) FILTER (WHERE item.version <> CASE item.status WHEN 'cancelled' THEN 2 ELSE 1 END)::int AS touched,
           count(*) FILTER (WHERE item.status = 'cancelled' AND NOT item.is_pre_order)::int AS wrong,
           count(*) - count(DISTINCT item.id) AS twice
    FROM order_item AS item
    LEFT JOIN order_item_cancellation AS cancellation ON cancellation.order_item_id = item.id
    LEFT JOIN order_item_event AS event ON event.order_item_id = item.id`);
  expect(broken).toEqual({ halves: 0, untold: 0, touched: 0, wrong: 0, twice: '0' });

  const rows = await dataSource.query<{ id: string; channel: string; request: string }[]>(
    'SELECT order_item_id AS id, channel, request_id AS request FROM order_item_cancellation',
  );
  const told = rows.map(({ id, request }) => `${id} ${request}`);
  expect([...heardByRest].filter((cancellation) => !told.includes(cancellation))).toEqual([]);
  const unheard = rows.filter(({ id, channel, request }) =>
    channel === 'rest' ? !heardByRest.has(`${id} ${request}`) : !answeredByGraphQL.has(request),
  );
  expect(unheard).toEqual([]);
}

async function expectServiceInOrder(): Promise<void> {
  expect((await fetch(`${url}/health/ready`)).status).toBe(200);
  expect(service.child.exitCode).toBeNull();
  const faults = service
    .output()
    .split('\n')
    .filter((line) => line.startsWith('{') && (JSON.parse(line) as { level: number }).level > INFO);
  expect(faults).toEqual([]);
}

async function countCancellations(): Promise<number> {
  const [row] = await dataSource.query<{ count: number }[]>('SELECT count(*)::int FROM order_item_cancellation');
  return row?.count ?? 0;
}

test.each([
  ['the REST path', requestsForRest, expectRestAnswer],
  ['anywhere else', requestsForElsewhere, expectNothingThere],
  ['/graphql', requestsForGraphQL, expectGraphQLAnswer],
])(
  'whatever is sent to %s is answered as documented, and nothing is done unsaid',
  async (_, requestsFor, expectAnswer) => {
    let before = await countCancellations();
    await fc.assert(
      fc.asyncProperty(requestsFor(known), async (request) => {
        const answer = await exchange(url, request);
        expectAnswer(request, answer);
        const stored = before;
        before = await countCancellations();
        if (answer.status !== 200) expect(before).toBe(stored);
      }),
      EFFORT,
    );
    await expectDatabaseInStep();
    await expectServiceInOrder();
  },
);

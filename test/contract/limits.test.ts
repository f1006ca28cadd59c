import { expectRefused, send, times } from '../support/attack.ts';
import { lockItem } from '../support/lockedItem.ts';
import { expectNothingWritten } from '../support/nothingWritten.ts';
import { anOrderItem, findOrderItem, insertOrderItems } from '../support/orderItems.ts';
import { openConnection } from '../support/rawHttp.ts';
import { type GraphQLAnswer, type RestAnswer, startTestService, type TestService } from '../support/testService.ts';
import { waitFor } from '../support/waitFor.ts';

const small = await startTestService({
  MAX_DOCUMENT_TOKENS: '100',
  MAX_DEPTH: '5',
  MAX_ALIASES: '3',
  MAX_ROOT_FIELDS: '4',
  MAX_DIRECTIVES: '2',
  MAX_PAGE_SIZE: '20',
  MAX_BULK_IDS: '3',
  MAX_REPRESENTATIONS: '4',
  MAX_BATCHED_OPERATIONS: '2',
  MAX_BODY_BYTES: '2048',
});
const cheap = await startTestService({ MAX_COST: '100' });
/** The requests of this service that must succeed take a hundredth of this. */
const hasty = await startTestService({ REQUEST_TIMEOUT_MS: '2000' });
const narrow = await startTestService({
  MAX_CONCURRENT_REQUESTS: '2',
  LOCK_TIMEOUT_MS: '20000',
  REQUEST_TIMEOUT_MS: '30000',
});

const CANCEL = 'mutation($input: CancelOrderItemInput!) { cancelOrderItem(input: $input) { __typename } }';
const CANCEL_ALL = 'mutation($input: CancelOrderItemsInput!) { cancelOrderItems(input: $input) { __typename } }';
const ENTITIES = 'query($representations: [_Any!]!) { _entities(representations: $representations) { __typename } }';
const ITEM = 'orderItem(id: "x")';

function ask(service: TestService, query: string, variables: object = {}): Promise<RestAnswer> {
  return send(service, { body: JSON.stringify({ query, variables }) });
}

describe('limits on a document', () => {
  test.each([
    [
      'MAX_DOCUMENT_TOKENS',
      small,
      `{ ${ITEM} { ${times(90, 'id')} } }`,
      `{ ${ITEM} { ${times(91, 'id')} } }`,
      'GRAPHQL_PARSE_FAILED',
      /more that 100 tokens/,
    ],
    [
      'MAX_DEPTH',
      small,
      `{ ${ITEM} { order { items { edges { cursor } } } } }`,
      `{ ${ITEM} { order { items { edges { node { id } } } } } }`,
      'GRAPHQL_VALIDATION_FAILED',
      /^Query depth limit of 5 exceeded, found 6\.$/,
    ],
    [
      'MAX_ALIASES',
      small,
      `{ ${ITEM} { ${times(3, 'a#: id')} } }`,
      `{ ${ITEM} { ${times(4, 'a#: id')} } }`,
      'GRAPHQL_VALIDATION_FAILED',
      /^Aliases limit of 3 exceeded, found 4\.$/,
    ],
    [
      'MAX_ROOT_FIELDS',
      small,
      `{ ${times(4, '__typename')} }`,
      `{ ${times(5, '__typename')} }`,
      'GRAPHQL_VALIDATION_FAILED',
      /^Root fields limit of 4 exceeded, found 5\.$/,
    ],
    [
      'MAX_DIRECTIVES',
      small,
      `{ ${times(2, '__typename @skip(if: false)')} }`,
      `{ ${times(3, '__typename @skip(if: false)')} }`,
      'GRAPHQL_VALIDATION_FAILED',
      /^Directives limit of 2 exceeded, found 3\.$/,
    ],
    [
      'MAX_COST',
      cheap,
      '{ orderItems(first: 30) { edges { node { id } } } }',
      '{ orderItems(first: 31) { edges { node { id } } } }',
      'GRAPHQL_VALIDATION_FAILED',
      /^Cost limit of 100 exceeded, the operation can cost 103\.$/,
    ],
  ])(
    '%s serves a document at the limit and refuses one above it',
    async (_, service, within, beyond, code, message) => {
      const served = await ask(service, within);
      expect({ status: served.status, errors: served.body.errors }).toEqual({ status: 200, errors: undefined });
      expectRefused(await ask(service, beyond), 400, code, message);
    },
  );

  test('MAX_COST depends on the variables of the request', async () => {
    const query = 'query($first: Int) { orderItems(first: $first) { edges { node { id } } } }';
    expect((await ask(cheap, query, { first: 30 })).body.errors).toBeUndefined();
    expectRefused(
      await ask(cheap, query, { first: 31 }),
      400,
      'GRAPHQL_VALIDATION_FAILED',
      /^Cost limit of 100 exceeded/,
    );
  });
});

describe('limits on the values of an operation', () => {
  const buildIds = (count: number): object => ({ input: { ids: Array(count).fill('x'), reason: 'Late' } });
  const buildRepresentations = (count: number): object => ({
    representations: Array(count).fill({ __typename: 'OrderItem', id: 'x' }),
  });
  const LIST = 'query($first: Int) { orderItems(first: $first) { edges { cursor } } }';
  const ITEMS = `query($first: Int) { ${ITEM} { id } _entities(representations: [{ __typename: "Order", id: "o" }]) { ... on Order { items(first: $first) { __typename } } } }`;

  test.each([
    ['MAX_PAGE_SIZE', LIST, { first: 20 }, { first: 21 }, /^'first' must be from 1 to 20\.$/],
    ['MAX_PAGE_SIZE of a nested list', ITEMS, { first: 20 }, { first: 21 }, /^'first' must be from 1 to 20\.$/],
    ['MAX_BULK_IDS', CANCEL_ALL, buildIds(3), buildIds(4), /^'ids' must hold 1 to 3 ids\.$/],
    [
      'MAX_REPRESENTATIONS',
      ENTITIES,
      buildRepresentations(4),
      buildRepresentations(5),
      /^'representations' must hold at most 4 representations\.$/,
    ],
  ])('%s accepts values at the limit and refuses one above it', async (_, query, within, beyond, message) => {
    expect((await ask(small, query, within)).body.errors).toBeUndefined();
    expectRefused(await ask(small, query, beyond), 200, 'BAD_USER_INPUT', message);
  });

  test('a list without a size has 20 items', async () => {
    await insertOrderItems(small.dataSource, Array<object>(22).fill({}));
    expect((await small.graphql('{ orderItems { edges { cursor } } }')).data.orderItems.edges).toHaveLength(20);
  });
});

describe('limits on a request', () => {
  test('MAX_BATCHED_OPERATIONS serves a batch at the limit and refuses one above it', async () => {
    const buildBatch = (count: number): string => JSON.stringify(Array(count).fill({ query: '{ __typename }' }));
    expect((await send(small, { body: buildBatch(2) })).body).toEqual(Array(2).fill({ data: { __typename: 'Query' } }));
    expectRefused(
      await send(small, { body: buildBatch(3) }),
      400,
      'BAD_REQUEST',
      /^A batch must hold at most 2 operations\.$/,
    );
  });

  test('MAX_BODY_BYTES accepts a body at the limit and refuses one byte more, through GraphQL and REST', async () => {
    const id = await anOrderItem(small.dataSource);
    const body = '{"query":"{ __typename }"}';
    expect((await send(small, { body: body.padEnd(2_048) })).status).toBe(200);
    expectRefused(
      await send(small, { body: body.padEnd(2_049) }),
      413,
      'PAYLOAD_TOO_LARGE',
      /^The body of the request is too large\.$/,
    );
    expect((await small.cancelByRest(id, { body: '{"reason":"Late"}'.padEnd(2_049) })).status).toBe(413);
    expect((await small.cancelByRest(id, { body: '{"reason":"Late"}'.padEnd(2_048) })).status).toBe(200);
  });
});

/** Slows a cancel of the product `slow N` down by N seconds. */
await hasty.dataSource.query(`
  CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN PERFORM pg_sleep(substr(NEW.product_id, 6)::float8); RETURN NEW; END $$`);
await hasty.dataSource.query(`
  CREATE TRIGGER dawdle BEFORE UPDATE ON order_item
  FOR EACH ROW WHEN (NEW.product_id LIKE 'slow %') EXECUTE FUNCTION dawdle()`);

/** Waits until the service runs no statement. */
async function untilQuiet({ dataSource }: TestService): Promise<void> {
  await waitFor('the end of all statements of the service', async () => {
    const [row] = await dataSource.query<{ busy: boolean }[]>(`
      SELECT EXISTS (
        SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'
      ) AS busy`);
    return row?.busy === false;
  });
}

describe('REQUEST_TIMEOUT_MS', () => {
  const MESSAGE = 'The request took too long. Try again.';

  test('cancels a statement that takes longer and writes nothing, through GraphQL', async () => {
    const id = await anOrderItem(hasty.dataSource, { productId: 'slow 60' });
    const answer = await expectNothingWritten(hasty.dataSource, async () => {
      const answer = await hasty.graphql(CANCEL, { input: { id, reason: 'Late' } });
      await untilQuiet(hasty);
      return answer;
    });
    expectOutOfTime(answer);
    expect(answer.errors.map(({ message }) => message)).toEqual([MESSAGE]);
  });

  test('cancels a statement that takes longer and writes nothing, through REST', async () => {
    const id = await anOrderItem(hasty.dataSource, { productId: 'slow 60' });
    const answer = await expectNothingWritten(hasty.dataSource, async () => {
      const answer = await hasty.cancelByRest(id);
      await untilQuiet(hasty);
      return answer;
    });
    expect({ status: answer.status, body: answer.body }).toEqual({
      status: 503,
      body: { error_code: 'service_unavailable', message: MESSAGE, request_id: answer.headers.get('x-request-id') },
    });
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
  });

  test('limits an operation of many short statements as a whole', async () => {
    const ids = await insertOrderItems(hasty.dataSource, Array<object>(20).fill({ productId: 'slow 0.6' }));
    const fields = ids.map(
      (id, place) => `a${place}: cancelOrderItem(input: { id: "${id}", reason: "Late" }) { __typename }`,
    );
    expectOutOfTime(await hasty.graphql(`mutation { ${fields.join(' ')} }`));
    await untilQuiet(hasty);
    const [row] = await hasty.dataSource.query<{ count: number }[]>(
      `SELECT count(*)::int FROM order_item WHERE status = 'cancelled' AND product_id = 'slow 0.6'`,
    );
    // Each takes 600 ms of the 2,000 ms, so the fourth is the last that can begin.
    expect(row?.count).toBeLessThanOrEqual(4);
  });

  test('times out more slow requests than the pool has connections, then serves the next request', async () => {
    const slow = await insertOrderItems(hasty.dataSource, Array<object>(30).fill({ productId: 'slow 60' }));
    const answers = await Promise.all(slow.map((id) => hasty.graphql(CANCEL, { input: { id, reason: 'Late' } })));
    answers.forEach(expectOutOfTime);
    await untilQuiet(hasty);
    const id = await anOrderItem(hasty.dataSource);
    expect((await hasty.graphql(CANCEL, { input: { id, reason: 'Late' } })).errors).toEqual([]);
    expect(await findOrderItem(hasty.dataSource, id)).toMatchObject({ status: 'cancelled' });
  });
});

function expectOutOfTime({ status, headers, errors }: GraphQLAnswer): void {
  expect({ status, codes: new Set(errors.map(({ extensions }) => extensions['code'])) }).toEqual({
    status: 503,
    codes: new Set(['SERVICE_UNAVAILABLE']),
  });
  expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
}

describe('MAX_CONCURRENT_REQUESTS', () => {
  test('counts a request until its work ends, even after its client hangs up', async () => {
    const id = await anOrderItem(narrow.dataSource);
    const lock = await lockItem(narrow.databaseUrl, id);
    const head = [
      `POST /v0/line_item/${id}/cancel HTTP/1.1`,
      'Host: x',
      `Authorization: Bearer ${await narrow.token()}`,
      'Content-Length: 0',
    ];
    const first = await openConnection(narrow.url);
    first.write(`${head.join('\r\n')}\r\n\r\n`);
    await lock.untilTried();
    // Together with the waiting request, this one is at the limit.
    expect((await narrow.graphql('{ __typename }')).status).toBe(200);
    const second = narrow.graphql(CANCEL, { input: { id, reason: 'Late' } });
    await untilRefused();
    first.destroy();
    for (let attempt = 0; attempt < 20; attempt += 1) {
      const answer = await ask(narrow, '{ __typename }');
      expectRefused(answer, 503, 'SERVICE_UNAVAILABLE', /^The service is overloaded\. Try again\.$/);
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
      expect((await narrow.cancelByRest(id)).status).toBe(503);
    }
    expect((await fetch(`${narrow.url}/health/ready`)).status).toBe(200);
    await lock.release();
    expect((await second).status).toBe(200);
    expect(await findOrderItem(narrow.dataSource, id)).toMatchObject({ status: 'cancelled' });
    const [answer, other] = await Promise.all([narrow.graphql('{ __typename }'), narrow.graphql('{ __typename }')]);
    expect([answer.status, other.status]).toEqual([200, 200]);
  });

  /** Waits until the service has received the second request and refuses further ones. */
  async function untilRefused(): Promise<void> {
    await waitFor('a refusal', async () => (await narrow.graphql('{ __typename }')).status === 503);
  }
});

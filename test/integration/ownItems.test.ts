import { randomUUID } from 'node:crypto';
import { lockItem } from '../support/lockedItem.ts';
import { findCancellations, findOrderItem, insertOrderItems, anOrderItem } from '../support/orderItems.ts';
import { createTestDatabase } from '../support/testDatabase.ts';
import { startTestService } from '../support/testService.ts';
import { startTokenIssuer } from '../support/tokenIssuer.ts';

/*
 * Customers with the scopes `:own`. test/attacks/ownItems.test.ts tries the items of others, customerColumn.test.ts other columns.
 */

const OWN = 'order-items:read:own order-items:cancel:own';

const database = await createTestDatabase();
const issuer = await startTokenIssuer();
const service = await startTestService({
  DATABASE_URL: database.url,
  ...issuer.environment,
  AUTH_CUSTOMER_CLAIM: 'https://shop.example/customer',
  CACHE_MAX_AGE_S: '60',
  LOCK_TIMEOUT_MS: '60000',
  REQUEST_TIMEOUT_MS: '120000',
});
const { dataSource } = service;

afterAll(database.drop);

/** A token for a customer. */
function tokenFor(customer: unknown, subject = 'somebody', scope = OWN): Promise<string> {
  return issuer.token({ sub: subject, scope, 'https://shop.example/customer': customer });
}

function anItemOf(customerId: string | null, orderId = randomUUID()): Promise<string> {
  return anOrderItem(dataSource, { customerId, orderId, quantity: 5 });
}

const READ = `query($id: ID!) { orderItem(id: $id) {
  id cancelledQuantity cancellations { quantity reason note cancelledBy reasonCode } } }`;

// Tests assert what they read, so a wrong shape fails there.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
async function read(id: string, token: string): Promise<any> {
  const { data, errors } = await service.graphql(READ, { id }, token);
  expect(errors).toEqual([]);
  return data.orderItem;
}

const CANCEL = `mutation($input: CancelOrderItemInput!) { cancelOrderItem(input: $input) {
  __typename
  ... on CancelOrderItemRefusal { message }
  ... on CancelOrderItemSuccess { orderItem { id } cancellation { id cancelledBy note orderItem { id } } }
} }`;

// Tests assert what they read, so a wrong shape fails there.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
async function cancel(id: string, token: string, input: object = {}): Promise<any> {
  const { data, errors } = await service.graphql(CANCEL, { input: { id, reason: 'Mine', ...input } }, token);
  expect(errors).toEqual([]);
  return data.cancelOrderItem;
}

describe('a token is limited to the items of the customer in its claim', () => {
  test('through both doors', async () => {
    const [own, other] = [await anItemOf('ann'), await anItemOf('bob')];
    const token = await tokenFor('ann');
    expect(await read(own, token)).toMatchObject({ id: own });
    expect(await read(other, token)).toBeNull();
    expect(await cancel(own, token, { quantity: 1 })).toMatchObject({ __typename: 'CancelOrderItemSuccess' });
    expect(await cancel(other, token)).toMatchObject({ __typename: 'OrderItemNotFound' });
    expect(await service.cancelByRest(own, { token, body: { reason: 'Mine' } })).toMatchObject({ status: 200 });
    expect(await service.cancelByRest(other, { token, body: { reason: 'Mine' } })).toMatchObject({ status: 404 });
    expect(await findCancellations(dataSource, [own, other])).toMatchObject([
      { customer_id: 'ann', quantity: 1 },
      { customer_id: 'ann', quantity: 4 },
    ]);
  });

  test.each([
    ['no claim', undefined],
    ['an empty claim', ''],
    ['a number', 7],
    ['a list', ['ann']],
    ['null', null],
    ['half of a surrogate pair', '\ud800'],
    ['a NUL', 'ann\0'],
    ['more than 255 characters', 'a'.repeat(256)],
  ])('and %s is a token without the scope', async (_, customer) => {
    const ids = await insertOrderItems(dataSource, [{ customerId: null }, { customerId: '' }, { customerId: 'ann' }]);
    const token = await tokenFor(customer);
    for (const id of ids) {
      const { data, errors } = await service.graphql(READ, { id }, token);
      expect(data).toEqual({ orderItem: null });
      expect(errors).toMatchObject([
        { message: 'The token lacks the scope order-items:read.', extensions: { code: 'FORBIDDEN' } },
      ]);
      expect(await service.cancelByRest(id, { token, body: { reason: 'Mine' } })).toMatchObject({ status: 403 });
    }
  });

  test('and a scope without its `:own` form allows all items', async () => {
    const other = await anItemOf('bob');
    const both = await tokenFor('ann', 'ann', `${OWN} order-items:read`);
    expect(await read(other, both)).toMatchObject({ id: other });
    expect(await cancel(other, both)).toMatchObject({ __typename: 'OrderItemNotFound' });
    const clerk = await tokenFor('ann', 'clerk', 'order-items:read:own order-items:cancel');
    expect(await read(other, clerk)).toBeNull();
    expect(await cancel(other, clerk)).toMatchObject({
      orderItem: { id: other },
      cancellation: { orderItem: { id: other } },
    });
  });
});

describe('a customer', () => {
  test('sees the notes and names of own cancellations only', async () => {
    const id = await anItemOf('ann');
    const staff = await issuer.token({ sub: 'agent-7' });
    await cancel(id, staff, { note: 'Difficult customer', quantity: 1 });
    await cancel(id, await tokenFor('ann', 'spouse'), { note: 'A secret present', quantity: 1 });
    const token = await tokenFor('ann', 'ann');
    expect(await cancel(id, token, { note: 'Too big', quantity: 1 })).toMatchObject({
      cancellation: { note: 'Too big', cancelledBy: 'ann' },
    });
    expect((await read(id, token)).cancellations).toMatchObject([
      { reason: 'Mine', note: null, cancelledBy: 'shop' },
      { reason: 'Mine', note: null, cancelledBy: 'shop' },
      { reason: 'Mine', note: 'Too big', cancelledBy: 'ann' },
    ]);
    expect((await read(id, staff)).cancellations).toMatchObject([
      { note: 'Difficult customer', cancelledBy: 'agent-7' },
      { note: 'A secret present', cancelledBy: 'spouse' },
      { note: 'Too big', cancelledBy: 'ann' },
    ]);
  });

  test('finds cancellations by what they show', async () => {
    const customer = `customer-${randomUUID()}`;
    const id = await anItemOf(customer);
    await cancel(id, await issuer.token({ sub: 'agent-7' }), { quantity: 1 });
    const token = await tokenFor(customer, 'me');
    await cancel(id, token, { quantity: 2 });
    const list = async (cancelledBy: string | null): Promise<number[]> => {
      const { data } = await service.graphql(
        'query($by: String) { cancellations(filter: { cancelledBy: $by }) { edges { node { quantity } } } }',
        { by: cancelledBy },
        token,
      );
      return data.cancellations.edges.map(({ node }: { node: { quantity: number } }) => node.quantity);
    };
    expect(await list(null)).toEqual([2, 1]);
    expect(await list('me')).toEqual([2]);
    expect(await list('shop')).toEqual([1]);
    expect(await list('agent-7')).toEqual([]);
  });

  test('is not refused an order for an item of somebody else', async () => {
    const orderId = randomUUID();
    const [own = '', other = ''] = await insertOrderItems(dataSource, [
      { orderId, customerId: 'ann' },
      { orderId, customerId: 'bob', status: 'complete' },
    ]);
    const { data } = await service.graphql(
      `mutation($id: ID!) { cancelItemsOfOrder(input: { orderId: $id, reason: "Mine", mode: ALL_OR_NOTHING }) {
        ... on CancelOrderItemSuccess { orderItem { id } } } }`,
      { id: orderId },
      await tokenFor('ann'),
    );
    expect(data.cancelItemsOfOrder).toEqual([{ orderItem: { id: own } }]);
    expect((await findOrderItem(dataSource, other))?.status).toBe('complete');
  });

  test('is told at once that a locked item of somebody else does not exist', async () => {
    const [other, token] = [await anItemOf('bob'), await tokenFor('ann')];
    const locked = await lockItem(database.url, other);
    try {
      expect(await cancel(other, token)).toMatchObject({ __typename: 'OrderItemNotFound' });
      expect(await cancel(other, token, { idempotencyKey: 'locked' })).toMatchObject({
        __typename: 'OrderItemNotFound',
      });
      expect(await service.cancelByRest(other, { token, body: { reason: 'Mine' } })).toMatchObject({ status: 404 });
    } finally {
      await locked.release();
    }
  });

  test('waits for a locked item of their own', async () => {
    const [own, token] = [await anItemOf('ann'), await tokenFor('ann')];
    const locked = await lockItem(database.url, own);
    const answer = cancel(own, token);
    await locked.untilTried();
    await locked.release();
    expect(await answer).toMatchObject({ __typename: 'CancelOrderItemSuccess' });
  });

  test('cancels beside strangers and staff who ask for the same item', async () => {
    const id = await anItemOf('ann');
    const tokens = await Promise.all(
      Array.from({ length: 30 }, (_, n) =>
        n % 3 === 0
          ? tokenFor('ann', `ann-${n}`)
          : n % 3 === 1
            ? tokenFor('bob', `bob-${n}`)
            : issuer.token({ sub: `staff-${n}` }),
      ),
    );
    const answers = await Promise.all(tokens.map((token) => cancel(id, token, { quantity: 1 })));
    const ofStrangers = answers.filter((_, n) => n % 3 === 1);
    expect(new Set(ofStrangers.map(({ __typename }) => __typename))).toEqual(new Set(['OrderItemNotFound']));
    const others = answers.filter((_, n) => n % 3 !== 1).map(({ __typename }) => __typename);
    expect(others.filter((type) => type === 'CancelOrderItemSuccess')).toHaveLength(5);
    expect(others.filter((type) => type === 'OrderItemNotCancelable')).toHaveLength(15);
    expect((await findOrderItem(dataSource, id))?.status).toBe('cancelled');
  });

  test('gets answers that no cache stores, whereas others do', async () => {
    const id = await anItemOf('ann');
    const own = await service.graphql(READ, { id }, await tokenFor('ann'));
    expect(own.headers.get('cache-control')).toBe('no-store');
    const all = await service.graphql(READ, { id }, await issuer.token());
    expect(all.headers.get('cache-control')).toBe('private, max-age=60');
  });
});

describe('an idempotency key', () => {
  test('belongs to the caller and the customer together', async () => {
    const [ofAnn, ofBob] = [await anItemOf('ann'), await anItemOf('bob')];
    const idempotencyKey = randomUUID();
    const [forAnn, forBob] = [await tokenFor('ann', 'agent'), await tokenFor('bob', 'agent')];
    const first = await cancel(ofAnn, forAnn, { idempotencyKey });
    expect(first).toMatchObject({ orderItem: { id: ofAnn } });
    expect(await cancel(ofBob, forBob, { idempotencyKey })).toMatchObject({ orderItem: { id: ofBob } });
    expect(await cancel(ofAnn, forAnn, { idempotencyKey })).toEqual(first);
    const another = await anItemOf('ann');
    expect(await cancel(another, await issuer.token({ sub: 'agent' }), { idempotencyKey })).toMatchObject({
      orderItem: { id: another },
    });
    expect(await cancel(another, forAnn, { idempotencyKey })).toMatchObject({ __typename: 'IdempotencyKeyReused' });
  });

  test('gives no answer for an item that has gone to somebody else', async () => {
    const [id, token, idempotencyKey] = [await anItemOf('ann'), await tokenFor('ann'), randomUUID()];
    const first = await cancel(id, token, { idempotencyKey, quantity: 1 });
    await dataSource.query("UPDATE order_item SET customer_id = 'bob' WHERE id = $1", [id]);
    expect(await cancel(id, token, { idempotencyKey, quantity: 1 })).toMatchObject({ __typename: 'OrderItemNotFound' });
    await dataSource.query("UPDATE order_item SET customer_id = 'ann' WHERE id = $1", [id]);
    expect(await cancel(id, token, { idempotencyKey, quantity: 1 })).toEqual(first);
  });
});

describe('a stranger’s cancel', () => {
  test('locks nothing of somebody else, by any statement', async () => {
    const [other, own, token] = [await anItemOf('bob'), await anItemOf('ann'), await tokenFor('ann')];
    const readLock = async (): Promise<unknown> =>
      (await dataSource.query<object[]>('SELECT xmin, xmax, ctid FROM order_item WHERE id = $1', [other]))[0];
    const before = await readLock();
    for (const input of [{}, { quantity: 1 }, { idempotencyKey: 'stranger' }]) {
      expect(await cancel(other, token, input)).toMatchObject({ __typename: 'OrderItemNotFound' });
    }
    const { data } = await service.graphql(
      'mutation($ids: [ID!]!) { cancelOrderItems(input: { ids: $ids, reason: "Mine" }) { __typename } }',
      { ids: [other, own] },
      token,
    );
    expect(data.cancelOrderItems).toEqual([
      { __typename: 'OrderItemNotFound' },
      { __typename: 'CancelOrderItemSuccess' },
    ]);
    expect(await readLock()).toEqual(before);
  });
});

test('lists of a customer read only the items of that customer', async () => {
  const [few, many] = [`few-${randomUUID()}`, `many-${randomUUID()}`];
  await insertOrderItems(dataSource, [
    ...Array.from({ length: 3 }, () => ({ customerId: few })),
    ...Array.from({ length: 30 }, () => ({ customerId: many })),
  ]);
  const LIST =
    'query($after: String) { orderItems(first: 20, after: $after) { edges { node { id } } pageInfo { hasNextPage endCursor } } }';
  // Tests assert what they read, so a wrong shape fails there.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  const list = async (customer: string, after: string | null = null): Promise<any> =>
    (await service.graphql(LIST, { after }, await tokenFor(customer))).data.orderItems;
  expect((await list(few)).edges).toHaveLength(3);
  const page = await list(many);
  expect(page).toMatchObject({ edges: { length: 20 }, pageInfo: { hasNextPage: true } });
  expect(await list(many, page.pageInfo.endCursor)).toMatchObject({
    edges: { length: 10 },
    pageInfo: { hasNextPage: false },
  });
});

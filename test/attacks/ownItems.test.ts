import { randomUUID } from 'node:crypto';
import { buildSchema } from '../../src/order-items/graphql/subgraphSchema.ts';
import { followEvents } from '../support/eventStream.ts';
import { openApi } from '../support/openApi.ts';
import { findCancellations, findOrderItem, type GivenItem, insertOrderItems } from '../support/orderItems.ts';
import { readRestAnswer, type RestAnswer, startTestService } from '../support/testService.ts';
import { waitFor } from '../support/waitFor.ts';
import { askForEverything } from '../support/wholeSelection.ts';

/* A customer with the scopes `:own` tries every way to the items of somebody else. */

const service = await startTestService({
  MAX_DEPTH: '100',
  MAX_ALIASES: '15000',
  MAX_COST: '1000000000',
  MAX_DOCUMENT_TOKENS: '7500',
});
const pages = await startTestService({ PLAYGROUND: 'true' });
const { dataSource } = service;
const schema = await buildSchema({ introspection: true });

const OWN_SCOPES = 'order-items:read:own order-items:cancel:own';
const stranger = await service.token({ subject: 'stranger', scope: OWN_SCOPES });
const owner = await service.token({ subject: 'owner', scope: OWN_SCOPES });

/** Stands in each value of others that a text can hold. */
const SECRET = 'nobody-elses-business';

/** What an attack names. */
interface Target {
  readonly id: string;
  readonly orderId: string;
}

/** An operation on each root field, as GraphQL arguments. Each selects everything behind the field. */
const ROOTS: Readonly<Record<string, (target: Target) => string[]>> = {
  'Query.orderItem': ({ id }) => [`(id: "${id}")`, `(id: "${id.toUpperCase()}")`],
  'Query.orderItems': ({ orderId }) => [
    '',
    '(first: 100)',
    `(filter: { orderId: "${orderId}" })`,
    '(filter: { cancelable: true })',
    '(filter: { cancelable: false })',
    `(filter: { orderId: "${orderId}", statuses: [PENDING, CANCELLED], isPreOrder: true })`,
  ],
  'Query.cancellations': ({ orderId }) => [
    '',
    `(filter: { orderId: "${orderId}" })`,
    '(filter: { from: "2000-01-01T00:00:00Z", channel: REST })',
    `(filter: { cancelledBy: "${SECRET}" })`,
    '(filter: { cancelledBy: "shop" })',
  ],
  'Query.cancellationReasons': () => [''],
  'Query._entities': ({ id, orderId }) => [
    `(representations: [{ __typename: "OrderItem", id: "${id}" }])`,
    `(representations: [{ __typename: "Order", id: "${orderId}" }])`,
    `(representations: [{ __typename: "Order", id: "${orderId}" }, { __typename: "OrderItem", id: "${id}" }])`,
  ],
  'Mutation.cancelOrderItem': ({ id }) => [
    `(input: { id: "${id}", reason: "Mine" })`,
    `(input: { id: "${id}", reason: "Mine", quantity: 1 })`,
    `(input: { id: "${id}", reason: "Mine", idempotencyKey: "key of the owner" })`,
    `(input: { id: "${id}", reason: "Another reason", idempotencyKey: "key of the stranger" })`,
  ],
  'Mutation.cancelOrderItems': ({ id }) => [
    `(input: { ids: ["${id}"], reason: "Mine" })`,
    `(input: { ids: ["${id}", "${id}"], reason: "Mine", idempotencyKey: "key of the owner" })`,
    `(input: { ids: ["${id}"], reason: "Another reason", idempotencyKey: "key of the stranger" })`,
  ],
  'Mutation.cancelItemsOfOrder': ({ orderId }) => [
    `(input: { orderId: "${orderId}", reason: "Mine" })`,
    `(input: { orderId: "${orderId}", reason: "Mine", mode: ALL_OR_NOTHING })`,
    `(input: { orderId: "${orderId}", reason: "Mine", idempotencyKey: "key of the owner" })`,
  ],
};

/** Tested below: it answers when an item is cancelled. */
const FOLLOWED = ['Subscription.orderItemCancelled'];

/** Returns nothing of an item: the SDL of the schema. */
const WITHOUT_ITEMS = ['Query._service'];

/** Requests to each path of the REST contract that needs a token. */
const PATHS: Readonly<Record<string, (target: Target, token: string) => Promise<RestAnswer>[]>> = {
  '/v0/line_item/{uuid}': ({ id }, token) =>
    ['GET', 'HEAD'].map((method) => ask(`/v0/line_item/${id}`, { method, headers: authorize(token) })),
  '/v0/line_item/{uuid}/cancel': ({ id }, token) =>
    [{}, { 'idempotency-key': 'key of the owner' }, { 'idempotency-key': 'key of the stranger' }].map((headers) =>
      service.cancelByRest(id, { token, headers, body: { reason: 'Mine' } }),
    ),
};

function authorize(token: string): { authorization: string } {
  return { authorization: `Bearer ${token}` };
}

async function ask(path: string, init: RequestInit): Promise<RestAnswer> {
  return readRestAnswer(fetch(`${service.url}${path}`, init));
}

/** An item of the stranger used the key for another request. */
const used = await insertOrderItems(dataSource, [{ customerId: 'stranger', orderId: 'used' }]);
const first = await service.cancelByRest(used[0] ?? '', {
  token: stranger,
  headers: { 'idempotency-key': 'key of the stranger' },
  body: { reason: 'First' },
});
if (first.status !== 200) throw new Error('The stranger could not cancel an item of their own.');

const OTHERS: GivenItem = { externalId: SECRET, productId: SECRET, quantity: 5 };

/** Inserts an order with open items of others, one of which is cancelled in part. */
async function anOrderOfOthers(orderId: string): Promise<Target> {
  const [id = '', partial = ''] = await insertOrderItems(dataSource, [
    { ...OTHERS, orderId, customerId: 'owner' },
    { ...OTHERS, orderId, customerId: 'owner' },
    { ...OTHERS, orderId, customerId: null },
    { ...OTHERS, orderId, customerId: '' },
    { ...OTHERS, orderId, customerId: 'owner', status: 'complete' },
  ]);
  const answer = await service.cancelByRest(partial, {
    token: await service.token({ subject: SECRET }),
    body: { reason: SECRET, note: SECRET, quantity: 2 },
  });
  expect(answer.status).toBe(200);
  return { id, orderId };
}

const ATTACKS = Object.keys(ROOTS).flatMap((place) =>
  (ROOTS[place]?.({ id: '', orderId: '' }) ?? []).map((_, number) => [place, number] as const),
);

function writeOperation(place: string, number: number, target: Target): string {
  return askForEverything(schema, place, ROOTS[place]?.(target)[number] ?? '');
}

async function run(place: string, number: number, target: Target, token: string): Promise<string> {
  // Each attack of the owner has keys of its own.
  const operation = writeOperation(place, number, target);
  const text = token === owner ? operation.replaceAll('key of', `key ${randomUUID()} of`) : operation;
  const { data, errors } = await service.graphql(text, {}, token);
  expect(errors).toEqual([]);
  return JSON.stringify(data);
}

test('this file attacks every root field', () => {
  const fields = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()].flatMap((type) =>
    Object.keys(type?.getFields() ?? {}).map((field) => `${type?.name ?? ''}.${field}`),
  );
  expect(fields.filter((field) => !WITHOUT_ITEMS.includes(field)).sort()).toEqual(
    [...Object.keys(ROOTS), ...FOLLOWED].sort(),
  );
});

test('this file attacks every path that takes a scope of order items', () => {
  const paths = openApi['paths'] as Record<string, Record<string, { security?: unknown[] }>>;
  const taking = Object.entries(paths).filter(([, { get, post }]) => {
    const needed = JSON.stringify((get ?? post)?.security ?? openApi['security']);
    return needed.includes('"order-items:read') || needed.includes('"order-items:cancel');
  });
  expect(taking.map(([path]) => path).sort()).toEqual(Object.keys(PATHS).sort());
});

describe('an order of which no item is the stranger’s', () => {
  test.each(ATTACKS)('%s (attack %i) is answered as an order and an item that do not exist', async (place, number) => {
    const there = await anOrderOfOthers(`order-${randomUUID()}`);
    const before = await Promise.all([findOrderItem(dataSource, there.id), findCancellations(dataSource, [there.id])]);
    const nowhere = { id: randomUUID(), orderId: `order-${randomUUID()}` };
    const [found, none] = await Promise.all(
      [there, nowhere].map(async (target) => {
        const text = await run(place, number, target, stranger);
        return text.toLowerCase().replaceAll(target.id, 'ID').replaceAll(target.orderId, 'ORDER');
      }),
    );
    expect(found).toBe(none);
    expect(found).not.toContain(SECRET);
    expect(await Promise.all([findOrderItem(dataSource, there.id), findCancellations(dataSource, [there.id])])).toEqual(
      before,
    );
  });

  test.each(ATTACKS.filter(([place]) => place !== 'Query.cancellationReasons'))(
    '%s (attack %i) is answered to the owner',
    async (place, number) => {
      const target = await anOrderOfOthers(`order-${randomUUID()}`);
      const text = await run(place, number, target, owner);
      // The owner does not see who else cancelled.
      if (!writeOperation(place, number, target).includes(`cancelledBy: "${SECRET}"`)) expect(text).toContain(SECRET);
    },
  );

  test.each(Object.keys(PATHS))('%s is answered as an item that does not exist', async (path) => {
    const there = await anOrderOfOthers(`order-${randomUUID()}`);
    const nowhere = { id: randomUUID(), orderId: '' };
    const [found, none] = await Promise.all(
      [there, nowhere].map(async (target) =>
        (await Promise.all(PATHS[path]?.(target, stranger) ?? [])).map(({ status, body }) => ({
          status,
          body: JSON.stringify({ ...body, request_id: '' }).replaceAll(target.id, 'ID'),
        })),
      ),
    );
    expect(found).toEqual(none);
    expect(found?.every(({ status }) => status === 404)).toBe(true);
    expect((await findOrderItem(dataSource, there.id))?.cancelledQuantity).toBe(0);
    const toOwner = await Promise.all(PATHS[path]?.(there, owner) ?? []);
    expect(toOwner[0]?.status).toBe(200);
  });
});

describe('an order of which one item is the stranger’s', () => {
  test.each(ATTACKS)('%s (attack %i) shows that item alone, and cancels nothing else', async (place, number) => {
    const target = await anOrderOfOthers(`order-${randomUUID()}`);
    const [own = ''] = await insertOrderItems(dataSource, [{ orderId: target.orderId, customerId: 'stranger' }]);
    const others = await dataSource.query<{ id: string }[]>(
      'SELECT id, status, cancelled_quantity, version FROM order_item WHERE order_id = $1 AND id <> $2 ORDER BY id',
      [target.orderId, own],
    );
    const text = await run(place, number, target, stranger);
    expect(text).not.toContain(SECRET);
    const named = others.filter(({ id }) => text.includes(id)).map(({ id }) => id);
    // A refusal repeats the id that it was asked for.
    expect(named.filter((id) => id !== target.id)).toEqual([]);
    expect(
      await dataSource.query(
        'SELECT id, status, cancelled_quantity, version FROM order_item WHERE order_id = $1 AND id <> $2 ORDER BY id',
        [target.orderId, own],
      ),
    ).toEqual(others);
  });

  test('counts that item alone', async () => {
    const { orderId } = await anOrderOfOthers(`order-${randomUUID()}`);
    await insertOrderItems(dataSource, [{ orderId, customerId: 'stranger' }]);
    const query = `{ _entities(representations: [{ __typename: "Order", id: "${orderId}" }]) {
      ... on Order { cancelability { cancelable cancelableItems blockedItems blockers { code } } } } }`;
    const countFor = async (token: string): Promise<unknown> =>
      (await service.graphql(query, {}, token)).data._entities[0].cancelability;
    expect(await countFor(stranger)).toEqual({ cancelable: true, cancelableItems: 1, blockedItems: 0, blockers: [] });
    expect(await countFor(owner)).toMatchObject({ cancelableItems: 2, blockedItems: 1 });
    expect(await countFor(await service.token())).toMatchObject({ cancelableItems: 5, blockedItems: 1 });
  });
});

describe('a subscription', () => {
  test.each([
    ['of all orders', () => ''],
    ['of an order of others', (orderId: string) => `(orderId: "${orderId}")`],
  ])('%s sends the items of its customer alone', async (_, given) => {
    const { id, orderId } = await anOrderOfOthers(`order-${randomUUID()}`);
    const [own = ''] = await insertOrderItems(dataSource, [{ orderId, customerId: 'stranger' }]);
    const document = askForEverything(schema, 'Subscription.orderItemCancelled', given(orderId));
    // Events that have no position yet would come after the start.
    await waitFor('positions of all events', async () => {
      const rows: unknown[] = await dataSource.query('SELECT FROM order_item_event WHERE position IS NULL LIMIT 1');
      return rows.length === 0;
    });
    const [ofStranger, ofOwner] = await Promise.all(
      [stranger, owner].map((token) => followEvents(`${service.url}/graphql`, token, document)),
    );
    for (const quantity of [1, 4]) {
      const { status } = await service.cancelByRest(id, { body: { reason: SECRET, note: SECRET, quantity } });
      expect(status).toBe(200);
    }
    expect((await service.cancelByRest(own)).status).toBe(200);
    const toStranger = await ofStranger?.next();
    expect(toStranger).toMatchObject({ data: { asked: { OrderItem_id: own } }, errors: [] });
    expect(JSON.stringify(toStranger)).not.toContain(SECRET);
    expect(JSON.stringify(toStranger)).not.toContain(id);
    for (let count = 0; count < 2; count += 1) {
      expect(await ofOwner?.next()).toMatchObject({ data: { asked: { OrderItem_id: id } }, errors: [] });
    }
    ofStranger?.stop();
    ofOwner?.stop();
  });
});

test('no page for people counts items for a customer', async () => {
  const token = await pages.token({ subject: 'owner', scope: OWN_SCOPES });
  const answer = await readRestAnswer(fetch(`${pages.url}/pages/overview`, { headers: authorize(token) }));
  expect(answer.status).toBe(403);
});

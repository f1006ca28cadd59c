import { readFileSync } from 'node:fs';
import { composeForRouter, ROUTER_SUPERGRAPH_FILE } from '../../supergraph/composeForRouter.ts';
import { insertOrderItems } from '../support/orderItems.ts';
import { startTestService } from '../support/testService.ts';

const service = await startTestService();
const caching = await startTestService({ CACHE_MAX_AGE_S: '30' });
const batching = await startTestService({ CACHE_MAX_AGE_S: '30', CACHE_SCOPE: 'public', MAX_BATCHED_OPERATIONS: '2' });

interface Answer {
  readonly headers: Headers;
  // A test asserts everything that it reads from an answer, so a wrong shape fails there.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly body: any;
}

async function ask(
  { url, token } = service,
  query: string,
  variables: object = {},
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { authorization: `Bearer ${await token()}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ query, variables }),
  });
  return { headers: response.headers, body: await response.json() };
}

const ENTITIES = `query($representations: [_Any!]!) { _entities(representations: $representations) {
  ... on OrderItem { status }
  ... on Order { items { edges { node { status } } } }
} }`;
const CANCEL = `mutation($input: CancelOrderItemInput!) { cancelOrderItem(input: $input) { __typename } }`;

describe('the federated trace (ftv1)', () => {
  test('lists the resolved fields when a gateway requests it', async () => {
    const [id] = await insertOrderItems(service.dataSource, [{}]);
    const { body } = await ask(
      service,
      'query($id: ID!) { orderItem(id: $id) { status } }',
      { id },
      {
        'apollo-federation-include-trace': 'ftv1',
      },
    );
    expect(body.data).toEqual({ orderItem: { status: 'PENDING' } });
    const trace = Buffer.from(body.extensions.ftv1, 'base64');
    expect(trace.length).toBeGreaterThan(20);
    expect(trace.toString('latin1')).toContain('orderItem');
    expect(trace.toString('latin1')).toContain('status');
  });

  test('masks errors', async () => {
    await service.dataSource.query('ALTER TABLE order_item RENAME COLUMN order_id TO secret');
    const { body } = await ask(
      service,
      '{ orderItems { edges { cursor } } }',
      {},
      {
        'apollo-federation-include-trace': 'ftv1',
      },
    );
    await service.dataSource.query('ALTER TABLE order_item RENAME COLUMN secret TO order_id');
    const trace = Buffer.from(body.extensions.ftv1, 'base64').toString('latin1');
    expect(trace).toContain('<masked>');
    expect(trace).not.toContain('order_id');
  });

  test('is absent when nobody requests it', async () => {
    expect((await ask(service, '{ __typename }')).body).toEqual({ data: { __typename: 'Query' } });
  });
});

describe('caching by a router', () => {
  test('is off by default', async () => {
    const [id] = await insertOrderItems(service.dataSource, [{}]);
    const { headers, body } = await ask(service, ENTITIES, { representations: [{ __typename: 'OrderItem', id }] });
    expect(headers.get('cache-control')).toBe('no-store');
    expect(body).toEqual({ data: { _entities: [{ status: 'PENDING' }] } });
  });

  test('covers entities for CACHE_MAX_AGE_S, with cache tags for the items that each shows', async () => {
    const { dataSource } = caching;
    const [one = '', other] = await insertOrderItems(dataSource, [{ orderId: 'order-7' }, { orderId: 'order-8' }]);
    const { headers, body } = await ask(caching, ENTITIES, {
      representations: [
        { __typename: 'Order', id: 'order-7' },
        { __typename: 'OrderItem', id: other },
        { __typename: 'Order', id: 'order-9' },
        { __typename: 'OrderItem', id: one.toUpperCase() },
      ],
    });
    expect(headers.get('cache-control')).toBe('private, max-age=30');
    expect(body.extensions).toEqual({
      apolloEntityCacheTags: [
        ['order:order-7', `order-item:${one}`],
        // An item can lead to other items of its order. The service does not know which, so it tags the entity with all.
        [`order-item:${other}`, 'order:order-7', `order-item:${one}`, 'order:order-9'],
        ['order:order-9'],
        [`order-item:${one}`, 'order:order-7', 'order:order-9'],
      ],
    });
  });

  test('covers answers to queries, with the tags of all their items', async () => {
    const ids = await insertOrderItems(caching.dataSource, [{ orderId: 'order-10' }, { orderId: 'order-10' }]);
    const { body } = await ask(
      caching,
      `query($id: ID!) { orderItem(id: $id) { id } orderItems(filter: { orderId: "order-10" }) { edges { cursor } } }`,
      { id: ids[0] },
    );
    const tags = ids.map((id) => `order-item:${id}`);
    expect(body.extensions.apolloCacheTags.sort()).toEqual([...tags, 'order-items', 'order:order-10'].sort());
  });

  test('excludes batches and answers without items', async () => {
    const batch = await fetch(`${batching.url}/graphql`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await batching.token()}`, 'content-type': 'application/json' },
      body: JSON.stringify([{ query: '{ orderItems { edges { cursor } } }' }, { query: '{ __typename }' }]),
    });
    expect(batch.status).toBe(200);
    expect(batch.headers.get('cache-control')).toBe('no-store');
    expect((await ask(caching, '{ _service { sdl } }')).headers.get('cache-control')).toBe('no-store');
  });

  test('excludes cancels, failures, GET requests and REST answers', async () => {
    const [id] = await insertOrderItems(caching.dataSource, [{}]);
    const cancelled = await ask(caching, CANCEL, { input: { id, reason: 'Late' } });
    const failed = await ask(caching, '{ orderItems(first: 0) { edges { cursor } } }');
    const gotten = await fetch(`${caching.url}/graphql?query=%7B__typename%7D`, {
      headers: { authorization: `Bearer ${await caching.token()}`, 'apollo-require-preflight': 'true' },
    });
    const byRest = await caching.cancelByRest('nonsense');
    expect([cancelled, failed, gotten, byRest].map(({ headers }) => headers.get('cache-control'))).toEqual(
      Array.from({ length: 4 }, () => 'no-store'),
    );
    expect(cancelled.body.extensions).toBeUndefined();
    expect(failed.body.extensions).toBeUndefined();
  });
});

test('the published supergraph of the Router in docker-compose.yml is up to date', () => {
  // If this fails, run `npm run compose`.
  expect(readFileSync(ROUTER_SUPERGRAPH_FILE, 'utf8')).toBe(composeForRouter());
});

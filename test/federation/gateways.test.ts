import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { compose, fetchSdl, removeAccessDirectives } from '../../supergraph/composeSubgraphs.ts';
import { type GatewayOptions, startApolloGateway, startHiveGateway } from '../../supergraph/gateways.ts';
import { startNeighbors, startSubgraph } from '../../supergraph/neighbors.ts';
import { listStatementsDuring } from '../support/countStatements.ts';
import { followEvents } from '../support/eventStream.ts';
import { findCancellations, insertOrderItems } from '../support/orderItems.ts';
import { type GraphQLAnswer, startTestService } from '../support/testService.ts';
import { waitFor } from '../support/waitFor.ts';

const ROUTER_SECRET = 'a secret that the gateway knows';
const service = await startTestService({ ROUTER_SECRET });
const { dataSource } = service;
const url = `${service.url}/graphql`;
// A composer has no secret, so the schema is read from a service without one. Both have the same schema.
const open = await startTestService();
const sdl = await fetchSdl(`${open.url}/graphql`, await open.token());
const { orders, products } = await startNeighbors();

/** A subgraph that refers to items by id alone, as a basket or a shipment would. */
const picks = await startSubgraph(
  'picks',
  `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
   type OrderItem @key(fields: "id", resolvable: false) { id: ID! }
   type Query { picks(ids: [ID!]!): [OrderItem]! }`,
  { Query: { picks: (_: unknown, { ids }: { ids: string[] }) => ids.map((id) => ({ id })) } },
);

/** Composes a supergraph that expects the service at this URL. */
function composeSupergraph(serviceUrl: string, serviceSdl: string): string {
  return compose([{ name: 'order-items', url: serviceUrl, sdl: serviceSdl }, orders, products, picks]);
}

const buildOptions = (supergraphSdl: string): GatewayOptions => ({
  supergraphSdl,
  port: 0,
  routerSecret: ROUTER_SECRET,
});
// Nothing listens on port 1.
const NOWHERE = 'http://127.0.0.1:1/graphql';
const plainSdl = removeAccessDirectives(sdl);
const gateways = {
  apollo: await startApolloGateway(buildOptions(composeSupergraph(url, plainSdl))),
  hive: await startHiveGateway(buildOptions(composeSupergraph(url, sdl))),
  apolloWithoutService: await startApolloGateway(buildOptions(composeSupergraph(NOWHERE, plainSdl))),
  hiveWithoutService: await startHiveGateway(buildOptions(composeSupergraph(NOWHERE, sdl))),
};
afterAll(async () => {
  await Promise.all([...Object.values(gateways), orders, products, picks].map(({ stop }) => stop()));
});

describe.each([
  ['Apollo Gateway', gateways.apollo, gateways.apolloWithoutService, ['536370', '537224']],
  ['Hive Gateway', gateways.hive, gateways.hiveWithoutService, ['536852', '537223']],
] as const)('%s', (_, gateway, gatewayWithoutService, [frenchOrder, newestOrder]) => {
  async function ask(
    query: string,
    variables: object = {},
    { token = undefined as string | undefined, headers = {}, at = gateway.url } = {},
  ): Promise<Pick<GraphQLAnswer, 'data' | 'errors'>> {
    const response = await fetch(at, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token ?? (await service.token())}`,
        'content-type': 'application/json',
        ...headers,
      },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors = [] } = (await response.json()) as Partial<GraphQLAnswer>;
    return { data, errors };
  }

  /** Inserts items of an order and a product that the other subgraphs know. */
  function insertItems(count: number, orderId = '536365'): Promise<string[]> {
    return insertOrderItems(
      dataSource,
      Array.from({ length: count }, (_unused, index) => ({
        orderId,
        productId: '85123A',
        createdAt: new Date(Date.UTC(2030, 0, 1, 0, 0, index)),
      })),
    );
  }

  test('joins an order with its items and their products', async () => {
    const [older, newer] = await insertItems(2, frenchOrder);
    const { data, errors } = await ask(`{
      order(id: "${frenchOrder}") { country placedOn items(first: 2) { edges { node { id status product { name } } } } }
    }`);
    const node = { status: 'PENDING', product: { name: 'WHITE HANGING HEART T-LIGHT HOLDER' } };
    expect({ data, errors }).toEqual({
      data: {
        order: {
          country: 'France',
          placedOn: expect.stringMatching(/^2010-12-0\d$/),
          items: { edges: [{ node: { id: newer, ...node } }, { node: { id: older, ...node } }] },
        },
      },
      errors: [],
    });
  });

  test('joins an item with its order and its product', async () => {
    const [id] = await insertItems(1);
    const query = 'query($id: ID!) { orderItem(id: $id) { id order { id country } product { id name } } }';
    expect(await ask(query, { id })).toEqual({
      data: {
        orderItem: {
          id,
          order: { id: '536365', country: 'United Kingdom' },
          product: { id: '85123A', name: 'WHITE HANGING HEART T-LIGHT HOLDER' },
        },
      },
      errors: [],
    });
  });

  test('cancels an item and reads it in the same operation', async () => {
    const [id = ''] = await insertItems(1);
    const { data, errors } = await ask(
      `mutation($input: CancelOrderItemInput!) { cancelOrderItem(input: $input) {
        __typename
        ... on CancelOrderItemSuccess { orderItem { id status product { name } order { country } cancellation { reason } } }
      } }`,
      { input: { id, reason: 'Delivered too late' } },
    );
    expect({ data, errors }).toEqual({
      data: {
        cancelOrderItem: {
          __typename: 'CancelOrderItemSuccess',
          orderItem: {
            id,
            status: 'CANCELLED',
            product: { name: 'WHITE HANGING HEART T-LIGHT HOLDER' },
            order: { country: 'United Kingdom' },
            cancellation: { reason: 'Delivered too late' },
          },
        },
      },
      errors: [],
    });
    expect(await findCancellations(dataSource, [id])).toHaveLength(1);
  });

  test('returns a refusal as a value, without errors', async () => {
    const [id] = await insertOrderItems(dataSource, [{ status: 'complete', productId: '85123A' }]);
    const query = `mutation($input: CancelOrderItemInput!) { cancelOrderItem(input: $input) {
      __typename
      ... on CancelOrderItemRefusal { message }
      ... on OrderItemNotCancelable { blockers { code } orderItem { status product { name } } }
    } }`;
    expect(await ask(query, { input: { id, reason: 'Late' } })).toEqual({
      data: {
        cancelOrderItem: {
          __typename: 'OrderItemNotCancelable',
          message: 'Order item is no longer cancelable.',
          blockers: [{ code: 'TERMINAL_STATUS' }],
          orderItem: { status: 'COMPLETE', product: { name: 'WHITE HANGING HEART T-LIGHT HOLDER' } },
        },
      },
      errors: [],
    });
  });

  test('returns null for an item that does not exist and data for the others', async () => {
    const [one, other] = await insertItems(2);
    const { data } = await ask('query($ids: [ID!]!) { picks(ids: $ids) { id status } }', {
      ids: [one, randomUUID(), other],
    });
    expect(data.picks).toEqual([{ id: one, status: 'PENDING' }, null, { id: other, status: 'PENDING' }]);
  });

  test('forwards the caller and the trace of a request', async () => {
    const [id = ''] = await insertItems(1);
    const traceId = randomUUID().replaceAll('-', '');
    await ask(
      'mutation($input: CancelOrderItemInput!) { cancelOrderItem(input: $input) { __typename } }',
      { input: { id, reason: 'Late' } },
      {
        token: await service.token({ subject: 'somebody-else' }),
        headers: { traceparent: `00-${traceId}-00f067aa0ba902b7-01` },
      },
    );
    expect(await findCancellations(dataSource, [id])).toMatchObject([
      { cancelled_by: 'somebody-else', request_id: traceId },
    ]);
  });

  test('returns a missing scope as an error of the field', async () => {
    const [id] = await insertItems(1);
    const { data, errors } = await ask(
      '{ order(id: "536365") { country items { edges { cursor } } } }',
      { id },
      { token: await service.token({ scope: 'order-items:cancel' }) },
    );
    expect(data).toEqual({ order: { country: 'United Kingdom', items: null } });
    expect(errors[0]?.extensions['code']).toBe('FORBIDDEN');
  });

  test('keeps the data of other subgraphs and reports an error while this subgraph is down', async () => {
    const { data, errors } = await ask(
      '{ order(id: "536365") { country items { edges { cursor } } } orderItems { edges { cursor } } }',
      {},
      { at: gatewayWithoutService.url },
    );
    expect(data).toEqual({ order: { country: 'United Kingdom', items: null }, orderItems: null });
    expect(errors.map(({ message }) => message).join()).toMatch(/ECONNREFUSED|refused|fetch/i);
  });

  test('resolves 1,000 items of one operation with one statement', async () => {
    const ids = await insertItems(1_000, '536401');
    let answer: Awaited<ReturnType<typeof ask>> | undefined;
    const statements = await listStatementsDuring(dataSource, async () => {
      answer = await ask(
        'query($ids: [ID!]!) { picks(ids: $ids) { id status cancelability { cancelable blockers { code } } } }',
        { ids },
      );
    });
    expect(answer?.errors).toEqual([]);
    expect(answer?.data.picks).toEqual(
      ids.map((id) => ({ id, status: 'PENDING', cancelability: { cancelable: true, blockers: [] } })),
    );
    expect(statements).toHaveLength(1);
  });

  test('resolves the items of 50 orders and their cancelability with one statement', async () => {
    await insertItems(3, newestOrder);
    let answer: Awaited<ReturnType<typeof ask>> | undefined;
    const statements = await listStatementsDuring(dataSource, async () => {
      answer = await ask(
        `{ orders(first: 50) { id items(first: 2, filter: { cancelable: true }) {
          edges { node { order { id } cancelability { cancelable } } } pageInfo { hasNextPage }
        } } }`,
      );
    });
    expect(answer?.errors).toEqual([]);
    expect(answer?.data.orders).toHaveLength(50);
    const withItems = answer?.data.orders.find(({ id }: { id: string }) => id === newestOrder);
    expect(withItems.items).toEqual({
      edges: [1, 2].map(() => ({ node: { order: { id: newestOrder }, cancelability: { cancelable: true } } })),
      pageInfo: { hasNextPage: true },
    });
    expect(statements).toHaveLength(1);
  });
});

describe('Hive Gateway', () => {
  test('follows the cancels of items, and completes them from other subgraphs', async () => {
    const [id = ''] = await insertOrderItems(dataSource, [{ orderId: '536365', productId: '85123A' }]);
    const followed = await followEvents(
      gateways.hive.url,
      await service.token(),
      'subscription { orderItemCancelled(orderId: "536365") { id status product { name } order { country } } }',
    );
    expect(followed.status).toBe(200);
    const result = followed.next();
    // The gateway answers before its own subscription has begun, so the first cancels can be missed.
    const cancelled = [id];
    const first = await waitFor('a result', async () => {
      for (const item of cancelled.splice(0)) expect((await service.cancelByRest(item)).status).toBe(200);
      const found = await Promise.race([result, sleep(100, undefined)]);
      if (found !== undefined) return found;
      cancelled.push(...(await insertOrderItems(dataSource, [{ orderId: '536365', productId: '85123A' }])));
      return null;
    });
    expect(first).toMatchObject({
      data: {
        orderItemCancelled: {
          status: 'CANCELLED',
          product: { name: 'WHITE HANGING HEART T-LIGHT HOLDER' },
          order: { country: 'United Kingdom' },
        },
      },
      errors: [],
    });
    followed.stop();
  });
});

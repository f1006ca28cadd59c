import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse, print, separateOperations } from 'graphql';
import { compose, fetchSdl, removeAccessDirectives } from '../../supergraph/composeSubgraphs.ts';
import { startApolloGateway, startHiveGateway } from '../../supergraph/gateways.ts';
import { startNeighbors } from '../../supergraph/neighbors.ts';
import { insertOrderItems } from '../support/orderItems.ts';
import { startTestService } from '../support/testService.ts';

const service = await startTestService();
const { dataSource } = service;
const url = `${service.url}/graphql`;
const sdl = await fetchSdl(url, await service.token());
const { orders, products } = await startNeighbors();
const composeWith = (serviceSdl: string): string =>
  compose([{ name: 'order-items', url, sdl: serviceSdl }, orders, products]);
const gateways = {
  apollo: await startApolloGateway({ supergraphSdl: composeWith(removeAccessDirectives(sdl)), port: 0 }),
  hive: await startHiveGateway({ supergraphSdl: composeWith(sdl), port: 0 }),
};
afterAll(async () => {
  await Promise.all([...Object.values(gateways), orders, products].map(({ stop }) => stop()));
});

/** The operations of docs/supergraph.md, by name. */
const operations = separateOperations(
  parse(readFileSync(path.join(import.meta.dirname, '../../supergraph/operations.graphql'), 'utf8')),
);

test.each([
  ['Apollo Gateway', gateways.apollo, '536520'],
  ['Hive Gateway', gateways.hive, '536521'],
])(
  '%s runs each documented operation: cancels units, then the order, and tells what is left',
  async (_, gateway, orderId) => {
    const asked = new Set<string>();
    const run = async (operationName: string, variables: object): Promise<unknown> => {
      asked.add(operationName);
      const operation = operations[operationName];
      if (operation === undefined) throw new Error(`There is no operation ${operationName}.`);
      const response = await fetch(gateway.url, {
        method: 'POST',
        headers: { authorization: `Bearer ${await service.token()}`, 'content-type': 'application/json' },
        body: JSON.stringify({ query: print(operation), variables }),
      });
      const { data, errors = [] } = (await response.json()) as { data: unknown; errors?: unknown[] };
      expect(errors).toEqual([]);
      return data;
    };
    const name = 'WHITE HANGING HEART T-LIGHT HOLDER';
    const country = 'United Kingdom';
    const line = { orderId, productId: '85123A' };
    const ids = await insertOrderItems(dataSource, [
      { ...line, quantity: 5, createdAt: new Date(Date.UTC(2030, 0, 1)) },
      { ...line, quantity: 2, createdAt: new Date(Date.UTC(2030, 0, 2)) },
      { ...line, isPreOrder: false, createdAt: new Date(Date.UTC(2030, 0, 3)) },
    ]);
    expect(await run('ItemsOfAnOrder', { orderId })).toMatchObject({
      order: { country, items: { edges: [{ node: { id: ids[1], product: { name } } }, { node: { id: ids[0] } }] } },
    });
    expect(await run('CancelSomeUnits', { input: { id: ids[0], reason: 'Fewer', quantity: 3 } })).toEqual({
      cancelOrderItem: {
        __typename: 'CancelOrderItemSuccess',
        orderItem: { status: 'PENDING', quantity: 5, cancelledQuantity: 3, cancelableQuantity: 2, product: { name } },
        cancellation: { quantity: 3, reasonCode: null },
      },
    });
    expect(await run('WhatCanBeCancelled', { orderId })).toEqual({
      order: {
        country,
        cancelability: {
          cancelable: true,
          cancelableItems: 2,
          blockedItems: 1,
          blockers: [{ code: 'NOT_PRE_ORDERED' }],
        },
        items: {
          edges: [
            { node: { id: ids[1], cancelledQuantity: 0, cancelableQuantity: 2, product: { name } } },
            { node: { id: ids[0], cancelledQuantity: 3, cancelableQuantity: 2, product: { name } } },
          ],
        },
      },
    });
    const input = { orderId, reason: 'Late', reasonCode: 'release_delayed' };
    const blocked = { __typename: 'OrderItemNotCancelable', message: "The Order item can't be canceled." };
    expect(await run('CancelAnOrder', { input: { ...input, mode: 'ALL_OR_NOTHING' } })).toMatchObject({
      cancelItemsOfOrder: [
        { __typename: 'OrderNotCancelableAsWhole' },
        { __typename: 'OrderNotCancelableAsWhole' },
        blocked,
      ],
    });
    const cancelled = { status: 'CANCELLED', product: { name } };
    expect(await run('CancelAnOrder', { input })).toEqual({
      cancelItemsOfOrder: [
        ...[ids[0], ids[1]].map((id) => ({
          __typename: 'CancelOrderItemSuccess',
          orderItem: { id, ...cancelled },
          cancellation: { quantity: 2 },
        })),
        blocked,
      ],
    });
    const orderItem = { ...cancelled, order: { country } };
    const late = { quantity: 2, reasonCode: 'release_delayed', reason: 'Late', channel: 'GRAPHQL', orderItem };
    expect(await run('CancellationsOfAnOrder', { orderId })).toEqual({
      cancellations: {
        edges: [late, late, { ...late, quantity: 3, reasonCode: null, reason: 'Fewer' }].map((node) => ({ node })),
      },
    });
    expect(asked).toEqual(new Set(Object.keys(operations)));
  },
);

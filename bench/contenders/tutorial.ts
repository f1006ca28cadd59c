import { randomBytes } from 'node:crypto';
import { ApolloServer } from '@apollo/server';
import { startStandaloneServer } from '@apollo/server/standalone';
import { buildSubgraphSchema } from '@apollo/subgraph';
import DataLoader from 'dataloader';
import { parse } from 'graphql';
import { DataSource, In } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import {
  orderItemCancellationEntity,
  orderItemEntity,
  orderItemEventEntity,
} from '../../src/order-items/orderItemTables.ts';
import {
  type CancelInput,
  findLastingBlockers,
  type Outcome,
  toPage,
  POOL_SIZE,
  toRefusal,
  formatOutcome,
} from './orderItems.ts';
import { type CancelArguments, itemFields, LINK, type Loaders, type PageArguments, SDL } from './schema.ts';
import { announce, answerRest, listen } from './serve.ts';

/* A server as tutorials teach it: Apollo Server's standalone server, TypeORM's repositories, and a loader per request. */

const dataSource = await new DataSource({
  type: 'postgres',
  url: process.env['DATABASE_URL'] ?? '',
  entities: [orderItemEntity, orderItemCancellationEntity, orderItemEventEntity],
  installExtensions: false,
  poolSize: POOL_SIZE,
}).initialize();
const items = dataSource.getRepository(orderItemEntity);

function createLoaders(): Loaders {
  return {
    orderItem: new DataLoader(async (ids) => {
      const found = await items.findBy({ id: In([...ids]) });
      const byId = new Map(found.map((item) => [item.id, item]));
      return ids.map((id) => byId.get(id) ?? null);
    }),
  };
}

function cancelItem({ id, reason, channel }: CancelInput): Promise<Outcome> {
  return dataSource.transaction(async (manager): Promise<Outcome> => {
    const item = await manager.findOne(orderItemEntity, { where: { id }, lock: { mode: 'pessimistic_write' } });
    if (item === null || findLastingBlockers(item).length > 0) return toRefusal(item);
    const cancelledAt = new Date();
    const requestId = randomBytes(16).toString('hex');
    const cancellationId = uuidv7();
    const stated = { previousStatus: item.status, cancelledBy: 'bench', channel, requestId };
    await manager.save(orderItemEntity, {
      ...item,
      status: 'cancelled',
      cancelledQuantity: item.quantity,
      version: item.version + 1,
      updatedAt: cancelledAt,
    });
    await manager.insert(orderItemCancellationEntity, {
      ...stated,
      id: cancellationId,
      orderItemId: id,
      reason,
      cancelledAt,
    });
    await manager.insert(orderItemEventEntity, {
      id: uuidv7(),
      orderItemId: id,
      type: 'order_item.cancelled',
      occurredAt: cancelledAt,
      payload: { cancellationId, orderId: item.orderId, ...stated },
    });
    return { code: 'CANCELLED', id, quantity: item.quantity, cancelledAt, requestId };
  });
}

const schema = buildSubgraphSchema([
  {
    typeDefs: parse(LINK + SDL),
    resolvers: {
      Query: {
        orderItems: async (_: unknown, { filter, first }: PageArguments) => {
          const found = await items.find({
            where: filter ?? {},
            order: { createdAt: 'DESC', id: 'DESC' },
            take: first + 1,
          });
          return toPage(found, first);
        },
      },
      Mutation: {
        cancelOrderItem: async (_: unknown, { input }: CancelArguments) =>
          formatOutcome(await cancelItem({ ...input, channel: 'graphql' })),
      },
      OrderItem: {
        ...itemFields,
        __resolveReference: ({ id }: { id: string }, { orderItem }: Loaders) => orderItem.load(id),
      },
    },
  },
]);
const apollo = new ApolloServer<Loaders>({ schema });
const { url } = await startStandaloneServer(apollo, {
  listen: { port: 0, host: '127.0.0.1' },
  context: async () => createLoaders(),
});

// The standalone server cannot serve further routes, so REST has a second server.
const rest = await listen((request, response) => void answerRest(request, response, cancelItem));
announce({ graphql: new URL(url).origin, rest });

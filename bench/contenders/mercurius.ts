import Fastify from 'fastify';
import { loadPackage } from '../packages.ts';
import { cancelItem, openPool, readItems } from './orderItems.ts';
import { itemFields, createRootFields, SDL } from './schema.ts';
import { announce, toRestAnswer } from './serve.ts';

/* Fastify and Mercurius with its federation, compiled queries, a loader for references, and pg. */

const { mercuriusFederationPlugin } = await loadPackage('@mercuriusjs/federation');

const pool = openPool();
const server = Fastify();

await server.register(mercuriusFederationPlugin, {
  schema: SDL,
  jit: 1,
  resolvers: { ...createRootFields(pool), OrderItem: itemFields },
  loaders: {
    OrderItem: {
      __resolveReference: (queries: readonly { readonly obj: { readonly id: string } }[]) =>
        readItems(
          pool,
          queries.map(({ obj }) => obj.id),
        ),
    },
  },
});

server.post<{ Params: { id: string }; Body: { reason: string } | undefined }>(
  '/v0/line_item/:id/cancel',
  async (request, reply) => {
    const reason = request.body?.reason ?? null;
    const outcome = await cancelItem(pool, { id: request.params.id, reason, channel: 'rest' });
    const { status, answer } = toRestAnswer(outcome);
    return reply.code(status).send(answer);
  },
);

const url = await server.listen({ port: 0, host: '127.0.0.1' });
announce({ graphql: url, rest: url });

import { buildSubgraphSchema } from '@apollo/subgraph';
import { parse } from 'graphql';
import { createYoga } from 'graphql-yoga';
import { cancelItem, openPool } from './orderItems.ts';
import { createLoaders, itemFields, LINK, type Loaders, createRootFields, SDL } from './schema.ts';
import { announce, answerRest, listen } from './serve.ts';

/* GraphQL Yoga with a subgraph schema, a loader per request, and pg. */

const pool = openPool();

const schema = buildSubgraphSchema([
  {
    typeDefs: parse(LINK + SDL),
    resolvers: {
      ...createRootFields(pool),
      OrderItem: {
        ...itemFields,
        __resolveReference: ({ id }: { id: string }, { orderItem }: Loaders) => orderItem.load(id),
      },
    },
  },
]);
const yoga = createYoga({ schema, context: () => createLoaders(pool), logging: false, graphiql: false });

const url = await listen((request, response) => {
  if (request.url === '/graphql') void yoga(request, response);
  else void answerRest(request, response, (input) => cancelItem(pool, input));
});
announce({ graphql: url, rest: url });

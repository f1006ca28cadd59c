import { cancelItem, openPool, pageOf, readItems, readOrder, shownItem, shownOutcome } from './orderItems.ts';
import { announce, answerRest, listen, readJson, sendJson } from './serve.ts';

/*
 * The least that could answer: node:http and one prepared statement a request. It reads no GraphQL, only the name of
 * the operation and the variables; it checks neither tokens nor input.
 */

interface Operation {
  readonly operationName: string;
  readonly variables: {
    readonly representations: readonly { readonly id: string }[];
    readonly orderId: string;
    readonly input: { readonly id: string; readonly reason: string };
  };
}

const pool = openPool();

async function dataOf({ operationName, variables }: Operation): Promise<object> {
  switch (operationName) {
    case 'Entities': {
      const items = await readItems(
        pool,
        variables.representations.map(({ id }) => id),
      );
      return { _entities: items.map((item) => item && shownItem(item)) };
    }
    case 'Page': {
      const { edges, pageInfo } = pageOf(await readOrder(pool, variables.orderId, 20), 20);
      return { orderItems: { edges: edges.map(({ node }) => ({ node: shownItem(node) })), pageInfo } };
    }
    default: {
      const outcome = await cancelItem(pool, { ...variables.input, channel: 'graphql' });
      return { cancelOrderItem: shownOutcome(outcome) };
    }
  }
}

const url = await listen((request, response) => {
  if (request.url === '/graphql') {
    void readJson<Operation>(request).then(async (operation) => {
      sendJson(response, { data: await dataOf(operation) });
    });
  } else {
    void answerRest(request, response, (input) => cancelItem(pool, input));
  }
});
announce({ graphql: url, rest: url });

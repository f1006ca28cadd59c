import { cancelItem, openPool, toPage, readItems, readPage, formatItem, formatOutcome } from './orderItems.ts';
import { announce, answerRest, listen, readJson, sendJson } from './serve.ts';

/*
 * The minimum: node:http and one prepared statement per request. It does not parse GraphQL, and reads only the operation
 * name and the variables. It checks neither tokens nor input.
 */

interface Operation {
  readonly operationName: string;
  readonly variables: {
    readonly representations: readonly { readonly id: string }[];
    readonly orderId?: string;
    readonly input: { readonly id: string; readonly reason: string };
  };
}

const pool = openPool();

async function execute({ operationName, variables }: Operation): Promise<object> {
  switch (operationName) {
    case 'Entities': {
      const items = await readItems(
        pool,
        variables.representations.map(({ id }) => id),
      );
      return { _entities: items.map((item) => item && formatItem(item)) };
    }
    case 'Page': {
      const { edges, pageInfo } = toPage(await readPage(pool, variables.orderId ?? null, 20), 20);
      return { orderItems: { edges: edges.map(({ node }) => ({ node: formatItem(node) })), pageInfo } };
    }
    default: {
      const outcome = await cancelItem(pool, { ...variables.input, channel: 'graphql' });
      return { cancelOrderItem: formatOutcome(outcome) };
    }
  }
}

const url = await listen((request, response) => {
  if (request.url === '/graphql') {
    void readJson<Operation>(request).then(async (operation) => {
      sendJson(response, { data: await execute(operation) });
    });
  } else {
    void answerRest(request, response, (input) => cancelItem(pool, input));
  }
});
announce({ graphql: url, rest: url });

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ApolloGateway, RemoteGraphQLDataSource } from '@apollo/gateway';
import { ApolloServer } from '@apollo/server';
import { startStandaloneServer } from '@apollo/server/standalone';
import { createGatewayRuntime } from '@graphql-hive/gateway-runtime';
import { renderGraphiQL } from '@graphql-yoga/render-graphiql';

/** A gateway that is serving. */
export interface Gateway {
  /** Its GraphQL endpoint. */
  readonly url: string;
  readonly stop: () => Promise<void>;
}

export interface GatewayOptions {
  readonly supergraphSdl: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** What the gateway shows the subgraphs to identify itself; null for nothing. */
  readonly routerSecret?: string;
  /** What the playground of a gateway that has one opens with. */
  readonly playground?: { readonly token: string; readonly query: string };
}

/** What a subgraph hears of the client: who it is, and which trace its request belongs to. */
const FORWARDED: readonly string[] = [
  'authorization',
  'traceparent',
  'tracestate',
  'apollographql-client-name',
  'apollographql-client-version',
];

function forwardedHeaders(
  headerOf: (name: string) => string | null | undefined,
  { routerSecret }: GatewayOptions,
): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const name of FORWARDED) {
    const value = headerOf(name);
    if (value != null) headers[name] = value;
  }
  return routerSecret === undefined ? headers : { ...headers, 'router-authorization': routerSecret };
}

/** Apollo's gateway of Node.js. It does not know the access directives. */
export async function startApolloGateway(options: GatewayOptions): Promise<Gateway> {
  interface Context {
    readonly headers?: Record<string, string>;
  }
  const apollo = new ApolloServer<Context>({
    gateway: new ApolloGateway({
      supergraphSdl: options.supergraphSdl,
      buildService: ({ url }) =>
        new RemoteGraphQLDataSource<Context>({
          ...(url === undefined ? {} : { url }),
          willSendRequest: ({ request, context }) => {
            // Without a client there is no context: the gateway asks by itself.
            const { headers = {} }: Partial<Context> = context;
            for (const [name, value] of Object.entries(headers)) request.http?.headers.set(name, value);
          },
        }),
    }),
    stopOnTerminationSignals: false,
  });
  const { url } = await startStandaloneServer(apollo, {
    listen: { port: options.port, host: '127.0.0.1' },
    context: async ({ req }) => ({ headers: forwardedHeaders((name) => req.headers[name]?.toString(), options) }),
  });
  return { url, stop: () => apollo.stop() };
}

/** The Guild's gateway, with a playground that brings its assets along. */
export async function startHiveGateway(options: GatewayOptions): Promise<Gateway> {
  const { playground } = options;
  const gateway = createGatewayRuntime({
    supergraph: options.supergraphSdl,
    propagateHeaders: {
      fromClientToSubgraphs: ({ request }) => forwardedHeaders((name) => request.headers.get(name), options),
    },
    logging: false,
    // The playground has a token in it, which no other page must read.
    cors: false,
    // Runs on a developer's machine only: what a subgraph says is for the developer to see.
    maskedErrors: false,
    landingPage: false,
    renderGraphiQL,
    graphiql:
      playground === undefined
        ? false
        : {
            title: 'Supergraph',
            defaultQuery: playground.query,
            headers: JSON.stringify({ authorization: `Bearer ${playground.token}` }),
          },
  });
  const server = createServer((request, response) => {
    // Or a name that is made to lead here would be one of our own pages to a browser.
    if (!/^(?:127\.0\.0\.1|localhost)(?::\d+)?$/.test(request.headers.host ?? '')) response.writeHead(421).end();
    else void gateway(request, response);
  });
  server.listen(options.port, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await gateway[Symbol.asyncDispose]();
    },
  };
}

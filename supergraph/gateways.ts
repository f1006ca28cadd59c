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
  /** 0 lets the operating system choose a free port. */
  readonly port: number;
  /** The secret by which the gateway identifies itself to subgraphs. */
  readonly routerSecret?: string;
  /** The token and the query with which the playground opens. Without it, there is no playground. */
  readonly playground?: { readonly token: string; readonly query: string };
}

/** The client headers that subgraphs receive: who the caller is, and its trace. */
const FORWARDED_HEADERS: readonly string[] = [
  'authorization',
  'traceparent',
  'tracestate',
  'apollographql-client-name',
  'apollographql-client-version',
];

function selectHeaders(
  readHeader: (name: string) => string | null | undefined,
  { routerSecret }: GatewayOptions,
): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const name of FORWARDED_HEADERS) {
    const value = readHeader(name);
    if (value != null) headers[name] = value;
  }
  return routerSecret === undefined ? headers : { ...headers, 'router-authorization': routerSecret };
}

/** Starts Apollo Gateway, the one for Node.js. It refuses the access directives. */
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
            // The gateway's own requests have no client, so their context is empty.
            const { headers = {} }: Partial<Context> = context;
            for (const [name, value] of Object.entries(headers)) request.http?.headers.set(name, value);
          },
        }),
    }),
    stopOnTerminationSignals: false,
  });
  const { url } = await startStandaloneServer(apollo, {
    listen: { port: options.port, host: '127.0.0.1' },
    context: async ({ req }) => ({ headers: selectHeaders((name) => req.headers[name]?.toString(), options) }),
  });
  return { url, stop: () => apollo.stop() };
}

/** Starts the Hive Gateway of The Guild. Its playground loads nothing from other origins. */
export async function startHiveGateway(options: GatewayOptions): Promise<Gateway> {
  const { playground } = options;
  const gateway = createGatewayRuntime({
    supergraph: options.supergraphSdl,
    propagateHeaders: {
      fromClientToSubgraphs: ({ request }) => selectHeaders((name) => request.headers.get(name), options),
    },
    logging: false,
    // The playground contains a token, which pages of other origins must not read.
    cors: false,
    // This gateway runs on a developer's machine, so it shows the errors of subgraphs.
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
    // DNS rebinding: another site could resolve its name to this address and read the token.
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

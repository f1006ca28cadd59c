import { ApolloServer } from '@apollo/server';
import { ApolloServerPluginInlineTraceDisabled } from '@apollo/server/plugin/disabled';
import { startStandaloneServer } from '@apollo/server/standalone';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { parse } from 'graphql';
import { readRetailLines, type RetailLine } from '../src/demonstration/retailLines.ts';

/** A running subgraph. */
export interface Subgraph {
  readonly name: string;
  readonly url: string;
  readonly sdl: string;
  readonly stop: () => Promise<void>;
}

const LINK = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])`;

// Types that order-items also describes have no description here. Composers warn about descriptions that differ.
export const ORDERS = `${LINK}
type Order @key(fields: "id") {
  id: ID!
  "The customer's number; null where nobody is known."
  customer: String
  "Where the customer lives."
  country: String!
  "The day on which it was placed, as YYYY-MM-DD."
  placedOn: String!
}

type Query {
  "One order by its id; null when there is none."
  order("The number of its invoice." id: ID!): Order
  "Orders, newest first."
  orders("How many." first: Int = 10): [Order!]!
}`;

export const PRODUCTS = `${LINK}
type Product @key(fields: "id") {
  id: ID!
  "What it is."
  name: String!
}

type Query {
  "One product by its id; null when there is none."
  product("Its stock code." id: ID!): Product
}`;

/** Starts the owners of `Order` and `Product`, with the orders and products of the demonstration data. */
export async function startNeighbors({
  orders: ordersPort = 0,
  products: productsPort = 0,
  host = '127.0.0.1',
} = {}): Promise<{ orders: Subgraph; products: Subgraph }> {
  const lines = await readRetailLines();
  const [orders, products] = await Promise.all([
    startSubgraph('orders', ORDERS, createOrdersResolvers(lines), { port: ordersPort, host }),
    startSubgraph('products', PRODUCTS, createProductsResolvers(lines), { port: productsPort, host }),
  ]);
  return { orders, products };
}

interface ById {
  readonly id: string;
}

function createOrdersResolvers(lines: readonly RetailLine[]): object {
  const orders = new Map(
    lines.map(({ invoice, customer, country, date }) => [
      invoice,
      { id: invoice, customer: customer === '' ? null : customer, country, placedOn: date },
    ]),
  );
  return {
    Query: {
      order: (_: unknown, { id }: ById) => orders.get(id) ?? null,
      orders: (_: unknown, { first }: { first: number }) => [...orders.values()].slice(-first).reverse(),
    },
    Order: { __resolveReference: ({ id }: ById) => orders.get(id) ?? null },
  };
}

function createProductsResolvers(lines: readonly RetailLine[]): object {
  const products = new Map(
    lines.map(({ product, description }) => [
      product,
      { id: product, name: description === '' ? product : description },
    ]),
  );
  return {
    Query: { product: (_: unknown, { id }: ById) => products.get(id) ?? null },
    Product: { __resolveReference: ({ id }: ById) => products.get(id) ?? null },
  };
}

/** Starts a subgraph. By default, it listens on the loopback interface, on a free port. */
export async function startSubgraph(
  name: string,
  sdl: string,
  resolvers: object,
  listen = { port: 0, host: '127.0.0.1' },
): Promise<Subgraph> {
  const apollo = new ApolloServer({
    schema: buildSubgraphSchema([{ typeDefs: parse(sdl), resolvers: resolvers as never }]),
    stopOnTerminationSignals: false,
    plugins: [ApolloServerPluginInlineTraceDisabled()],
  });
  const { url } = await startStandaloneServer(apollo, { listen });
  return { name, url, sdl, stop: () => apollo.stop() };
}

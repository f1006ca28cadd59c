import { writeFileSync } from 'node:fs';
import { buildSubgraphSchema, printSubgraphSchema } from '@apollo/subgraph';
import { parse } from 'graphql';
import { compose, removeAccessDirectives } from './composeSubgraphs.ts';
import { ORDERS, PRODUCTS } from './neighbors.ts';
import { readCurrentSdl } from './schemaChanges.ts';

/** The supergraph schema for the Router of docker-compose.yml. */
export const ROUTER_SUPERGRAPH_FILE = new URL('supergraph.graphql', import.meta.url);

/** Composes the supergraph with the URLs of the containers. Access directives need a paid plan of the Router. */
export function composeForRouter(): string {
  const sdl = printSubgraphSchema(buildSubgraphSchema([{ typeDefs: parse(readCurrentSdl()) }]));
  return compose([
    { name: 'order-items', url: 'http://order-items:4001/graphql', sdl: removeAccessDirectives(sdl) },
    { name: 'orders', url: 'http://neighbors:4002/', sdl: ORDERS },
    { name: 'products', url: 'http://neighbors:4003/', sdl: PRODUCTS },
  ]);
}

if (import.meta.main) writeFileSync(ROUTER_SUPERGRAPH_FILE, composeForRouter());

import { writeFileSync } from 'node:fs';
import { buildSubgraphSchema, printSubgraphSchema } from '@apollo/subgraph';
import { parse } from 'graphql';
import { compose, withoutAccessDirectives } from './composeSubgraphs.ts';
import { ORDERS, PRODUCTS } from './neighbours.ts';
import { currentSdl } from './schemaChanges.ts';

/** What the Router of docker-compose.yml reads. */
export const ROUTER_SUPERGRAPH_FILE = new URL('supergraph.graphql', import.meta.url);

/** The supergraph with the addresses that the containers have. The Router would want a plan for the access directives. */
export function composeForRouter(): string {
  const sdl = printSubgraphSchema(buildSubgraphSchema([{ typeDefs: parse(currentSdl()) }]));
  return compose([
    { name: 'order-items', url: 'http://order-items:4001/graphql', sdl: withoutAccessDirectives(sdl) },
    { name: 'orders', url: 'http://neighbours:4002/', sdl: ORDERS },
    { name: 'products', url: 'http://neighbours:4003/', sdl: PRODUCTS },
  ]);
}

if (import.meta.main) writeFileSync(ROUTER_SUPERGRAPH_FILE, composeForRouter());

import { composeServices } from '@theguild/federation-composition';
import { parse } from 'graphql';
import {
  compose,
  type ComposedSubgraph,
  fetchSdl,
  withoutAccessDirectives,
} from '../../supergraph/composeSubgraphs.ts';
import { startNeighbours } from '../../supergraph/neighbours.ts';
import { startTestService } from '../support/testService.ts';

const service = await startTestService();
const url = `${service.url}/graphql`;
const sdl = await fetchSdl(url, await service.token());
const { orders, products } = await startNeighbours();
afterAll(async () => {
  await Promise.all([orders.stop(), products.stop()]);
});

/** As The Guild's composer has it. @throws with every error. */
function composeByTheGuild(subgraphs: readonly ComposedSubgraph[]): string {
  const composed = composeServices(subgraphs.map((subgraph) => ({ ...subgraph, typeDefs: parse(subgraph.sdl) })));
  if (composed.supergraphSdl === undefined) throw new Error(composed.errors.map(({ message }) => message).join('\n'));
  return composed.supergraphSdl;
}

describe.each([
  ['Apollo’s composer, which hints at nothing', compose],
  ['The Guild’s composer', composeByTheGuild],
])('%s', (_, composed) => {
  test('composes the schema with the owners of Order and Product', () => {
    const supergraph = composed([{ name: 'order-items', url, sdl }, orders, products]);
    expect(supergraph).toContain('type OrderItem');
    expect(supergraph).toMatch(/@join__implements|@join__type\(graph: ORDER_ITEMS/);
    expect(supergraph).toContain('@requiresScopes(scopes: [["order-items:read"]])');
  });

  test('composes the schema without the access directives, for gateways that do not support them', () => {
    const supergraph = composed([{ name: 'order-items', url, sdl: withoutAccessDirectives(sdl) }, orders, products]);
    expect(supergraph).toContain('type OrderItem');
    expect(supergraph).not.toMatch(/@requiresScopes|@authenticated|specs\.apollo\.dev\/requiresScopes/);
  });

  test('reports a schema that conflicts with its neighbors', () => {
    const unfit = sdl.replace('order: Order!', 'order: Basket!');
    expect(unfit).not.toBe(sdl);
    expect(() => composed([{ name: 'order-items', url, sdl: unfit }, orders, products])).toThrow('Basket');
  });
});

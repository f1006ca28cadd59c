import { composeServices } from '@theguild/federation-composition';
import { parse } from 'graphql';
import { compose, type ComposedSubgraph, fetchSdl, removeAccessDirectives } from '../../supergraph/composeSubgraphs.ts';
import { startNeighbors } from '../../supergraph/neighbors.ts';
import { startTestService } from '../support/testService.ts';

const service = await startTestService();
const url = `${service.url}/graphql`;
const sdl = await fetchSdl(url, await service.token());
const { orders, products } = await startNeighbors();
afterAll(async () => {
  await Promise.all([orders.stop(), products.stop()]);
});

/** Composes a supergraph with The Guild's composer. @throws an error with every message of the composer. */
function composeByTheGuild(subgraphs: readonly ComposedSubgraph[]): string {
  const composed = composeServices(subgraphs.map((subgraph) => ({ ...subgraph, typeDefs: parse(subgraph.sdl) })));
  if (composed.supergraphSdl === undefined) throw new Error(composed.errors.map(({ message }) => message).join('\n'));
  return composed.supergraphSdl;
}

describe.each([
  ['Apollo’s composer, without a hint,', compose],
  ['The Guild’s composer', composeByTheGuild],
])('%s', (_, composeWith) => {
  test('composes the schema with the subgraphs that own Order and Product', () => {
    const supergraph = composeWith([{ name: 'order-items', url, sdl }, orders, products]);
    expect(supergraph).toContain('type OrderItem');
    expect(supergraph).toMatch(/@join__implements|@join__type\(graph: ORDER_ITEMS/);
    expect(supergraph).toContain('@requiresScopes(scopes: [["order-items:read"], ["order-items:read:own"]])');
  });

  test('composes the schema without access directives, for a gateway that does not support them', () => {
    const supergraph = composeWith([{ name: 'order-items', url, sdl: removeAccessDirectives(sdl) }, orders, products]);
    expect(supergraph).toContain('type OrderItem');
    expect(supergraph).not.toMatch(/@requiresScopes|@authenticated|specs\.apollo\.dev\/requiresScopes/);
  });

  test('reports a schema that does not fit the other subgraphs', () => {
    const unfit = sdl.replace('order: Order!', 'order: Basket!');
    expect(unfit).not.toBe(sdl);
    expect(() => composeWith([{ name: 'order-items', url, sdl: unfit }, orders, products])).toThrow('Basket');
  });
});

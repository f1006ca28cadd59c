import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { type GraphQLField, type GraphQLSchema, isUnionType, parse } from 'graphql';
import { badInput, Failure } from '../../http/failures.ts';
import { type Representation, resolveEntities, resolveEntityType } from './federationEntities.ts';
import type { GraphQLContext } from './context.ts';
import { resolvers } from './resolvers.ts';

const SCHEMA_DIR = path.join(import.meta.dirname, '../../../schema');

/** Builds the executable schema from the published one. @param introspection whether `_service` returns the SDL. */
export async function buildSchema({ introspection }: { readonly introspection: boolean }): Promise<GraphQLSchema> {
  const files = (await readdir(SCHEMA_DIR)).filter((file) => file.endsWith('.graphql')).sort();
  const texts = await Promise.all(files.map((file) => readFile(path.join(SCHEMA_DIR, file), 'utf8')));
  const schema = buildSubgraphSchema([{ typeDefs: parse(texts.join('\n')), resolvers }]);
  replaceEntitiesResolver(schema);
  if (!introspection) closeService(schema);
  return schema;
}

/**
 * Replaces the library's resolver of `_entities`, which creates a promise for each entity and reports invalid
 * representations as internal errors.
 */
function replaceEntitiesResolver(schema: GraphQLSchema): void {
  findQueryField(schema, '_entities').resolve = (_source, args: { representations: readonly unknown[] }, context) => {
    const limit = context.limits.representations;
    if (args.representations.length > limit) {
      throw badInput(`'representations' must hold at most ${limit} representations.`);
    }
    const { representations } = args;
    if (!representations.every(isRepresentation)) {
      throw badInput("Each of 'representations' must have the '__typename' of an entity that this subgraph resolves.");
    }
    context.cacheTags?.addEntities(representations);
    return resolveEntities(representations, context);
  };
  const entity = schema.getType('_Entity');
  if (!isUnionType(entity)) throw new Error('The schema has no union _Entity.');
  entity.resolveType = resolveEntityType;
}

function isRepresentation(representation: unknown): representation is Representation {
  return (
    typeof representation === 'object' &&
    representation !== null &&
    '__typename' in representation &&
    (representation.__typename === 'OrderItem' || representation.__typename === 'Order')
  );
}

/** Refuses `_service`, because the SDL reveals the schema as introspection does. */
function closeService(schema: GraphQLSchema): void {
  findQueryField(schema, '_service').resolve = () => {
    throw new Failure('forbidden', 'Introspection is turned off.');
  };
}

function findQueryField(schema: GraphQLSchema, name: string): GraphQLField<unknown, GraphQLContext> {
  const field: GraphQLField<unknown, GraphQLContext> | undefined = schema.getQueryType()?.getFields()[name];
  if (field === undefined) throw new Error(`The schema has no field Query.${name}.`);
  return field;
}

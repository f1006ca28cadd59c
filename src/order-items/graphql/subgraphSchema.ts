import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { type GraphQLField, type GraphQLSchema, isUnionType, parse } from 'graphql';
import { badInput, Failure } from '../../http/failures.ts';
import { type Representation, resolveEntities, typeOfEntity } from './federationEntities.ts';
import type { GraphQLContext } from './context.ts';
import { resolvers } from './resolvers.ts';

const SCHEMA_DIR = path.join(import.meta.dirname, '../../../schema');

/** Builds the executable schema from the published one. @param introspection whether `_service` tells the SDL. */
export async function buildSchema({ introspection }: { readonly introspection: boolean }): Promise<GraphQLSchema> {
  const files = (await readdir(SCHEMA_DIR)).filter((file) => file.endsWith('.graphql')).sort();
  const texts = await Promise.all(files.map((file) => readFile(path.join(SCHEMA_DIR, file), 'utf8')));
  const schema = buildSubgraphSchema([{ typeDefs: parse(texts.join('\n')), resolvers }]);
  resolveEntitiesTogether(schema);
  if (!introspection) closeService(schema);
  return schema;
}

/**
 * Resolves entities in the place of the library, which makes a promise for each of them and reports the client's mistakes
 * as faults of ours.
 */
function resolveEntitiesTogether(schema: GraphQLSchema): void {
  queryField(schema, '_entities').resolve = (_source, args: { representations: readonly unknown[] }, context) => {
    const most = context.limits.representations;
    if (args.representations.length > most) {
      throw badInput(`'representations' must hold at most ${most} representations.`);
    }
    const { representations } = args;
    if (!representations.every(isOfEntity)) {
      throw badInput("Each of 'representations' must have the '__typename' of an entity that this subgraph resolves.");
    }
    context.cacheTags?.addEntities(representations);
    return resolveEntities(representations, context);
  };
  const entity = schema.getType('_Entity');
  if (!isUnionType(entity)) throw new Error('The schema has no union _Entity.');
  entity.resolveType = typeOfEntity;
}

function isOfEntity(representation: unknown): representation is Representation {
  return (
    typeof representation === 'object' &&
    representation !== null &&
    '__typename' in representation &&
    (representation.__typename === 'OrderItem' || representation.__typename === 'Order')
  );
}

/** The SDL is introspection by another name. */
function closeService(schema: GraphQLSchema): void {
  queryField(schema, '_service').resolve = () => {
    throw new Failure('forbidden', 'Introspection is turned off.');
  };
}

function queryField(schema: GraphQLSchema, name: string): GraphQLField<unknown, GraphQLContext> {
  const field: GraphQLField<unknown, GraphQLContext> | undefined = schema.getQueryType()?.getFields()[name];
  if (field === undefined) throw new Error(`The schema has no field Query.${name}.`);
  return field;
}

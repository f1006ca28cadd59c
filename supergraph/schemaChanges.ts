import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { type Change, ChangeType, CriticalityLevel, diff, DiffRule } from '@graphql-inspector/core';
import { parse } from 'graphql';

const SCHEMA_DIR = path.join(import.meta.dirname, '../schema');

/** The schema as it was last released: what clients have been promised. */
export const RELEASED_FILE = path.join(SCHEMA_DIR, 'released/orderItems.graphql');

/** The schema as the files have it now. */
export function currentSdl(): string {
  const files = globSync(path.join(SCHEMA_DIR, '*.graphql')).sort();
  return files.map((file) => readFileSync(file, 'utf8')).join('\n');
}

/** What has changed between two versions of the schema. */
export async function changesBetween(released: string, current: string): Promise<Change[]> {
  return diff(schemaOf(released), schemaOf(current), [DiffRule.suppressRemovalOfDeprecatedField]);
}

/** What gateways and composers go by. The inspector does not know what these directives mean. */
const DIRECTIVES =
  /'(?:@?key|@?requiresScopes|@?authenticated|@?shareable|@?link)'|requireOneSlicingArgument|resolvable/;

const DEFAULT_CHANGED: string = ChangeType.FieldArgumentDefaultChanged;

/** Whether a client, or a supergraph, that works with the released schema could fail with this one. */
export function isBreaking({ criticality, message, type }: Change): boolean {
  return criticality.level === CriticalityLevel.Breaking || type === DEFAULT_CHANGED || DIRECTIVES.test(message);
}

function schemaOf(sdl: string): ReturnType<typeof buildSubgraphSchema> {
  return buildSubgraphSchema([{ typeDefs: parse(sdl) }]);
}

import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { type Change, ChangeType, CriticalityLevel, diff, DiffRule } from '@graphql-inspector/core';
import { parse, parseValue, valueFromASTUntyped } from 'graphql';

const SCHEMA_DIR = path.join(import.meta.dirname, '../schema');

/** The schema of the last release, which clients rely on. */
export const RELEASED_FILE = path.join(SCHEMA_DIR, 'released/orderItems.graphql');

/** Reads the current schema files as one document. */
export function readCurrentSdl(): string {
  const files = globSync(path.join(SCHEMA_DIR, '*.graphql')).sort();
  return files.map((file) => readFileSync(file, 'utf8')).join('\n');
}

/** Lists the changes between two versions of the schema. */
export async function findChanges(released: string, current: string): Promise<Change[]> {
  const changes = await diff(parseSchema(released), parseSchema(current), [DiffRule.suppressRemovalOfDeprecatedField]);
  const added = changes.filter(({ type }) => type === FIELD_ADDED).map(({ path: field }) => `${field}.@`);
  const widened = changes.filter(acceptsMoreTokens).map(({ path: place }) => place);
  return (
    changes
      // The directives of a new field concern nobody who relies on the released schema.
      .filter(({ path: place }) => !added.some((field) => place?.startsWith(field)))
      // Every token that sufficed suffices still.
      .filter(({ path: place }) => !widened.includes(place))
  );
}

/** The inspector reports a changed argument as one removed and one added. */
const ARGUMENT_ADDED: string = ChangeType.DirectiveUsageArgumentAdded;

/** Whether a place of the schema accepts further scopes beside those of the released schema. */
function acceptsMoreTokens({ type, path: place, meta }: Change): boolean {
  if (type !== ARGUMENT_ADDED || place?.endsWith('.@requiresScopes.scopes') !== true) return false;
  const { oldArgumentValue: before, addedArgumentValue: after } = meta as Record<string, string | null>;
  if (before == null || after == null) return false;
  const accepted = new Set(readAlternatives(after));
  return readAlternatives(before).every((scopes) => accepted.has(scopes));
}

function readAlternatives(value: string): string[] {
  return (valueFromASTUntyped(parseValue(value)) as string[][]).map((scopes) => scopes.toSorted().join(' '));
}

const FIELD_ADDED: string = ChangeType.FieldAdded;

/** Directives that gateways and composers rely on. The inspector treats their changes as harmless. */
const DIRECTIVES =
  /'(?:@?key|@?requiresScopes|@?authenticated|@?shareable|@?link)'|requireOneSlicingArgument|resolvable/;

const DEFAULT_CHANGED: string = ChangeType.FieldArgumentDefaultChanged;

/** Whether a change could break a client or a supergraph that works with the released schema. */
export function isBreaking({ criticality, message, type }: Change): boolean {
  return criticality.level === CriticalityLevel.Breaking || type === DEFAULT_CHANGED || DIRECTIVES.test(message);
}

function parseSchema(sdl: string): ReturnType<typeof buildSubgraphSchema> {
  return buildSubgraphSchema([{ typeDefs: parse(sdl) }]);
}

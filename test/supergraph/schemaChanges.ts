import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { type Change, CriticalityLevel, diff } from '@graphql-inspector/core';
import { parse } from 'graphql';

const SCHEMA_DIR = path.join(import.meta.dirname, '../../schema');

/** The schema as it was last released: what clients have been promised. */
export const RELEASED_FILE = path.join(SCHEMA_DIR, 'released/orderItems.graphql');

/** The schema as the files have it now. */
export function currentSdl(): string {
  const files = globSync(path.join(SCHEMA_DIR, '*.graphql')).sort();
  return files.map((file) => readFileSync(file, 'utf8')).join('\n');
}

/** What has changed between two versions of the schema. */
export async function changesBetween(released: string, current: string): Promise<Change[]> {
  return diff(schemaOf(released), schemaOf(current));
}

/** Whether a client that works with the released schema could fail with this one. */
export function isBreaking({ criticality }: Change): boolean {
  return criticality.level === CriticalityLevel.Breaking;
}

function schemaOf(sdl: string): ReturnType<typeof buildSubgraphSchema> {
  return buildSubgraphSchema([{ typeDefs: parse(sdl) }]);
}

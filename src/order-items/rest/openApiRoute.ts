import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { FastifyInstance } from 'fastify';
import { parse } from 'yaml';

const OPENAPI_FILE = path.join(import.meta.dirname, '../../../schema/openapi.yaml');

/** Serves the OpenAPI description of the REST contract as JSON. */
export async function addOpenApiRoute(server: FastifyInstance): Promise<void> {
  const description: unknown = parse(await readFile(OPENAPI_FILE, 'utf8'));
  server.get('/v0/openapi.json', () => description);
}

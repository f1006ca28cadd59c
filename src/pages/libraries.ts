import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import Fastify from 'fastify';
import { type BrowserFile, SCRIPT, STYLES } from './browserFiles.ts';

/**
 * Scripts and styles from npm packages, by file name. The packages offer whole pages with inline scripts. As separate files,
 * they need no exception from the content security policy, and browsers cache them. They are megabytes, so each is read on
 * first use.
 */
export const LIBRARIES: Readonly<Record<string, () => Promise<BrowserFile>>> = {
  'graphiql.js': async () => ({ type: SCRIPT, text: (await loadGraphiQL()).js }),
  'graphiql.css': async () => ({ type: STYLES, text: (await loadGraphiQL()).css }),
  'editor.worker.js': async () => ({ type: SCRIPT, text: (await loadGraphiQL()).editorWorkerService }),
  'json.worker.js': async () => ({ type: SCRIPT, text: (await loadGraphiQL()).jsonWorker }),
  'graphql.worker.js': async () => ({ type: SCRIPT, text: (await loadGraphiQL()).graphqlWorker }),
  'scalar.js': async () => ({ type: SCRIPT, text: await readScalar() }),
};

type GraphiQL = Record<'js' | 'css' | 'editorWorkerService' | 'jsonWorker' | 'graphqlWorker', string>;

function loadGraphiQL(): Promise<GraphiQL> {
  const main = createRequire(import.meta.url).resolve('@graphql-yoga/render-graphiql');
  const file = path.join(path.dirname(main), '../esm/graphiql.js');
  return import(pathToFileURL(file).href) as Promise<GraphiQL>;
}

/** Reads Scalar's script, which its package exposes only to servers. */
async function readScalar(): Promise<string> {
  const { default: scalar } = await import('@scalar/fastify-api-reference');
  await using server = Fastify();
  await server.register(scalar, { routePrefix: '/scalar', configuration: { url: '/' } });
  const { body } = await server.inject('/scalar/js/scalar.js');
  return body;
}

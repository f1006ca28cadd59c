import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import scalar from '@scalar/fastify-api-reference';
import Fastify from 'fastify';
import { type BrowserFile, SCRIPT, STYLES } from './browserFiles.ts';

/**
 * What the pages have from elsewhere, by the names of the files. The packages would give whole pages, whose scripts stand in
 * them; apart, they need no exception from the content security policy, and a browser keeps them.
 */
export async function readLibraries(): Promise<ReadonlyMap<string, BrowserFile>> {
  return new Map([...(await readGraphiQL()), ['scalar.js', { type: SCRIPT, text: await readScalar() }]]);
}

async function readGraphiQL(): Promise<[name: string, BrowserFile][]> {
  const main = createRequire(import.meta.url).resolve('@graphql-yoga/render-graphiql');
  const file = path.join(path.dirname(main), '../esm/graphiql.js');
  const { js, css, editorWorkerService, jsonWorker, graphqlWorker } = (await import(
    pathToFileURL(file).href
  )) as Record<'js' | 'css' | 'editorWorkerService' | 'jsonWorker' | 'graphqlWorker', string>;
  return [
    ['graphiql.js', { type: SCRIPT, text: js }],
    ['graphiql.css', { type: STYLES, text: css }],
    ['editor.worker.js', { type: SCRIPT, text: editorWorkerService }],
    ['json.worker.js', { type: SCRIPT, text: jsonWorker }],
    ['graphql.worker.js', { type: SCRIPT, text: graphqlWorker }],
  ];
}

/** The package gives its script to a server only. */
async function readScalar(): Promise<string> {
  await using server = Fastify();
  await server.register(scalar, { routePrefix: '/scalar', configuration: { url: '/' } });
  const { body } = await server.inject('/scalar/js/scalar.js');
  return body;
}

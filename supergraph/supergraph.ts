import { readFileSync } from 'node:fs';
import { parse, print, separateOperations, stripIgnoredCharacters } from 'graphql';
import { InvalidConfig, readConfig } from '../src/config.ts';
import { startService } from '../src/service.ts';
import { createLogger } from '../src/telemetry/logger.ts';
import { compose, fetchSdl } from './composeSubgraphs.ts';
import { startHiveGateway } from './gateways.ts';
import { startNeighbors } from './neighbors.ts';

/** The operations with which the playground opens. Each runs as it is, on the demonstration data. */
const OPERATIONS = readFileSync(new URL('operations.graphql', import.meta.url), 'utf8');

/** A query that needs all three subgraphs. */
const QUERY = stripIgnoredCharacters(printOperation(OPERATIONS, 'ItemsOfAnOrder'));

/** Runs a whole supergraph: the service, the owners of orders and products, and a gateway with a playground. */
async function main(signal: AbortSignal): Promise<void> {
  await using running = new AsyncDisposableStack();
  const config = readConfig(process.env);
  const logger = createLogger(config.logLevel);
  // Ports next to the service's port. If that is 0, all of them are free ports.
  const port = (offset: number): number => (config.port === 0 ? 0 : config.port + offset);
  if (config.auth !== null)
    throw new Error('The supergraph is for development and needs the development issuer. Unset AUTH_ISSUER.');
  const service = await startService(config, { logger, signal });
  running.defer(() => service.stop());
  const token = (await service.developmentIssuer?.issueToken()) ?? '';

  const { orders, products } = await startNeighbors({ orders: port(1), products: port(2) });
  running.defer(() => orders.stop());
  running.defer(() => products.stop());
  const url = `${service.url}/graphql`;
  const supergraphSdl = compose([{ name: 'order-items', url, sdl: await fetchSdl(url, token) }, orders, products]);
  const gateway = await startHiveGateway({ supergraphSdl, port: port(-1), playground: { token, query: OPERATIONS } });
  running.defer(() => gateway.stop());

  process.stdout.write(`
  Supergraph   ${gateway.url}   (in a browser, a playground with a token)
  order-items  ${url}
  orders       ${orders.url}
  products     ${products.url}

  A token for today:

${token}

  Query all three subgraphs at once:

curl -sS ${gateway.url} -H 'authorization: Bearer ${token}' -H 'content-type: application/json' -d '${JSON.stringify({ query: QUERY })}'

`);
  logger.info({ url: gateway.url }, 'serving');
  await new Promise((resolve) => {
    signal.addEventListener('abort', resolve);
  });
}

/** Returns one of the operations of a document. @throws Error if it has none of this name. */
function printOperation(document: string, name: string): string {
  const operation = separateOperations(parse(document))[name];
  if (operation === undefined) throw new Error(`There is no operation ${name}.`);
  return print(operation);
}

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    stop.abort();
  });
}
try {
  await main(stop.signal);
  process.exit(0);
} catch (error) {
  if (stop.signal.aborted) process.exit(0);
  process.stderr.write(`${error instanceof InvalidConfig ? error.message : String(error)}\n`);
  process.exit(1);
}

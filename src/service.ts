import { ApolloServer } from '@apollo/server';
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginLandingPageDisabled,
} from '@apollo/server/plugin/disabled';
import type { DataSource } from 'typeorm';
import { type DevelopmentIssuer, openDevelopmentIssuer } from './auth/developmentIssuer.ts';
import type { Config } from './config.ts';
import { connectDatabase, fillEmptyDatabase, readConnectionOptions } from './connectDatabase.ts';
import { readPoolState } from './database/dataSource.ts';
import { nameDatabase } from './database/databaseFailures.ts';
import { openDatabase } from './database/openDatabase.ts';
import { createReader } from './database/reader.ts';
import { openStandbys } from './database/standbys.ts';
import { createLifecycle } from './lifecycle.ts';
import { type CompiledExecution, compiledExecution } from './graphql/compiledExecution.ts';
import { createDocumentRules, limitCost } from './graphql/documentLimits.ts';
import { createErrorFormatter, reportGraphQL } from './graphql/errors.ts';
import { inlineTrace } from './graphql/inlineTrace.ts';
import { createOpenStreams } from './graphql/openStreams.ts';
import { toPlugin } from './graphql/operationHooks.ts';
import { createSubscribe, refuseSubscriptions, type Subscribe } from './graphql/subscriptionExecution.ts';
import { drain, listen } from './http/listen.ts';
import { addMetricsRoute } from './http/metricsRoute.ts';
import { createServer } from './http/server.ts';
import { allowCaching } from './order-items/graphql/cacheTags.ts';
import type { GraphQLContext } from './order-items/graphql/context.ts';
import { buildSchema } from './order-items/graphql/subgraphSchema.ts';
import { openEvents } from './openEvents.ts';
import { openStream } from './openStream.ts';
import { addRoutes } from './routes.ts';
import { countDroppedLines, type Logger } from './telemetry/logger.ts';
import { createMetrics } from './telemetry/metrics.ts';
import type { Tracing } from './work/span.ts';

/** A running service. */
export interface Service {
  /** The address on which it listens, such as `http://127.0.0.1:4001`. */
  readonly url: string;
  readonly dataSource: DataSource;
  /** Null if tokens come from an external issuer. */
  readonly developmentIssuer: DevelopmentIssuer | null;
  /** Whether it serves pages for people. */
  readonly hasPages: boolean;
  /**
   * Refuses new requests, finishes those in flight (10 s at most) and releases everything. A second call waits for the
   * first.
   */
  readonly stop: () => Promise<void>;
  /** Stops the embedded database without waiting, for a process that is about to exit. */
  readonly stopWithoutWaiting: () => void;
}

export interface ServiceDependencies {
  readonly logger: Logger;
  /** Aborts a start. */
  readonly signal?: AbortSignal;
}

/**
 * Starts the whole service: database, migrations, both doors.
 *
 * @throws OperatorError or another error if it cannot start. It releases everything that it has opened.
 */
export async function startService(config: Config, dependencies: ServiceDependencies): Promise<Service> {
  const { logger, signal } = dependencies;
  await using opened = new AsyncDisposableStack();
  const database = await openDatabase(config);
  opened.defer(() => database.stop());
  signal?.throwIfAborted();
  const { servers, database: name } = nameDatabase(database.url);
  logger.info({ servers, database: name, embedded: database.embedded }, 'using the database');

  const tracing = await loadTracing(config, logger);
  opened.defer(() => tracing?.stop());
  const connections = readConnectionOptions(config);
  const connected = await connectDatabase({ ...connections, url: database.url }, config, dependencies);
  const { dataSource, distributed } = connected;
  opened.defer(() => dataSource.destroy());
  const standbys = openStandbys(config.databaseReadUrls, { ...connections, distributed }, (error) => {
    logger.warn({ err: error }, 'a standby is unreachable');
  });
  opened.use(standbys);
  await fillEmptyDatabase(connected, database, config, logger);
  signal?.throwIfAborted();

  const developmentIssuer = config.auth === null ? await openDevelopmentIssuer(config.dataDir) : null;
  const { apollo, answerRepeated, subscribe } = await startApollo(config, logger);
  opened.defer(() => apollo.stop());
  const lifecycle = createLifecycle();
  const metrics = createMetrics();
  const server = await createServer({
    ...config,
    bodyLimitBytes: config.limits.bodyBytes,
    logger,
    metrics,
    tracing,
    isDraining: lifecycle.isDraining,
  });
  addMetricsRoute(server, metrics);
  metrics.watchLog(countDroppedLines);
  metrics.watchPool(() => readPoolState(dataSource));
  const events = openEvents(connected, config, { logger, metrics });
  // Requests in flight still write events.
  opened.defer(() => events.stop());
  opened.defer(await openStream({ dataSource, log: events.log, logger, metrics }, config));
  opened.defer(() => drain(server));
  // Readers that wait would hold the drain up.
  opened.defer(events.close);
  const streams = createOpenStreams();
  opened.defer(streams.close);
  const reader = createReader(dataSource, standbys.dataSources, metrics.observeRead);
  await addRoutes(server, {
    config,
    connected,
    reader,
    developmentIssuer,
    apollo,
    answerRepeated,
    subscribe,
    streams,
    events,
    logger,
    metrics,
  });
  const url = await listen(server, config);
  signal?.throwIfAborted();

  lifecycle.serve(opened.move());
  return {
    url,
    dataSource,
    developmentIssuer,
    hasPages: config.playground,
    stop: lifecycle.stop,
    stopWithoutWaiting: () => {
      database.stopWithoutWaiting();
    },
  };
}

/** Apollo Server, and the shorter way of repeated operations. */
interface GraphQLServer extends Pick<CompiledExecution<GraphQLContext>, 'answerRepeated'> {
  readonly apollo: ApolloServer<GraphQLContext>;
  readonly subscribe: Subscribe<GraphQLContext>;
}

async function startApollo(config: Config, logger: Logger): Promise<GraphQLServer> {
  const formatError = createErrorFormatter(config);
  const hooks = [
    limitCost<GraphQLContext>(config.limits),
    reportGraphQL<GraphQLContext>(logger),
    ...(config.cacheMaxAgeS === 0 ? [] : [allowCaching(`${config.cacheScope}, max-age=${config.cacheMaxAgeS}`)]),
  ];
  const schema = await buildSchema(config);
  const { plugin, answerRepeated } = compiledExecution(schema, formatError, hooks);
  const subscribe = createSubscribe({ ...config, schema, formatError, hooks, logger });
  const apollo = new ApolloServer<GraphQLContext>({
    schema: await buildSchema(config),
    introspection: config.introspection,
    hideSchemaDetailsFromClientErrors: !config.introspection,
    includeStacktraceInErrorResponses: false,
    formatError,
    persistedQueries: false,
    allowBatchedHttpRequests: config.limits.batchedOperations > 0,
    parseOptions: { maxLexicalTokens: config.limits.documentTokens },
    validationRules: createDocumentRules(config.limits),
    logger: logger.child({}, { level: logger.isLevelEnabled('warn') ? 'warn' : logger.level }),
    stopOnTerminationSignals: false,
    plugins: [
      plugin,
      ...hooks.map(toPlugin),
      toPlugin(refuseSubscriptions<GraphQLContext>()),
      ApolloServerPluginLandingPageDisabled(),
      ApolloServerPluginCacheControlDisabled(),
      inlineTrace(),
    ],
  });
  await apollo.start();
  return { apollo, answerRepeated, subscribe };
}

/** Loads tracing only if it is configured. */
async function loadTracing({ tracing }: Config, logger: Logger): Promise<Tracing | null> {
  if (tracing === null) return null;
  const { startTracing } = await import('./telemetry/openTelemetry.ts');
  return startTracing(tracing, logger);
}

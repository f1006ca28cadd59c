import { ApolloServer } from '@apollo/server';
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginLandingPageDisabled,
} from '@apollo/server/plugin/disabled';
import type { FastifyInstance, onRequestHookHandler } from 'fastify';
import type { DataSource } from 'typeorm';
import { type DevelopmentIssuer, openDevelopmentIssuer } from './auth/developmentIssuer.ts';
import { createDevelopmentTokenVerifier, createTokenVerifier, type TokenVerifier } from './auth/tokenVerifier.ts';
import type { Config } from './config.ts';
import { connectDatabase, fillEmptyDatabase, readConnectionOptions } from './connectDatabase.ts';
import { readPoolState } from './database/dataSource.ts';
import { nameDatabase } from './database/databaseFailures.ts';
import { isMigrated } from './database/migrations.ts';
import { openDatabase } from './database/openDatabase.ts';
import { createReader, type Reader } from './database/reader.ts';
import { openStandbys } from './database/standbys.ts';
import { createLifecycle } from './lifecycle.ts';
import { addAccess, getCaller } from './http/access.ts';
import { compiledExecution } from './graphql/compiledExecution.ts';
import { createDocumentRules, limitCost } from './graphql/documentLimits.ts';
import { createErrorFormatter, reportGraphQL } from './graphql/errors.ts';
import { addGraphQLRoute, requireRouterSecret } from './graphql/graphqlRoute.ts';
import { addHealthRoutes } from './http/health.ts';
import { inlineTrace } from './graphql/inlineTrace.ts';
import { drain, listen } from './http/listen.ts';
import { addMetricsRoute } from './http/metricsRoute.ts';
import { createServer, reportOutcome } from './http/server.ts';
import { findUnitsRule } from './order-items/checkTables.ts';
import { allowCaching, CacheTags } from './order-items/graphql/cacheTags.ts';
import { createCancellationWindows } from './order-items/cancellationWindows.ts';
import { createCancelItemsOfOrder } from './order-items/cancelItemsOfOrder.ts';
import { createCancelOrderItems } from './order-items/cancelOrderItems.ts';
import type { OrderItemDatabase } from './order-items/cancelTransaction.ts';
import type { GraphQLContext } from './order-items/graphql/context.ts';
import type { CancelOutcome, CancelRequest } from './order-items/judgeCancels.ts';
import { addLineItemRoutes } from './order-items/rest/lineItemRoutes.ts';
import { listItemsOfOrders, rankItemsOfOrders } from './order-items/listOrderItems.ts';
import { Loaders } from './order-items/loaders.ts';
import { addLineItemRead } from './order-items/rest/lineItemRead.ts';
import { createReads } from './order-items/reads.ts';
import { addOpenApiRoute } from './order-items/rest/openApiRoute.ts';
import { addOverviewRoute } from './order-items/rest/overviewRoute.ts';
import { buildSchema } from './order-items/graphql/subgraphSchema.ts';
import type { PagesOptions } from './pages/pages.ts';
import { countDroppedLines, type Logger } from './telemetry/logger.ts';
import { type CancelObservation, createMetrics, type Metrics } from './telemetry/metrics.ts';
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
  await fillEmptyDatabase(dataSource, database, config, logger);
  signal?.throwIfAborted();

  const developmentIssuer = config.auth === null ? await openDevelopmentIssuer(config.dataDir) : null;
  const apollo = await startApollo(config, logger);
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
  opened.defer(() => drain(server));
  addMetricsRoute(server, metrics);
  metrics.watchLog(countDroppedLines);
  metrics.watchPool(() => readPoolState(dataSource));
  const reader = createReader(dataSource, standbys.dataSources, metrics.observeRead);
  await addRoutes(server, { config, connected, reader, developmentIssuer, apollo, logger, metrics });
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

async function startApollo(config: Config, logger: Logger): Promise<ApolloServer<GraphQLContext>> {
  const formatError = createErrorFormatter(config);
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
      compiledExecution(await buildSchema(config), formatError),
      limitCost(config.limits),
      reportGraphQL(logger),
      ApolloServerPluginLandingPageDisabled(),
      ApolloServerPluginCacheControlDisabled(),
      inlineTrace(),
      ...(config.cacheMaxAgeS === 0 ? [] : [allowCaching(`${config.cacheScope}, max-age=${config.cacheMaxAgeS}`)]),
    ],
  });
  await apollo.start();
  return apollo;
}

async function addRoutes(
  server: FastifyInstance,
  {
    config,
    connected,
    reader,
    developmentIssuer,
    apollo,
    logger,
    metrics,
  }: {
    readonly config: Config;
    readonly connected: OrderItemDatabase;
    readonly reader: Reader;
    readonly developmentIssuer: DevelopmentIssuer | null;
    readonly apollo: ApolloServer<GraphQLContext>;
    readonly logger: Logger;
    readonly metrics: Metrics;
  },
): Promise<void> {
  const { dataSource, distributed } = connected;
  const access = await addAccess(server, {
    verifyToken: createVerifier(config, developmentIssuer, logger, metrics),
    rateLimitPerMinute: config.rateLimitPerMinute,
  });
  addHealthRoutes(server, () => isMigrated(dataSource));
  await addOpenApiRoute(server);
  const cancel = createCancelOrderItems(connected, config.lockTimeoutMs, {
    queue: metrics.queue('cancel_order_items'),
    bulkQueue: metrics.queue('cancel_order_items_bulk'),
    lockQueue: metrics.lockQueue(),
    observe: (request, outcome) => {
      metrics.observeCancel(describeCancel(request, outcome, config));
    },
  });
  const cancelItemsOfOrder = createCancelItemsOfOrder(dataSource, cancel);
  const windows = createCancellationWindows(config.cancellationWindows);
  const listOfOrders = distributed ? rankItemsOfOrders : listItemsOfOrders;
  const reads = createReads(reader, metrics.queue, await findUnitsRule(dataSource), listOfOrders);
  await addLineItemRoutes(server, { cancel, windows, access, reasonCodes: config.reasonCodes });
  addLineItemRead(server, { reads, windows, access });
  const hasStartPage = config.playground && !config.production;
  if (hasStartPage) addOverviewRoute(server, { dataSource, access });
  const playground = config.playground
    ? await loadPages(server, { developmentIssuer, hasStartPage, onRequest: access.admit })
    : null;
  await addGraphQLRoute(server, {
    apollo,
    maxBatchedOperations: config.limits.batchedOperations,
    nameCaller: (request) => getCaller(request).subject,
    onRequest: [
      ...(config.routerSecret === null ? [] : [requireRouterSecret(config.routerSecret)]),
      ...access.admit,
      ...(playground === null ? [] : [playground]),
      access.requireCaller,
    ],
    createContext: (request) => {
      const closedWindows = windows.closedAt(request.arrivedAt);
      return {
        caller: getCaller(request),
        cancel,
        cancelItemsOfOrder,
        closedWindows,
        limits: config.limits,
        loaders: new Loaders(reads, closedWindows),
        reasonCodes: config.reasonCodes,
        requestId: request.id,
        cacheTags: config.cacheMaxAgeS === 0 ? null : new CacheTags(),
        reportOperation: (operation) => {
          request.operation = Array.isArray(request.body) ? { name: null, type: null, field: 'batch' } : operation;
        },
        reportOutcome: (outcome) => {
          reportOutcome(request, outcome);
        },
      };
    },
  });
}

/** Any code can be stated where none are listed, so a metric shows only that there is one. */
function describeCancel(
  { channel, requestId }: CancelRequest,
  outcome: CancelOutcome,
  { reasonCodes }: Config,
): CancelObservation {
  const blocker = outcome.code === 'ORDER_ITEM_NOT_CANCELABLE' ? outcome.blockers[0].code : null;
  // The repeat of a request cancels nothing more.
  const made =
    outcome.code === 'CANCELLED' && outcome.cancellation.requestId === requestId ? outcome.cancellation : null;
  const code = made?.reasonCode ?? null;
  return {
    channel,
    outcome: outcome.code,
    blocker,
    units: made?.quantity ?? 0,
    reasonCode: code !== null && reasonCodes === 'any' ? 'any' : code,
  };
}

/** Loads the pages only if they are served, because their modules are large. */
async function loadPages(server: FastifyInstance, options: PagesOptions): Promise<onRequestHookHandler> {
  const { addPages } = await import('./pages/pages.ts');
  return addPages(server, options);
}

/** Loads tracing only if it is configured. */
async function loadTracing({ tracing }: Config, logger: Logger): Promise<Tracing | null> {
  if (tracing === null) return null;
  const { startTracing } = await import('./telemetry/openTelemetry.ts');
  return startTracing(tracing, logger);
}

function createVerifier(
  { auth }: Config,
  developmentIssuer: DevelopmentIssuer | null,
  logger: Logger,
  metrics: Metrics,
): TokenVerifier {
  if (auth !== null) {
    const warn = (sentence: string): void => {
      logger.warn({ issuer: auth.issuer }, sentence);
    };
    return createTokenVerifier(auth, warn, metrics);
  }
  if (developmentIssuer !== null) return createDevelopmentTokenVerifier(developmentIssuer, metrics);
  throw new Error('No issuer of tokens is configured.');
}

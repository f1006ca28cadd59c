import type { ApolloServer } from '@apollo/server';
import type { FastifyInstance, onRequestHookHandler } from 'fastify';
import type { DevelopmentIssuer } from './auth/developmentIssuer.ts';
import { createDevelopmentTokenVerifier, createTokenVerifier, type TokenVerifier } from './auth/tokenVerifier.ts';
import type { Config } from './config.ts';
import { isMigrated } from './database/migrations.ts';
import type { Reader } from './database/reader.ts';
import { addFeedRoute } from './events/feedRoute.ts';
import { addAccess, getCaller } from './http/access.ts';
import type { CompiledExecution } from './graphql/compiledExecution.ts';
import { createFollowCancels } from './followCancels.ts';
import { addGraphQLRoute, requireRouterSecret } from './graphql/graphqlRoute.ts';
import type { SubscriptionServing } from './graphql/eventStream.ts';
import { addHealthRoutes } from './http/health.ts';
import { reportOutcome } from './http/server.ts';
import { findUnitsRule, hasCustomers } from './order-items/checkTables.ts';
import { CacheTags } from './order-items/graphql/cacheTags.ts';
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
import { findViewer } from './order-items/ownItems.ts';
import { createReads } from './order-items/reads.ts';
import { addOpenApiRoute } from './order-items/rest/openApiRoute.ts';
import { addOverviewRoute } from './order-items/rest/overviewRoute.ts';
import type { Events } from './openEvents.ts';
import type { PagesOptions } from './pages/pages.ts';
import type { Logger } from './telemetry/logger.ts';
import type { CancelObservation, Metrics } from './telemetry/metrics.ts';
import { systemClock } from './work/clock.ts';

/** What the routes serve from. */
export interface RouteDependencies
  extends
    Pick<CompiledExecution<GraphQLContext>, 'answerRepeated'>,
    Pick<SubscriptionServing<GraphQLContext>, 'subscribe' | 'streams'> {
  readonly config: Config;
  readonly connected: OrderItemDatabase;
  readonly reader: Reader;
  readonly developmentIssuer: DevelopmentIssuer | null;
  readonly apollo: ApolloServer<GraphQLContext>;
  readonly events: Events;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Adds both doors, the pages and the checks of health to a server that does not listen yet. */
export async function addRoutes(server: FastifyInstance, dependencies: RouteDependencies): Promise<void> {
  const { config, connected, reader, developmentIssuer, events, logger, metrics } = dependencies;
  const { dataSource, distributed } = connected;
  const customerClaim = (await hasCustomers(dataSource)) ? config.customerClaim : null;
  const access = await addAccess(server, {
    verifyToken: createVerifier(config, customerClaim, developmentIssuer, logger, metrics),
    rateLimitPerMinute: config.rateLimitPerMinute,
  });
  addHealthRoutes(server, () => isMigrated(dataSource));
  await addOpenApiRoute(server);
  const cancel = createCancelOrderItems(connected, config.lockTimeoutMs, {
    queue: metrics.queue('cancel_order_items'),
    bulkQueue: metrics.queue('cancel_order_items_bulk'),
    lockQueue: metrics.lockQueue(),
    observe: (request, outcome) => {
      const observation = describeCancel(request, outcome, config);
      metrics.observeCancel(observation);
      if (observation.units > 0) events.wake();
    },
  });
  const cancelItemsOfOrder = createCancelItemsOfOrder(dataSource, cancel);
  const windows = createCancellationWindows(config.cancellationWindows);
  const listOfOrders = distributed ? rankItemsOfOrders : listItemsOfOrders;
  const reads = createReads(reader, metrics.queue, await findUnitsRule(dataSource), listOfOrders);
  const followCancels = createFollowCancels(events.log, connected, customerClaim !== null, logger);
  await addLineItemRoutes(server, { cancel, windows, access, reasonCodes: config.reasonCodes });
  addLineItemRead(server, { reads, windows, access });
  addFeedRoute(server, { ...events, access, requestTimeoutMs: config.requestTimeoutMs });
  const hasStartPage = config.playground && !config.production;
  if (hasStartPage) addOverviewRoute(server, { dataSource, access });
  const playground = config.playground
    ? await loadPages(server, { developmentIssuer, hasStartPage, onRequest: access.admit })
    : null;
  await addGraphQLRoute(server, {
    ...dependencies,
    takePlace: events.readers.takePlace,
    maxBatchedOperations: config.limits.batchedOperations,
    nameCaller: (request) => getCaller(request).subject,
    onRequest: [
      ...(config.routerSecret === null ? [] : [requireRouterSecret(config.routerSecret)]),
      ...access.admit,
      ...(playground === null ? [] : [playground]),
      access.requireCaller,
    ],
    createContext: (request, drop) => {
      const closedWindows = windows.closedAt(drop === undefined ? request.arrivedAt : systemClock.epochMs());
      const caller = getCaller(request);
      const viewer = findViewer(caller);
      return {
        caller,
        viewer,
        cancel,
        cancelItemsOfOrder,
        followCancels,
        dropSlowReader: drop ?? (() => undefined),
        closedWindows,
        limits: config.limits,
        loaders: new Loaders(reads, closedWindows, viewer),
        reasonCodes: config.reasonCodes,
        requestId: request.id,
        // Scopes are not part of what a cache tells answers apart by.
        cacheTags: config.cacheMaxAgeS === 0 || viewer !== null ? null : new CacheTags(),
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

function createVerifier(
  { auth }: Config,
  customerClaim: string | null,
  developmentIssuer: DevelopmentIssuer | null,
  logger: Logger,
  metrics: Metrics,
): TokenVerifier {
  if (auth !== null) {
    const warn = (sentence: string): void => {
      logger.warn({ issuer: auth.issuer }, sentence);
    };
    return createTokenVerifier({ ...auth, customerClaim }, warn, metrics);
  }
  if (developmentIssuer !== null)
    return createDevelopmentTokenVerifier({ ...developmentIssuer, customerClaim }, metrics);
  throw new Error('No issuer of tokens is configured.');
}

import { collectDefaultMetrics, Counter, Histogram, Registry } from 'prom-client';
import { READ_SERVERS, type ReadServer } from '../database/reader.ts';
import { gauge } from './gauges.ts';
import { createLoadMetrics, type LoadMetrics } from './loadMetrics.ts';
import { createStreamMetrics, type StreamMetrics } from './streamMetrics.ts';
import { createWebhookMetrics, type WebhookMetrics } from './webhookMetrics.ts';

/** A request, as the metrics count it. Only the client's name can have values that this code does not list. */
export interface RequestObservation {
  /** The route's pattern. */
  readonly route: string;
  /** The root field of a GraphQL operation, or `several`. Null for other requests. */
  readonly operation: string | null;
  readonly outcomes: ReadonlySet<string>;
  /** The name that the client sends, or null. */
  readonly client: string | null;
  readonly durationMs: number;
}

/** The outcome of cancelling one item. */
export interface CancelObservation {
  readonly channel: string;
  readonly outcome: string;
  /** The first blocker, or null. */
  readonly blocker: string | null;
  /** The units that it cancelled, 0 for a refusal or a repeat. */
  readonly units: number;
  /** The code for the reason, one of a bounded list, or null. */
  readonly reasonCode: string | null;
}

export interface Metrics extends LoadMetrics, StreamMetrics, WebhookMetrics {
  readonly observeRequest: (request: RequestObservation) => void;
  readonly observeCancel: (cancel: CancelObservation) => void;
  /** Called only if there are standbys. */
  readonly observeRead: (server: ReadServer) => void;
  readonly observeToken: (isRemembered: boolean) => void;
  /** @param count returns the number of cached tokens. It is called for each scrape. */
  readonly watchTokens: (count: () => number) => void;
  /** @param count returns the number of dropped log lines. It is called for each scrape. */
  readonly watchLog: (count: () => number) => void;
  /** Returns all metrics in the text format of Prometheus. */
  readonly read: () => Promise<{ readonly contentType: string; readonly text: string }>;
}

/** Clients choose their names, so a bound keeps a hostile client from exhausting memory with new label values. */
const MAX_CLIENTS = 50;

/** From the time of a lookup by key to the request timeout. */
const DURATION_BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** A request with several outcomes counts as its fault, so that a fault does not hide among them. */
const FAULTS = ['internal_server_error', 'service_unavailable'];

/** Creates the metrics of one service. Services in the same process do not share them. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const requests = new Counter({
    name: 'order_items_requests_total',
    help: 'Requests, by route, operation, outcome and client.',
    labelNames: ['route', 'operation', 'outcome', 'client'],
    registers: [registry],
  });
  const durations = new Histogram({
    name: 'order_items_request_duration_seconds',
    help: 'Duration of requests, by route and operation.',
    labelNames: ['route', 'operation'],
    buckets: DURATION_BUCKETS_S,
    registers: [registry],
  });
  const cancels = new Counter({
    name: 'order_items_cancels_total',
    help: 'Order items in cancel requests, by channel, outcome and first blocker.',
    labelNames: ['channel', 'outcome', 'blocker'],
    registers: [registry],
  });
  const units = new Counter({
    name: 'order_items_units_cancelled_total',
    help: 'Units of order items cancelled, by channel and code for the reason.',
    labelNames: ['channel', 'reason_code'],
    registers: [registry],
  });
  const tokens = new Counter({
    name: 'order_items_tokens_total',
    help: 'Tokens received, by whether the token cache had them. Other tokens have their signature checked.',
    labelNames: ['remembered'],
    registers: [registry],
  });
  const reads = new Counter({
    name: 'order_items_reads_total',
    help: 'Read statements, by the server that answered. Not counted without standbys.',
    labelNames: ['server'],
    registers: [registry],
  });
  for (const server of READ_SERVERS) reads.inc({ server }, 0);
  const clients = new Set<string>();
  const clientLabel = (client: string | null): string => {
    if (client === null) return 'unnamed';
    if (!clients.has(client) && clients.size >= MAX_CLIENTS) return 'other';
    clients.add(client);
    return client;
  };
  return {
    observeRequest: ({ route, operation, outcomes, client, durationMs }) => {
      const labels = { route, operation: operation ?? 'none' };
      requests.inc({ ...labels, outcome: outcomeLabel(outcomes), client: clientLabel(client) });
      durations.observe(labels, durationMs / 1_000);
    },
    observeCancel: ({ channel, outcome, blocker, units: count, reasonCode }) => {
      cancels.inc({ channel, outcome, blocker: blocker ?? 'none' });
      if (count > 0) units.inc({ channel, reason_code: reasonCode ?? 'none' }, count);
    },
    observeRead: (server) => {
      reads.inc({ server });
    },
    observeToken: (isRemembered) => {
      tokens.inc({ remembered: String(isRemembered) });
    },
    watchTokens: (count) => {
      gauge(registry, 'order_items_tokens_remembered', 'Tokens in the token cache.', count);
    },
    watchLog: (count) => {
      new Counter({
        name: 'order_items_log_lines_dropped_total',
        help: 'Log lines that standard output did not take.',
        registers: [registry],
        collect() {
          this.reset();
          this.inc(count());
        },
      });
    },
    ...createLoadMetrics(registry, DURATION_BUCKETS_S),
    ...createStreamMetrics(registry),
    ...createWebhookMetrics(registry),
    read: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  };
}

function outcomeLabel(outcomes: ReadonlySet<string>): string {
  const [outcome = 'ok', ...others] = outcomes;
  if (others.length === 0) return outcome;
  return [...outcomes].find((candidate) => FAULTS.includes(candidate.toLowerCase())) ?? 'several';
}

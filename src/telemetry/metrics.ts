import { collectDefaultMetrics, Counter, Histogram, Registry } from 'prom-client';
import { READ_SERVERS, type ReadServer } from '../database/reader.ts';
import { gauge } from './gauges.ts';
import { createLoadMetrics, type LoadMetrics } from './loadMetrics.ts';

/** What is counted of a request. Every value but the client's name comes from a list of our own. */
export interface RequestObservation {
  /** The route's pattern. */
  readonly route: string;
  /** The one field at the top of a GraphQL operation, or `several`; null where there is none. */
  readonly operation: string | null;
  readonly outcomes: ReadonlySet<string>;
  /** As the client calls itself; null where it does not. */
  readonly client: string | null;
  readonly durationMs: number;
}

/** What came of a cancel of one item. */
export interface CancelObservation {
  readonly channel: string;
  readonly outcome: string;
  /** The first one; null where there is none. */
  readonly blocker: string | null;
}

export interface Metrics extends LoadMetrics {
  readonly observeRequest: (request: RequestObservation) => void;
  readonly observeCancel: (cancel: CancelObservation) => void;
  /** Where there are standbys. */
  readonly observeRead: (server: ReadServer) => void;
  readonly observeToken: (isRemembered: boolean) => void;
  /** @param count how many tokens are remembered; asked whenever the metrics are. */
  readonly watchTokens: (count: () => number) => void;
  /** Everything in the text format of Prometheus. */
  readonly read: () => Promise<{ readonly contentType: string; readonly text: string }>;
}

/** Clients choose their names, so that a hostile one could choose a new one each time; these many are told apart. */
const MAX_CLIENTS = 50;

/** Seconds; from a lookup by key to the request timeout. */
const DURATION_BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** What a request is counted as when it had several outcomes: a fault must not hide among them. */
const FAULTS = ['internal_server_error', 'service_unavailable'];

/** The metrics of one service, apart from those of any other in the process. */
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
    help: 'How long requests took, by route and operation.',
    labelNames: ['route', 'operation'],
    buckets: DURATION_BUCKETS_S,
    registers: [registry],
  });
  const cancels = new Counter({
    name: 'order_items_cancels_total',
    help: 'Order items that were asked to be cancelled, by channel, outcome and first blocker.',
    labelNames: ['channel', 'outcome', 'blocker'],
    registers: [registry],
  });
  const tokens = new Counter({
    name: 'order_items_tokens_total',
    help: 'Tokens that came, by whether they were remembered; the others had their signature checked.',
    labelNames: ['remembered'],
    registers: [registry],
  });
  const reads = new Counter({
    name: 'order_items_reads_total',
    help: 'Statements that read, by the server that answered; none are counted without standbys.',
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
    observeCancel: ({ channel, outcome, blocker }) => {
      cancels.inc({ channel, outcome, blocker: blocker ?? 'none' });
    },
    observeRead: (server) => {
      reads.inc({ server });
    },
    observeToken: (isRemembered) => {
      tokens.inc({ remembered: String(isRemembered) });
    },
    watchTokens: (count) => {
      gauge(registry, 'order_items_tokens_remembered', 'Tokens whose signature need not be checked again.', count);
    },
    ...createLoadMetrics(registry, DURATION_BUCKETS_S),
    read: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  };
}

function outcomeLabel(outcomes: ReadonlySet<string>): string {
  const [outcome = 'ok', ...others] = outcomes;
  if (others.length === 0) return outcome;
  return [...outcomes].find((candidate) => FAULTS.includes(candidate.toLowerCase())) ?? 'several';
}

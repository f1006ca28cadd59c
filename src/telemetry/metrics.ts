import { collectDefaultMetrics, Counter, Histogram, Registry } from 'prom-client';

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

export interface Metrics {
  readonly observeRequest: (request: RequestObservation) => void;
  /** Everything in the text format of Prometheus. */
  readonly read: () => Promise<{ readonly contentType: string; readonly text: string }>;
}

/** Clients choose their names, so that a hostile one could choose a new one each time; these many are told apart. */
const MAX_CLIENTS = 50;

/** Seconds; from a lookup by key to the request timeout. */
const DURATION_BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

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
  const clients = new Set<string>();
  const clientLabel = (client: string | null): string => {
    if (client === null) return 'unnamed';
    if (!clients.has(client) && clients.size >= MAX_CLIENTS) return 'other';
    clients.add(client);
    return client;
  };
  return {
    observeRequest: ({ route, operation, outcomes, client, durationMs }) => {
      const [outcome = 'ok', ...others] = outcomes;
      const labels = { route, operation: operation ?? 'none' };
      requests.inc({ ...labels, outcome: others.length === 0 ? outcome : 'several', client: clientLabel(client) });
      durations.observe(labels, durationMs / 1_000);
    },
    read: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  };
}

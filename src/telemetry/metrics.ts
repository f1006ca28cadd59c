import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { QueueState } from '../database/coalesce.ts';
import type { PoolState } from '../database/dataSource.ts';
import type { LaneState } from '../database/lane.ts';

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

export interface Metrics {
  readonly observeRequest: (request: RequestObservation) => void;
  readonly observeCancel: (cancel: CancelObservation) => void;
  readonly observeToken: (isRemembered: boolean) => void;
  /** What a queue of this name, of which there is one, keeps up to date. */
  readonly queue: (name: string) => QueueState;
  /** The same for the one lane. */
  readonly lane: () => LaneState;
  /** @param read asked whenever the metrics are. */
  readonly watchPool: (read: () => PoolState) => void;
  /** Everything in the text format of Prometheus. */
  readonly read: () => Promise<{ readonly contentType: string; readonly text: string }>;
}

/** Clients choose their names, so that a hostile one could choose a new one each time; these many are told apart. */
const MAX_CLIENTS = 50;

/** Seconds; from a lookup by key to the request timeout. */
const DURATION_BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Requests that one statement or commit served. */
const BATCH_BUCKETS = [1, 2, 5, 10, 20, 50, 100, 200];

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
  const queues = observeQueues(registry);
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
    observeCancel: ({ channel, outcome, blocker }) => {
      cancels.inc({ channel, outcome, blocker: blocker ?? 'none' });
    },
    observeToken: (isRemembered) => {
      tokens.inc({ remembered: String(isRemembered) });
    },
    queue: queues,
    lane: () => observeLane(registry),
    watchPool: (read) => {
      watchPool(registry, read);
    },
    read: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  };
}

function observeQueues(registry: Registry): (name: string) => QueueState {
  const states = new Map<string, QueueState>();
  const sizes = new Histogram({
    name: 'order_items_batch_size',
    help: 'Requests that were served together, by queue.',
    labelNames: ['queue'],
    buckets: BATCH_BUCKETS,
    registers: [registry],
  });
  new Gauge({
    name: 'order_items_queue_waiting',
    help: 'Requests that wait for the batch under way to end, by queue.',
    labelNames: ['queue'],
    registers: [registry],
    collect() {
      for (const [queue, { waiting }] of states) this.set({ queue }, waiting);
    },
  });
  new Gauge({
    name: 'order_items_batches_under_way',
    help: 'Batches that the database works on, by queue.',
    labelNames: ['queue'],
    registers: [registry],
    collect() {
      for (const [queue, { underWay }] of states) this.set({ queue }, underWay);
    },
  });
  return (queue) => {
    const state: QueueState = {
      name: queue,
      waiting: 0,
      underWay: 0,
      observeBatch: (size) => {
        sizes.observe({ queue }, size);
      },
    };
    states.set(queue, state);
    return state;
  };
}

function observeLane(registry: Registry): LaneState {
  const waits = new Histogram({
    name: 'order_items_lock_wait_seconds',
    help: 'How long cancels waited for items or keys that another transaction had locked, until they were served or given up.',
    buckets: DURATION_BUCKETS_S,
    registers: [registry],
  });
  const state: LaneState = {
    waiting: 0,
    observeWait: (durationMs) => {
      waits.observe(durationMs / 1_000);
    },
  };
  new Gauge({
    name: 'order_items_lock_waiting',
    help: 'Cancels that wait for what another transaction has locked.',
    registers: [registry],
    collect() {
      this.set(state.waiting);
    },
  });
  return state;
}

function watchPool(registry: Registry, read: () => PoolState): void {
  new Gauge({
    name: 'order_items_database_connections',
    help: 'Connections to the database, by whether they are busy or idle.',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      const { busy, idle } = read();
      this.set({ state: 'busy' }, busy);
      this.set({ state: 'idle' }, idle);
    },
  });
  new Gauge({
    name: 'order_items_database_waiting',
    help: 'Who waits for a connection to the database.',
    registers: [registry],
    collect() {
      this.set(read().waiting);
    },
  });
}

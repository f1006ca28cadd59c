import { Counter, Histogram, type Registry } from 'prom-client';
import type { QueueState } from '../work/coalesce.ts';
import type { PoolState } from '../database/dataSource.ts';
import type { LockQueueState } from '../work/lockQueue.ts';
import { createEventMetrics, type EventMetrics } from './eventMetrics.ts';
import { gauge, gauges } from './gauges.ts';

/** The requests that the server is serving. */
export interface LoadState {
  underWay: number;
  /** Called for each request that load shedding turns away. */
  readonly observeShed: () => void;
}

/** The metrics of the places where load gathers. */
export interface LoadMetrics extends EventMetrics {
  /**
   * Creates the state that the server updates.
   *
   * @param limit how many requests can run at the same time.
   */
  readonly load: (limit: number) => LoadState;
  /** Creates the state that the queue of this name updates. Each name has one queue. */
  readonly queue: (name: string) => QueueState;
  /** Creates the state that the lock queue updates. */
  readonly lockQueue: () => LockQueueState;
  /** @param read is called for each scrape. */
  readonly watchPool: (read: () => PoolState) => void;
}

/** The bounds of a histogram of requests per batch. */
const BATCH_BUCKETS = [1, 2, 5, 10, 20, 50, 100, 200];

/** @param durationBuckets in seconds. */
export function createLoadMetrics(registry: Registry, durationBuckets: number[]): LoadMetrics {
  const sheds = new Counter({
    name: 'order_items_sheds_total',
    help: 'Requests turned away by load shedding, by what was full.',
    labelNames: ['full'],
    registers: [registry],
  });
  const countSheds = (full: string): (() => void) => {
    // A counter that starts at 0 shows its first event as an increase.
    sheds.inc({ full }, 0);
    return () => {
      sheds.inc({ full });
    };
  };
  return {
    ...createEventMetrics(registry, countSheds),
    load: (limit) => watchLoad(registry, limit, countSheds('requests')),
    queue: watchQueues(registry, countSheds),
    lockQueue: () => watchLockQueue(registry, durationBuckets, countSheds('lock_lane')),
    watchPool: (read) => {
      watchPool(registry, read);
    },
  };
}

function watchLoad(registry: Registry, limit: number, observeShed: () => void): LoadState {
  const state: LoadState = { underWay: 0, observeShed };
  const help = 'Requests in flight, without probes and scrapes.';
  gauge(registry, 'order_items_requests_under_way', help, () => state.underWay);
  const limitHelp = 'Limit of requests in flight (MAX_CONCURRENT_REQUESTS).';
  gauge(registry, 'order_items_requests_limit', limitHelp, () => limit);
  return state;
}

function watchQueues(registry: Registry, countSheds: (full: string) => () => void): (queue: string) => QueueState {
  const states = new Map<string, QueueState>();
  const watch = (name: string, help: string, read: (state: QueueState) => number): void => {
    gauges(registry, name, help, 'queue', () => [...states].map(([queue, state]) => [queue, read(state)] as const));
  };
  const sizes = new Histogram({
    name: 'order_items_batch_size',
    help: 'Requests per batch, by queue.',
    labelNames: ['queue'],
    buckets: BATCH_BUCKETS,
    registers: [registry],
  });
  watch('order_items_queue_waiting', 'Requests that wait for a batch, by queue.', (state) => state.waiting);
  watch('order_items_queue_limit', 'Limit of waiting requests, by queue.', (state) => state.maxWaiting);
  watch('order_items_batches_under_way', 'Batches in progress, by queue.', (state) => state.underWay);
  watch(
    'order_items_batches_limit',
    'Limit of batches in progress, by queue. For lists, of each page.',
    (state) => state.slots,
  );
  return (queue) => {
    const state: QueueState = {
      slots: 0,
      maxWaiting: 0,
      name: queue,
      waiting: 0,
      underWay: 0,
      observeBatch: (size) => {
        sizes.observe({ queue }, size);
      },
      observeShed: countSheds(queue),
    };
    states.set(queue, state);
    return state;
  };
}

function watchLockQueue(registry: Registry, buckets: number[], observeShed: () => void): LockQueueState {
  const waits = new Histogram({
    name: 'order_items_lock_wait_seconds',
    help: 'Time that cancels waited for items or keys locked by another transaction, whether or not they got them.',
    buckets,
    registers: [registry],
  });
  const state: LockQueueState = {
    waiting: 0,
    observeWait: (durationMs) => {
      waits.observe(durationMs / 1_000);
    },
    observeShed,
  };
  const help = 'Cancels that wait for items or keys locked by another transaction.';
  gauge(registry, 'order_items_lock_waiting', help, () => state.waiting);
  return state;
}

function watchPool(registry: Registry, read: () => PoolState): void {
  const help = 'Connections to the database, busy or idle.';
  gauges(registry, 'order_items_database_connections', help, 'state', () => {
    const { busy, idle } = read();
    return Object.entries({ busy, idle });
  });
  const limitHelp = 'Limit of connections to the database (DATABASE_POOL_SIZE).';
  gauge(registry, 'order_items_database_connections_limit', limitHelp, () => read().size);
  const waitingHelp = 'Tasks that wait for a connection to the database.';
  gauge(registry, 'order_items_database_waiting', waitingHelp, () => read().waiting);
}

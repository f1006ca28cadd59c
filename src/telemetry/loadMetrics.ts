import { Counter, Histogram, type Registry } from 'prom-client';
import type { QueueState } from '../work/coalesce.ts';
import type { PoolState } from '../database/dataSource.ts';
import type { LockQueueState } from '../work/lockQueue.ts';
import { gauge, gauges } from './gauges.ts';

/** What the server tells of the requests that it serves at a time. */
export interface LoadState {
  underWay: number;
  /** Is told of whoever is turned away because there are too many. */
  readonly observeShed: () => void;
}

/** What is told of the places where load gathers. */
export interface LoadMetrics {
  /** What the server keeps up to date. @param limit how many requests there may be at a time. */
  readonly load: (limit: number) => LoadState;
  /** What a queue of this name, of which there is one, keeps up to date. */
  readonly queue: (name: string) => QueueState;
  /** The same for the lock queue. */
  readonly lockQueue: () => LockQueueState;
  /** @param read asked whenever the metrics are. */
  readonly watchPool: (read: () => PoolState) => void;
}

/** Requests that one statement or commit served. */
const BATCH_BUCKETS = [1, 2, 5, 10, 20, 50, 100, 200];

/** @param durationBuckets in seconds. */
export function createLoadMetrics(registry: Registry, durationBuckets: number[]): LoadMetrics {
  const sheds = new Counter({
    name: 'order_items_sheds_total',
    help: 'What was turned away because too much was under way already, by what was full.',
    labelNames: ['full'],
    registers: [registry],
  });
  const countSheds = (full: string): (() => void) => {
    // There from the start, so that the first one shows as an increase.
    sheds.inc({ full }, 0);
    return () => {
      sheds.inc({ full });
    };
  };
  return {
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
  const help = 'Requests that are being served, but for probes and questions for metrics.';
  gauge(registry, 'order_items_requests_under_way', help, () => state.underWay);
  const limitHelp = 'Requests that may be served at a time (MAX_CONCURRENT_REQUESTS).';
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
    help: 'Requests that were served together, by queue.',
    labelNames: ['queue'],
    buckets: BATCH_BUCKETS,
    registers: [registry],
  });
  watch(
    'order_items_queue_waiting',
    'Requests that wait for a batch to take them, by queue.',
    (state) => state.waiting,
  );
  watch('order_items_queue_limit', 'Requests that may wait, by queue.', (state) => state.maxWaiting);
  watch('order_items_batches_under_way', 'Batches that the database works on, by queue.', (state) => state.underWay);
  watch('order_items_batches_limit', 'Batches that may be under way at a time, by queue.', (state) => state.slots);
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
    help: 'How long cancels waited for items or keys that another transaction had locked, until they were served or given up.',
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
  const help = 'Cancels that wait for what another transaction has locked.';
  gauge(registry, 'order_items_lock_waiting', help, () => state.waiting);
  return state;
}

function watchPool(registry: Registry, read: () => PoolState): void {
  const help = 'Connections to the database, by whether they are busy or idle.';
  gauges(registry, 'order_items_database_connections', help, 'state', () => {
    const { busy, idle } = read();
    return Object.entries({ busy, idle });
  });
  const limitHelp = 'Connections that there may be to the database (DATABASE_POOL_SIZE).';
  gauge(registry, 'order_items_database_connections_limit', limitHelp, () => read().size);
  const waitingHelp = 'Who waits for a connection to the database.';
  gauge(registry, 'order_items_database_waiting', waitingHelp, () => read().waiting);
}

import { Counter, type Registry } from 'prom-client';
import { gauge } from './gauges.ts';

/** How far the numbering of events is. */
export interface NumberingProgress {
  /** Committed events without a position, as far as they were counted. */
  readonly unnumbered: number;
  /** The time since every committed event had a position. */
  readonly lagMs: number;
}

/** The metrics of events. */
export interface EventMetrics {
  /** @param read is called for each scrape. */
  readonly watchNumbering: (read: () => NumberingProgress) => void;
  readonly observePruned: (count: number) => void;
  /**
   * Creates the state of the readers that wait.
   *
   * @param limit how many can wait.
   */
  readonly eventReaders: (limit: number) => { waiting: number; readonly observeShed: () => void };
}

/** @param countSheds counts a request that is turned away, by what was full. */
export function createEventMetrics(registry: Registry, countSheds: (full: string) => () => void): EventMetrics {
  const pruned = new Counter({
    name: 'order_items_events_pruned_total',
    help: 'Events deleted because they are older than EVENT_RETENTION_DAYS.',
    registers: [registry],
  });
  return {
    observePruned: (count) => {
      pruned.inc(count);
    },
    watchNumbering: (read) => {
      const help = 'Committed events without a position, counted up to 10,000.';
      gauge(registry, 'order_items_events_unnumbered', help, () => read().unnumbered);
      const lagHelp = 'Time since every committed event had a position, as this instance knows.';
      gauge(registry, 'order_items_events_lag_seconds', lagHelp, () => read().lagMs / 1_000);
    },
    eventReaders: (limit) => {
      const state = { waiting: 0, observeShed: countSheds('event_readers') };
      gauge(registry, 'order_items_event_readers_waiting', 'Readers that wait for an event.', () => state.waiting);
      const limitHelp = 'Limit of readers that wait for an event (MAX_EVENT_READERS).';
      gauge(registry, 'order_items_event_readers_limit', limitHelp, () => limit);
      return state;
    },
  };
}

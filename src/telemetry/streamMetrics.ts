import { Counter, type Registry } from 'prom-client';
import { gauge } from './gauges.ts';

/** How far a stream is behind the events. */
export interface StreamLag {
  /** Events that it does not have yet. */
  readonly events: number;
  /** The time since it had all events. */
  readonly durationMs: number;
}

/** The metrics of the stream. */
export interface StreamMetrics {
  /** @param read is called for each scrape. Without a stream, the lag is 0. */
  readonly watchStream: (read: () => StreamLag) => void;
  /** @param outcome whether the broker stored the event, or had it. */
  readonly observePublished: (outcome: 'stored' | 'duplicate') => void;
  /** @param count the events that were deleted before the stream had them. */
  readonly observeMissed: (count: number) => void;
  /** Called for each failure of the broker, or of the database, after which publishing pauses. */
  readonly observeFailure: () => void;
}

export function createStreamMetrics(registry: Registry): StreamMetrics {
  let readLag = (): StreamLag => ({ events: 0, durationMs: 0 });
  const help = 'Events that the stream does not have yet, as this instance knows.';
  gauge(registry, 'order_items_stream_lag_events', help, () => readLag().events);
  const durationHelp = 'Time since the stream had every event, as this instance knows.';
  gauge(registry, 'order_items_stream_lag_seconds', durationHelp, () => readLag().durationMs / 1_000);
  const published = new Counter({
    name: 'order_items_stream_published_total',
    help: 'Events that the broker acknowledged, by whether it stored them or had them.',
    labelNames: ['outcome'],
    registers: [registry],
  });
  for (const outcome of ['stored', 'duplicate']) published.inc({ outcome }, 0);
  const failures = new Counter({
    name: 'order_items_stream_failures_total',
    help: 'Failures to publish to the stream. Each is followed by another attempt.',
    registers: [registry],
  });
  const missed = new Counter({
    name: 'order_items_stream_missed_total',
    help: 'Events that were deleted, after EVENT_RETENTION_DAYS, before the stream had them.',
    registers: [registry],
  });
  return {
    watchStream: (read) => {
      readLag = read;
    },
    observePublished: (outcome) => {
      published.inc({ outcome });
    },
    observeMissed: (count) => {
      missed.inc(count);
    },
    observeFailure: () => {
      failures.inc();
    },
  };
}

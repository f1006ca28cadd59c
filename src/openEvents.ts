import type { Config } from './config.ts';
import { type EventLog, openEventLog } from './events/eventLog.ts';
import { createEventReaders, type EventReaders } from './events/eventReaders.ts';
import { startPruner } from './events/pruner.ts';
import { startSequencer } from './events/sequencer.ts';
import { findNeededByWebhooks } from './events/webhooks/findNeededByWebhooks.ts';
import { openWebhooks } from './events/webhooks/openWebhooks.ts';
import type { OrderItemDatabase } from './order-items/cancelTransaction.ts';
import type { Logger } from './telemetry/logger.ts';
import type { Metrics } from './telemetry/metrics.ts';
import { type Clock, systemClock } from './work/clock.ts';

/** The events of this instance. */
export interface Events {
  /** Null if events have no positions in this database. */
  readonly log: EventLog | null;
  readonly readers: EventReaders;
  /** Says that an item was cancelled, so that its event gets its position at once. */
  readonly wake: () => void;
  /** Answers the readers that wait. */
  readonly close: () => void;
  /** Stops after the last events have their positions. */
  readonly stop: () => Promise<void>;
}

/**
 * Opens the events of a database, and starts to number them, to send them to webhooks, and to delete old ones. Events on tables
 * that Citus has distributed get no positions, because these need one order over all workers.
 */
export function openEvents(
  { dataSource, distributed }: OrderItemDatabase,
  { eventsSource, eventRetentionDays, maxEventReaders, webhookAllowPrivate, webhookRetrySchedule }: Config,
  { logger, metrics }: { readonly logger: Logger; readonly metrics: Metrics },
  clock: Clock = systemClock,
): Events {
  const readers = createEventReaders(maxEventReaders, metrics.eventReaders(maxEventReaders));
  if (distributed) {
    logger.warn('events have no positions, no feed and no webhooks, because Citus has distributed the tables');
    return { log: null, readers, wake: () => undefined, close: () => undefined, stop: () => Promise.resolve() };
  }
  const log = openEventLog(dataSource, eventsSource, metrics.queue('read_events'));
  let unnumbered = 0;
  let completeAt = clock.now();
  metrics.watchNumbering(() => ({ unnumbered, lagMs: clock.now() - completeAt }));
  const sequencer = startSequencer(
    dataSource,
    {
      observe: (state, at) => {
        log.advance(state.newest);
        unnumbered = state.unnumbered;
        if (unnumbered === 0) completeAt = at;
      },
    },
    logger,
    clock,
  );
  const stopPruner = startPruner(
    dataSource,
    {
      retentionDays: eventRetentionDays,
      // Readers of the feed keep their cursors themselves. A stream that is too far behind goes on with the oldest event.
      findNeeded: () => findNeededByWebhooks(dataSource, eventRetentionDays, logger),
      observe: metrics.observePruned,
    },
    logger,
    clock,
  );
  const stopWebhooks = openWebhooks({
    dataSource,
    log,
    source: eventsSource,
    allowPrivate: webhookAllowPrivate,
    schedule: webhookRetrySchedule,
    metrics,
    logger,
  });
  const stop = async (): Promise<void> => {
    await Promise.all([sequencer.stop(), stopPruner(), stopWebhooks()]);
  };
  return { log, readers, wake: sequencer.wake, close: log.close, stop };
}

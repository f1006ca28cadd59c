import type { Config } from './config.ts';
import { type EventLog, openEventLog } from './events/eventLog.ts';
import { startSequencer } from './events/sequencer.ts';
import type { OrderItemDatabase } from './order-items/cancelTransaction.ts';
import type { Logger } from './telemetry/logger.ts';
import type { Metrics } from './telemetry/metrics.ts';

/** The events of this instance. */
export interface Events {
  readonly log: EventLog;
  /** Says that an item was cancelled, so that its event gets its position at once. */
  readonly wake: () => void;
  /** Answers the readers that wait. */
  readonly close: () => void;
  /** Stops after the last events have their positions. */
  readonly stop: () => Promise<void>;
}

/**
 * Opens the events of a database and starts to number them.
 *
 * @returns null if Citus has distributed the tables: numbering needs one order over all workers.
 */
export function openEvents(
  { dataSource, distributed }: OrderItemDatabase,
  { eventsSource }: Config,
  { logger, metrics }: { readonly logger: Logger; readonly metrics: Metrics },
): Events | null {
  if (distributed) {
    logger.warn('events have no positions and no feed, because Citus has distributed the tables');
    return null;
  }
  const log = openEventLog(dataSource, eventsSource, metrics.queue('read_events'));
  const sequencer = startSequencer(
    dataSource,
    {
      observe: ({ newest }) => {
        log.advance(newest);
      },
    },
    logger,
  );
  return { log, wake: sequencer.wake, close: log.close, stop: sequencer.stop };
}

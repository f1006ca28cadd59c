import type { DataSource } from 'typeorm';
import type { Config } from './config.ts';
import type { EventLog } from './events/eventLog.ts';
import type { Logger } from './telemetry/logger.ts';
import type { Metrics } from './telemetry/metrics.ts';

interface StreamSource {
  readonly dataSource: DataSource;
  /** Null if events have no positions in this database. */
  readonly log: EventLog | null;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/**
 * Starts to publish events to NATS JetStream. It loads the client only if a server is configured.
 *
 * @returns a function that stops.
 */
export async function openStream(
  { dataSource, log, logger, metrics }: StreamSource,
  { eventsNats }: Config,
): Promise<() => Promise<void>> {
  if (eventsNats === null) return () => Promise.resolve();
  if (log === null) {
    logger.warn('events are not published to EVENTS_NATS_URL, because they have no positions');
    return () => Promise.resolve();
  }
  const { connectToNats } = await import('./events/natsBroker.ts');
  const { openStreamCursor } = await import('./events/streamCursor.ts');
  const { startStreamPublisher } = await import('./events/streamPublisher.ts');
  const { servers, stream } = eventsNats;
  return startStreamPublisher({
    log,
    cursor: openStreamCursor(dataSource, stream),
    connect: () => connectToNats(servers, stream),
    metrics,
    logger: logger.child({ stream }),
  });
}

import { describeReason } from '../database/databaseFailures.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { StreamMetrics } from '../telemetry/streamMetrics.ts';
import { type Clock, systemClock } from '../work/clock.ts';
import { withDeadline } from '../work/deadline.ts';
import { createPause } from '../work/pause.ts';
import type { CloudEvent } from './cloudEvent.ts';
import { CursorExpired, type EventLog, type LoggedEvent } from './eventLog.ts';
import { LEASE_MS, type StreamCursor } from './streamCursor.ts';

/** A connection to a broker. */
export interface Broker {
  /** Publishes an event. It resolves when the broker has acknowledged it. */
  readonly publish: (event: CloudEvent) => Promise<'stored' | 'duplicate'>;
  readonly isClosed: () => boolean;
  readonly close: () => Promise<void>;
}

export interface StreamDependencies {
  readonly log: EventLog;
  readonly cursor: StreamCursor;
  /** Connects to the broker. */
  readonly connect: () => Promise<Broker>;
  readonly metrics: StreamMetrics;
  readonly logger: Logger;
  readonly clock?: Clock;
}

/** Events that are read at once. So many, at most, wait for the broker. */
const PAGE_SIZE = 200;

/** The last time in a lease at which an event is sent. The rest is for what is under way. */
const SENDING_MS = LEASE_MS / 2;

/** How often an instance looks whether another one still publishes. */
const LOOK_MS = 250;

/** The pause after a failure. */
const RETRY_MS = 1_000;

/** How long the statements of one page can take. */
const LIMIT_MS = 5_000;

/**
 * Starts to publish events to a stream, each until the broker has acknowledged it. One instance at a time does so, page by
 * page, and the next event of an item is sent when the one before is acknowledged. So the events of an item are in order,
 * whatever the network loses.
 *
 * @returns a function that stops after the events that are under way.
 */
export function startStreamPublisher(dependencies: StreamDependencies): () => Promise<void> {
  const { log, cursor, connect, metrics, logger, clock = systemClock } = dependencies;
  const pause = createPause(clock);
  const ending = new AbortController();
  /** Events that the broker has, although those before them failed. Sent again, they would be out of order after a while. */
  const acknowledged = new Set<string>();
  let position: number | null = null;
  let completeAt = clock.now();
  let broker: Broker | null = null;
  let failure: string | null = null;

  const isComplete = (): boolean => (position ?? 0) >= log.newest();
  metrics.watchStream(() => ({
    events: isComplete() ? 0 : log.newest() - (position ?? 0),
    durationMs: isComplete() ? 0 : clock.now() - completeAt,
  }));

  const useBroker = async (): Promise<Broker> => {
    if (broker === null || broker.isClosed()) {
      broker = await connect();
      if (failure === null) logger.info('events are published to the stream');
    }
    return broker;
  };
  const readPage = async (): Promise<readonly LoggedEvent[]> => {
    try {
      return await log.readEvents(position, PAGE_SIZE);
    } catch (error) {
      if (!(error instanceof CursorExpired)) throw error;
      const page = await log.readEvents(null, PAGE_SIZE);
      // A position after the newest event is of a log that the database has lost.
      const count = Math.max(0, (page[0]?.position ?? 1) - (position ?? 0) - 1);
      logger.error(
        { position, count },
        'events were deleted before the stream had them; it goes on with the oldest kept',
      );
      metrics.observeMissed(count);
      return page;
    }
  };
  /** @returns whether this instance was the one that publishes. */
  const publishPage = async (): Promise<boolean> => {
    // An instance that cannot reach the broker must not hold the stream.
    const { publish } = await useBroker();
    const sendUntil = clock.now() + SENDING_MS;
    const hold = await withDeadline(clock.now() + LIMIT_MS, cursor.hold);
    position = hold.position;
    if (!hold.isHeld) return false;
    try {
      const page = await withDeadline(clock.now() + LIMIT_MS, readPage);
      const outcome = await sendAll(page, acknowledged, async (event) => {
        if (clock.now() > sendUntil) return false;
        metrics.observePublished(await publish(event));
        return true;
      });
      position = outcome.position ?? position;
      if (outcome.error !== null) throw outcome.error;
    } finally {
      await withDeadline(clock.now() + LIMIT_MS, () => cursor.release(position));
    }
    if (isComplete()) completeAt = clock.now();
    return true;
  };
  const work = async (): Promise<void> => {
    try {
      const isPublisher = await publishPage();
      if (failure !== null) logger.info('events are published to the stream again');
      failure = null;
      if (isComplete()) {
        // The log ends its waits when the service begins to stop. Requests in flight still write events.
        if (!(await log.waitForEvents(position ?? 0, ending.signal))) await pause.wait(LOOK_MS, LOOK_MS);
        completeAt = clock.now();
      } else if (!isPublisher) await pause.wait(LOOK_MS, LOOK_MS);
    } catch (error) {
      metrics.observeFailure();
      const reason = describeReason(error);
      if (reason !== failure) logger.warn({ reason }, 'events cannot be published to the stream for now');
      failure = reason;
      await broker?.close();
      broker = null;
      await pause.wait(RETRY_MS, RETRY_MS);
    }
  };
  const run = async (): Promise<void> => {
    while (!ending.signal.aborted) await work();
    await broker?.close();
  };
  const running = run();
  return () => {
    ending.abort();
    pause.end();
    return running;
  };
}

/** How far a page is sent. */
interface Outcome {
  /** The position up to which the broker has every event. Null if it has not even the first. */
  readonly position: number | null;
  /** Why sending ended early, or null. */
  readonly error: Error | null;
}

/**
 * Sends the events of a page, one at a time for each item, until one fails.
 *
 * @param acknowledged the ids of events that were sent before. It is kept up to date.
 * @param send returns false if the page ends early.
 */
async function sendAll(
  page: readonly LoggedEvent[],
  acknowledged: Set<string>,
  send: (event: CloudEvent) => Promise<boolean>,
): Promise<Outcome> {
  const ids = new Set(page.map(({ event }) => event.id));
  for (const id of acknowledged) if (!ids.has(id)) acknowledged.delete(id);
  let error: Error | null = null;
  let isEnded = false;
  const sendInOrder = async (events: readonly LoggedEvent[]): Promise<void> => {
    for (const { event } of events) {
      if (acknowledged.has(event.id)) continue;
      if (isEnded || !(await send(event))) return;
      acknowledged.add(event.id);
    }
  };
  const items = Map.groupBy(page, ({ event }) => event.subject);
  await Promise.all(
    [...items.values()].map((events) =>
      sendInOrder(events).catch((thrown: unknown) => {
        isEnded = true;
        error ??= Error.isError(thrown) ? thrown : new Error(String(thrown));
      }),
    ),
  );
  const end = page.findIndex(({ event }) => !acknowledged.has(event.id));
  const complete = end === -1 ? page : page.slice(0, end);
  return { position: complete.at(-1)?.position ?? null, error };
}

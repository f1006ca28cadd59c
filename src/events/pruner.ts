import type { DataSource } from 'typeorm';
import { describeReason } from '../database/databaseFailures.ts';
import type { Logger } from '../telemetry/logger.ts';
import { type Clock, systemClock } from '../work/clock.ts';
import { withDeadline } from '../work/deadline.ts';
import { createPause } from '../work/pause.ts';
import { pruneEvents } from './pruneEvents.ts';

/** How often the pruner looks for old events. */
const INTERVAL_MS = 10 * 60_000;

/** The shortest pause between two batches. */
const REST_MS = 100;

/** The pruner rests four times as long as it worked, so that it takes a fifth of one session at most. */
const REST_RATIO = 4;

/** How long a batch can take. */
const LIMIT_MS = 5_000;

export interface PrunerOptions {
  readonly retentionDays: number;
  /** Returns the lowest position that a reader with a place of its own still needs, or null if there is no such reader. */
  readonly findNeeded: () => Promise<number | null>;
  /** Called for each batch with the number of events that it deleted. */
  readonly observe: (count: number) => void;
}

/**
 * Starts to delete old events, at once and then every ten minutes. Each instance does so. Two at once delete the same events,
 * which harms nothing.
 *
 * @returns a function that stops it.
 */
export function startPruner(
  dataSource: DataSource,
  { retentionDays, findNeeded, observe }: PrunerOptions,
  logger: Logger,
  clock: Clock = systemClock,
): () => Promise<void> {
  const pause = createPause(clock);
  let isStopping = false;
  /** @returns how long to rest, in milliseconds. */
  const work = async (): Promise<number> => {
    const begun = clock.now();
    try {
      const { count, hasMore } = await withDeadline(begun + LIMIT_MS, async () =>
        pruneEvents(dataSource, retentionDays, await findNeeded()),
      );
      observe(count);
      return hasMore ? Math.max(REST_MS, REST_RATIO * (clock.now() - begun)) : INTERVAL_MS;
    } catch (error) {
      logger.warn({ reason: describeReason(error) }, 'old events cannot be deleted for now');
      return INTERVAL_MS;
    }
  };
  const run = async (): Promise<void> => {
    while (!isStopping) {
      const restMs = await work();
      await pause.wait(restMs, restMs);
    }
  };
  const running = run();
  return () => {
    isStopping = true;
    pause.end();
    return running;
  };
}

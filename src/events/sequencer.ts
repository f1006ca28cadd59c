import type { DataSource } from 'typeorm';
import { describeReason } from '../database/databaseFailures.ts';
import { isDatabaseUnavailable } from '../database/errors.ts';
import type { Logger } from '../telemetry/logger.ts';
import { type Clock, systemClock } from '../work/clock.ts';
import { withDeadline } from '../work/deadline.ts';
import { createPause } from '../work/pause.ts';
import { numberEvents, type NumberingState, readNumberingState } from './numberEvents.ts';

/** How often the sequencer looks for events that this instance did not write. An event has to be there within 1 s. */
const POLL_MS = 300;

/** The shortest time between two batches, in which the events of several cancels gather. */
const GATHER_MS = 200;

/** How long a batch can take. */
const LIMIT_MS = 5_000;

/** The pause after a failure. */
const RETRY_MS = 1_000;

/**
 * The sequencer rests as long as it worked. A backlog, or a transaction that stays open and so keeps old rows from being cleaned
 * up, then takes half of one session at most.
 */
const REST_RATIO = 1;

/** Receives what the sequencer finds. */
export interface SequencerObserver {
  /** Called after each look at the table, with its state and the time, of {@link Clock.now}, at which the look began. */
  readonly observe: (state: NumberingState, at: number) => void;
}

export interface Sequencer {
  /** Says that events have been committed, so that they get their positions at once. It costs almost nothing. */
  readonly wake: () => void;
  /** Stops. Events that were committed since the last batch still get their positions, unless the database fails. */
  readonly stop: () => Promise<void>;
}

/**
 * Starts to number committed events. Positions are given after the commit, so that no reader passes over a transaction that
 * commits late (docs/decisions/event-positions.md). Between batches it holds no connection.
 */
export function startSequencer(
  dataSource: DataSource,
  { observe }: SequencerObserver,
  logger: Logger,
  clock: Clock = systemClock,
): Sequencer {
  const pause = createPause(clock);
  let isWoken = false;
  let isStopping = false;
  let failure: string | null = null;
  let state: NumberingState = { newest: 0, unnumbered: 0 };

  const look = async (): Promise<void> => {
    const at = clock.now();
    state = await readNumberingState(dataSource);
    observe(state, at);
  };
  /** @returns how long to wait for a wake, in milliseconds. */
  const numberBatch = async (): Promise<number> => {
    if (!isWoken) await look();
    if (!isWoken && state.unnumbered === 0) return POLL_MS;
    isWoken = false;
    const { newest } = state;
    await numberEvents(dataSource, state);
    await look();
    if (state.unnumbered === 0) return POLL_MS;
    // Another instance is numbering, or another transaction has locked events.
    return state.newest === newest ? GATHER_MS : 0;
  };
  const work = async (): Promise<void> => {
    const begun = clock.now();
    try {
      const pauseMs = await withDeadline(begun + LIMIT_MS, numberBatch);
      if (failure !== null) logger.info('events are numbered again');
      failure = null;
      if (isStopping) return;
      const restMs = REST_RATIO * (clock.now() - begun);
      await pause.wait(Math.max(GATHER_MS, restMs), Math.max(pauseMs, restMs));
    } catch (error) {
      report(error);
      await pause.wait(RETRY_MS, RETRY_MS);
    }
  };
  const report = (error: unknown): void => {
    const reason = describeReason(error);
    if (reason === failure) return;
    failure = reason;
    logger[isDatabaseUnavailable(error) ? 'warn' : 'error']({ reason }, 'events cannot be numbered for now');
  };
  const run = async (): Promise<void> => {
    while (!isStopping) await work();
    if (isWoken) await work();
  };
  const running = run();
  return {
    wake: () => {
      isWoken = true;
      pause.cutShort();
    },
    stop: () => {
      isStopping = true;
      pause.end();
      return running;
    },
  };
}

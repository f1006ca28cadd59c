import type { DataSource } from 'typeorm';
import { describeReason } from '../../database/databaseFailures.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { WebhookMetrics } from '../../telemetry/webhookMetrics.ts';
import type { Clock } from '../../work/clock.ts';
import { withDeadline } from '../../work/deadline.ts';
import { createPause } from '../../work/pause.ts';
import type { CloudEvent } from '../cloudEvent.ts';
import type { EventLog } from '../eventLog.ts';
import {
  type ClaimedDelivery,
  type Endpoint,
  findEndpointsWithWork,
  type RecordedAttempt,
  takeTurn,
} from './deliveryTurn.ts';
import { readClaimedEvents } from './readClaimedEvents.ts';
import { nextPauseMs, type RetrySchedule } from './retrySchedule.ts';
import { ATTEMPT_LIMIT_MS, isTaken, type WebhookClient } from './sendWebhook.ts';

/** How often the deliverer looks for deliveries that are due and for endpoints that another process has changed. */
const POLL_MS = 250;

/** The shortest time between two rounds, in which new events and ended attempts gather. */
const GATHER_MS = 20;

/** How long the statements of a round can take. */
const LIMIT_MS = 5_000;

/** The pause after a failure of the database. */
const RETRY_MS = 1_000;

/** How many attempts one instance makes at one endpoint at a time. */
const MAX_UNDER_WAY = 16;

/** How long a service that stops waits for attempts. */
const STOP_MS = 3_000;

/** How often it tries to record the last attempts. Those that it cannot record are made again by another instance. */
const MAX_LAST_ROUNDS = 5;

export interface DelivererOptions {
  readonly dataSource: DataSource;
  readonly log: EventLog;
  /** The `source` of the events. */
  readonly source: string;
  readonly client: WebhookClient;
  readonly schedule: RetrySchedule;
  /** Called with the ends of attempts. */
  readonly observe: WebhookMetrics['observeWebhooks'];
  readonly logger: Logger;
  readonly clock: Clock;
}

/** The attempts of this instance at one endpoint. */
interface Attempts {
  underWay: number;
  /** Attempts that have ended and are not recorded yet. */
  ended: RecordedAttempt[];
}

/**
 * Starts to send events to the endpoints of webhooks. Instances share the work through the table of deliveries. No transaction
 * is open during an attempt, and one connection at a time serves all endpoints (docs/decisions/webhooks.md).
 *
 * @returns a function that stops it. Attempts that take longer than 3 s are then free for other instances.
 */
export function startDeliverer(options: DelivererOptions): () => Promise<void> {
  const { dataSource, log, source, client, schedule, observe, logger, clock } = options;
  const pause = createPause(clock);
  const stopping = new AbortController();
  const interrupting = new AbortController();
  const ofEndpoints = new Map<string, Attempts>();
  let failure: string | null = null;

  const attempt = async (endpoint: Endpoint, delivery: ClaimedDelivery, event: CloudEvent, limitMs: number) => {
    const result = await client.send({ ...endpoint, event }, limitMs, interrupting.signal);
    const outcome = isTaken(result) ? 'taken' : interrupting.signal.aborted ? 'interrupted' : 'failed';
    return {
      ...delivery,
      ...result,
      outcome,
      pauseMs: nextPauseMs(schedule, delivery.attempts, Math.random()),
    } as const;
  };

  const sendAll = async (
    attempts: Attempts,
    endpoint: Endpoint,
    claimed: readonly ClaimedDelivery[],
    since: number,
  ) => {
    attempts.underWay += claimed.length;
    const positions = claimed.map(({ position }) => position);
    const events = await readClaimedEvents(dataSource, source, positions, endpoint.freeTexts).catch(
      (error: unknown) => {
        // The leases of these deliveries end, and they are claimed again.
        attempts.underWay -= claimed.length;
        throw error;
      },
    );
    for (const delivery of claimed) {
      const event = events.get(delivery.position);
      // The limit counts from the claim, so that no attempt outlives its lease.
      const limitMs = ATTEMPT_LIMIT_MS - (clock.now() - since);
      const ending = event === undefined ? lose(delivery) : attempt(endpoint, delivery, event, limitMs);
      void Promise.resolve(ending).then((ended) => {
        attempts.underWay -= 1;
        attempts.ended.push(ended);
        pause.cutShort();
      });
    }
  };

  const serve = async (id: string): Promise<void> => {
    const attempts = ofEndpoints.get(id) ?? { underWay: 0, ended: [] };
    ofEndpoints.set(id, attempts);
    const recorded = [...attempts.ended];
    const capacity = stopping.signal.aborted ? 0 : MAX_UNDER_WAY - attempts.underWay;
    if (capacity === 0 && recorded.length === 0) return;
    const since = clock.now();
    const turn = await takeTurn(dataSource, id, recorded, capacity);
    if (turn === null) return;
    attempts.ended = attempts.ended.slice(recorded.length);
    for (const outcome of ['taken', 'failed'] as const) {
      observe(outcome, recorded.filter((one) => one.outcome === outcome).length);
    }
    observe('dead', turn.dead);
    if (turn.dead > 0) logger.warn({ webhook: id, count: turn.dead }, 'events were given up for a webhook');
    if (turn.isGone) logger.warn({ webhook: id }, 'a webhook is disabled, because its endpoint has answered 410');
    if (turn.claimed.length > 0) await sendAll(attempts, turn.endpoint, turn.claimed, since);
    // There can be more than the turn took.
    if (turn.claimed.length > 0) pause.cutShort();
  };

  const round = async (): Promise<void> => {
    const ended = [...ofEndpoints].filter(([, attempts]) => attempts.ended.length > 0).map(([id]) => id);
    const found = stopping.signal.aborted ? [] : await findEndpointsWithWork(dataSource);
    const failures: unknown[] = [];
    // What fails for one endpoint must not stop the others.
    for (const id of new Set([...ended, ...found])) {
      await serve(id).catch((error: unknown) => failures.push(error));
    }
    for (const [id, { underWay, ended: left }] of ofEndpoints) {
      if (underWay === 0 && left.length === 0) ofEndpoints.delete(id);
    }
    if (failures.length > 0) throw failures[0];
  };

  const work = async (): Promise<void> => {
    try {
      await withDeadline(clock.now() + LIMIT_MS, round);
      if (failure !== null) logger.info('webhooks are sent again');
      failure = null;
      await pause.wait(GATHER_MS, POLL_MS);
    } catch (error) {
      const reason = describeReason(error);
      if (reason !== failure) logger.warn({ reason }, 'webhooks cannot be sent for now');
      failure = reason;
      await pause.wait(RETRY_MS, RETRY_MS);
    }
  };

  const wakeOnEvents = async (): Promise<void> => {
    while (await log.waitForEvents(log.newest(), stopping.signal)) pause.cutShort();
  };
  const hasAttempts = (): boolean => [...ofEndpoints.values()].some(({ underWay }) => underWay > 0);

  const hasEnded = (): boolean => [...ofEndpoints.values()].some(({ ended }) => ended.length > 0);

  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) await work();
  };
  void wakeOnEvents();
  const running = run();
  return async () => {
    stopping.abort();
    pause.cutShort();
    await running;
    const cancelTimer = clock.setTimer(() => {
      interrupting.abort();
    }, STOP_MS);
    const finishing = createPause(clock);
    while (hasAttempts()) await finishing.wait(GATHER_MS, GATHER_MS);
    cancelTimer();
    pause.end();
    // Another instance can hold the row of an endpoint for a moment.
    for (let tries = 0; tries < MAX_LAST_ROUNDS && hasEnded(); tries += 1) await work();
    await client.close();
  };
}

/** The attempt of an event that is no longer kept. */
function lose(delivery: ClaimedDelivery): RecordedAttempt {
  return {
    ...delivery,
    outcome: 'lost',
    status: null,
    error: 'the event is no longer kept',
    durationMs: 0,
    pauseMs: 0,
  };
}

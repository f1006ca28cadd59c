import { describeReason } from '../../database/databaseFailures.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { WebhookBacklog, WebhookMetrics } from '../../telemetry/webhookMetrics.ts';
import { systemClock } from '../../work/clock.ts';
import { withDeadline } from '../../work/deadline.ts';
import { createPause } from '../../work/pause.ts';
import { type DelivererOptions, startDeliverer } from './deliverer.ts';
import type { AddressRules } from './endpointAddress.ts';
import { pruneDeliveries } from './pruneDeliveries.ts';
import { readBacklog } from './readBacklog.ts';
import { openWebhookClient } from './sendWebhook.ts';

/** How often the metrics and the log of deliveries are kept up. */
const UPKEEP_MS = 5_000;

/** How long an upkeep can take. */
const LIMIT_MS = 5_000;

export interface WebhookOptions
  extends AddressRules, Pick<DelivererOptions, 'dataSource' | 'log' | 'source' | 'schedule' | 'logger'> {
  readonly metrics: WebhookMetrics;
}

/**
 * Starts to send the events of a database to the endpoints that `npm run webhooks` adds.
 *
 * @returns a function that stops it.
 */
export function openWebhooks({ metrics, allowPrivate, ...options }: WebhookOptions): () => Promise<void> {
  const clock = systemClock;
  const stopDeliverer = startDeliverer({
    ...options,
    client: openWebhookClient({ allowPrivate }, clock),
    observe: metrics.observeWebhooks,
    clock,
  });
  let backlog: WebhookBacklog = { events: 0, seconds: 0, deadLetters: 0, endpoints: {} };
  metrics.watchWebhooks(() => backlog);
  const stopUpkeep = startUpkeep(options.logger, async () => {
    backlog = await readBacklog(options.dataSource);
    await pruneDeliveries(options.dataSource);
  });
  return async () => {
    await Promise.all([stopDeliverer(), stopUpkeep()]);
  };
}

/** Does something again and again. A failure is the next time's. */
function startUpkeep(logger: Logger, act: () => Promise<void>): () => Promise<void> {
  const pause = createPause(systemClock);
  let isStopping = false;
  const run = async (): Promise<void> => {
    while (!isStopping) {
      await withDeadline(systemClock.now() + LIMIT_MS, act).catch((error: unknown) => {
        logger.debug({ reason: describeReason(error) }, 'the backlog of webhooks cannot be read for now');
      });
      await pause.wait(UPKEEP_MS, UPKEEP_MS);
    }
  };
  const running = run();
  return () => {
    isStopping = true;
    pause.end();
    return running;
  };
}

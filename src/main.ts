import { findMisspellings, readConfig } from './config.ts';
import { writeGreeting } from './greeting.ts';
import { createCancellationWindows } from './order-items/cancellationWindows.ts';
import { startService, type Service } from './service.ts';
import { createLogger } from './telemetry/logger.ts';
import { systemClock } from './work/clock.ts';
import { OperatorError } from './work/operatorError.ts';

/** npm forwards a terminal's Ctrl-C, which the service has already received. A repeat this soon is the same signal. */
const SAME_SIGNAL_MS = 1_000;

/** The life of the process. A start that is interrupted gives up by itself. */
type Phase =
  | { readonly name: 'starting' }
  | { readonly name: 'serving'; readonly service: Service }
  | { readonly name: 'stopping'; readonly service: Service | null; readonly since: number };

async function main(clock = systemClock): Promise<void> {
  const config = readConfig(process.env);
  const logger = createLogger(config.logLevel);
  for (const misspelling of findMisspellings(process.env)) logger.warn(misspelling);
  const abort = new AbortController();
  let phase = { name: 'starting' } as Phase;

  const onSignal = (signal: NodeJS.Signals): void => {
    switch (phase.name) {
      case 'starting':
      case 'serving': {
        const service = phase.name === 'serving' ? phase.service : null;
        phase = { name: 'stopping', service, since: clock.now() };
        logger.info({ signal }, 'stopping');
        abort.abort();
        if (service !== null) void stop(service, 0);
        break;
      }
      case 'stopping':
        if (clock.now() - phase.since <= SAME_SIGNAL_MS) return;
        logger.warn({ signal }, 'stopping at once');
        phase.service?.stopWithoutWaiting();
        process.exit(1);
    }
  };
  const stop = async (service: Service, code: number): Promise<void> => {
    try {
      await service.stop();
      logger.info('stopped');
      process.exit(code);
    } catch (error) {
      logger.fatal({ err: error }, 'the service did not stop cleanly');
      process.exit(1);
    }
  };
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);

  try {
    const service = await startService(config, { logger, signal: abort.signal });
    if (phase.name === 'stopping') {
      await stop(service, 0);
      return;
    }
    phase = { name: 'serving', service };
    if (!config.production) {
      const windows = createCancellationWindows(config.cancellationWindows);
      process.stdout.write(await writeGreeting(service, windows.closedAt(clock.epochMs())));
    }
    logger.info({ url: service.url }, 'serving');
  } catch (error) {
    const code = abort.signal.aborted ? 0 : 1;
    if (code === 1) {
      const isExplained = error instanceof OperatorError;
      if (!isExplained || logger.isLevelEnabled('debug')) logger.fatal({ err: error }, 'the service did not start');
      if (isExplained) process.stderr.write(`The service did not start. ${error.message}\n`);
    }
    if (phase.name === 'serving') await stop(phase.service, code);
    // A service that is stopping exits when it has stopped.
    if (phase.name !== 'stopping' || phase.service === null) process.exit(code);
  }
}

// The reader of the output can go away, or its disk can be full. The service keeps serving.
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);

await main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof OperatorError ? error.message : String(error)}\n`);
  process.exit(1);
});

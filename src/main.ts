import { InvalidConfig, readConfig } from './config.ts';
import { startService, type Service } from './service.ts';
import { createLogger } from './telemetry/logger.ts';
import { greeting } from './greeting.ts';

/** npm passes a terminal's Ctrl-C on although the service has had it: a repeat this soon is the same signal. */
const SAME_SIGNAL_MS = 1_000;

async function main(): Promise<void> {
  const config = readConfig(process.env);
  const logger = createLogger(config.logLevel);
  const abort = new AbortController();
  let service: Service | null = null;
  let firstSignalAt: number | null = null;

  const onSignal = (signal: NodeJS.Signals): void => {
    if (firstSignalAt === null) {
      firstSignalAt = performance.now();
      logger.info({ signal }, 'stopping');
      abort.abort();
      service?.stop().then(exit, fail);
    } else if (performance.now() - firstSignalAt > SAME_SIGNAL_MS) {
      logger.warn({ signal }, 'stopping at once');
      service?.abandon();
      process.exit(1);
    }
  };
  const exit = (): void => {
    logger.info('stopped');
    process.exit(0);
  };
  const fail = (error: unknown): void => {
    if (abort.signal.aborted && error === abort.signal.reason) exit();
    logger.fatal({ err: error }, 'the service failed');
    process.exit(1);
  };
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);

  try {
    service = await startService(config, { logger, signal: abort.signal });
    if (!config.production) process.stdout.write(await greeting(service));
    logger.info({ url: service.url }, 'serving');
  } catch (error) {
    fail(error);
  }
}

await main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof InvalidConfig ? error.message : String(error)}\n`);
  process.exit(1);
});

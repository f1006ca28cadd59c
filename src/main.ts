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
      void end(0);
    } else if (performance.now() - firstSignalAt > SAME_SIGNAL_MS) {
      logger.warn({ signal }, 'stopping at once');
      service?.stopWithoutWaiting();
      process.exit(1);
    }
  };
  /** While the service is starting there is nothing to stop yet: the start gives up by itself, and exits then. */
  const end = async (code: number): Promise<void> => {
    try {
      if (service === null) return;
      await service.stop();
      logger.info('stopped');
      process.exit(code);
    } catch (error) {
      logger.fatal({ err: error }, 'the service did not stop as it should');
      process.exit(1);
    }
  };
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);

  try {
    service = await startService(config, { logger, signal: abort.signal });
    if (!config.production) process.stdout.write(await greeting(service));
    logger.info({ url: service.url }, 'serving');
  } catch (error) {
    const code = abort.signal.aborted ? 0 : 1;
    if (code === 1) logger.fatal({ err: error }, 'the service did not start');
    await end(code);
    process.exit(code);
  }
}

// Whoever reads the output may stop reading; that is no reason to stop serving.
process.stdout.on('error', () => undefined);

await main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof InvalidConfig ? error.message : String(error)}\n`);
  process.exit(1);
});

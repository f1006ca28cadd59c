import { diag, DiagLogLevel } from '@opentelemetry/api';
import { setGlobalErrorHandler } from '@opentelemetry/core';
import { type Clock, systemClock } from '../work/clock.ts';
import type { Logger } from './logger.ts';

/** At most one warning per interval, so an unreachable collector does not flood the log. */
const WARNING_INTERVAL_MS = 60_000;

const MAX_MESSAGE_LENGTH = 500;

/**
 * Logs OpenTelemetry's errors and warnings as warnings, because the service works without a collector.
 *
 * @param clock measures the interval between warnings.
 */
export function logDiagnostics(logger: Logger, clock: Clock = systemClock): void {
  let lastAt = -Infinity;
  let suppressed = 0;
  const warn = (details: object, message: string): void => {
    const now = clock.now();
    if (now - lastAt < WARNING_INTERVAL_MS) {
      suppressed += 1;
      return;
    }
    logger.warn({ ...details, suppressed }, message);
    lastAt = now;
    suppressed = 0;
  };
  const logMessage = (text: string): void => {
    warn({ text: text.slice(0, MAX_MESSAGE_LENGTH) }, 'OpenTelemetry reports a problem');
  };
  const ignore = (): void => undefined;
  diag.setLogger(
    { error: logMessage, warn: logMessage, info: ignore, debug: ignore, verbose: ignore },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  setGlobalErrorHandler((error) => {
    warn({ err: error }, 'the collector does not accept spans');
  });
}

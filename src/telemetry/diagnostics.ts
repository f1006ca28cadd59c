import { diag, DiagLogLevel } from '@opentelemetry/api';
import { setGlobalErrorHandler } from '@opentelemetry/core';
import type { Logger } from './logger.ts';

/** A collector that is away is told of once in this time, not once for each batch of spans. */
const WARNING_INTERVAL_MS = 60_000;

const MAX_MESSAGE_LENGTH = 500;

/** What OpenTelemetry complains of is a warning of ours, and seldom: the service does as well without a collector. */
export function tellDiagnostics(logger: Logger): void {
  let lastAt = -Infinity;
  let untold = 0;
  const warn = (details: object, message: string): void => {
    if (performance.now() - lastAt < WARNING_INTERVAL_MS) {
      untold += 1;
      return;
    }
    logger.warn({ ...details, untold }, message);
    lastAt = performance.now();
    untold = 0;
  };
  const tell = (complaint: string): void => {
    warn({ complaint: complaint.slice(0, MAX_MESSAGE_LENGTH) }, 'OpenTelemetry has a complaint');
  };
  const ignore = (): void => undefined;
  diag.setLogger(
    { error: tell, warn: tell, info: ignore, debug: ignore, verbose: ignore },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  setGlobalErrorHandler((error) => {
    warn({ err: error }, 'the collector does not take the spans');
  });
}

import { pino, type Logger } from 'pino';
import type { LogLevel } from '../config.ts';

export type { Logger };

/** Lines of JSON on standard output. Whoever logs names the values one by one: never a token, a reason or a note. */
export function createLogger(level: LogLevel): Logger {
  return pino({
    level,
    base: { service: 'order-items' },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: describeError },
  });
}

/** What a log may say of an error. Not its other members: those of a driver repeat the row, notes and all. */
function describeError(error: unknown): unknown {
  if (!Error.isError(error)) return { type: typeof error };
  return {
    type: error.name,
    message: error.message,
    ...('code' in error ? { code: error.code } : {}),
    stack: error.stack,
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  };
}

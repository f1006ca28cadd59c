import { type LevelWithSilent, type Logger, type LoggerOptions, pino } from 'pino';

export type { Logger };
export type LogLevel = LevelWithSilent;

const BUFFER_BYTES = 4_096;
const FLUSH_MS = 100;

/**
 * Creates a logger that writes JSON lines to standard output. Callers name each value that they log: never a token, a reason
 * or a note.
 */
export function createLogger(level: LogLevel): Logger {
  const options: LoggerOptions = {
    level,
    base: { service: 'order-items' },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: describeError },
    hooks: { streamWrite: escapeControls },
  };
  // Writes a full buffer, or whatever it holds after 100 ms. The end of the process flushes it.
  return pino(options, pino.destination({ sync: false, minLength: BUFFER_BYTES, periodicFlush: FLUSH_MS }));
}

/**
 * Prevents log injection. JSON escapes only ASCII control characters, but terminals obey others and some readers split lines
 * at them.
 */
function escapeControls(line: string): string {
  return line.replace(
    /[\u007f-\u009f\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Returns what a log can say about an error. A database driver's other members can repeat a row with its note. */
function describeError(error: unknown): unknown {
  if (!Error.isError(error)) return { type: typeof error };
  return {
    type: error.name,
    message: error.message,
    ...('code' in error ? { code: error.code } : {}),
    stack: error.stack,
    ...(error instanceof AggregateError ? { errors: error.errors.map(describeError) } : {}),
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  };
}

import { type LevelWithSilent, type Logger, type LoggerOptions, pino } from 'pino';

export type { Logger };
export type LogLevel = LevelWithSilent;

const BUFFER_BYTES = 4_096;
const FLUSH_MS = 100;

/** Lines of JSON on standard output. Whoever logs names the values one by one: never a token, a reason or a note. */
export function createLogger(level: LogLevel): Logger {
  const options: LoggerOptions = {
    level,
    base: { service: 'order-items' },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: describeError },
    hooks: { streamWrite: escapeControls },
  };
  // Written when there is enough of it or a tenth of a second has passed, and whole at the end of the process.
  return pino(options, pino.destination({ sync: false, minLength: BUFFER_BYTES, periodicFlush: FLUSH_MS }));
}

/** JSON escapes the control characters of ASCII only; a terminal obeys others, and some readers break lines at them. */
function escapeControls(line: string): string {
  return line.replace(
    /[\u007f-\u009f\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** What a log may say of an error. Not its other members: those of a driver repeat the row, notes and all. */
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

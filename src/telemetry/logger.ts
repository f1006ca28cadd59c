import { type LevelWithSilent, type Logger, type LoggerOptions, pino } from 'pino';
import { type LogOutput, openLogOutput } from './logOutput.ts';

export type { Logger };
export type LogLevel = LevelWithSilent;

const STANDARD_OUTPUT = 1;

/** All loggers of the process share its standard output. */
let shared: LogOutput | null = null;

function openStandardOutput(): LogOutput {
  if (shared === null) {
    shared = openLogOutput(STANDARD_OUTPUT, writeToStandardError);
    process.once('exit', shared.flushSync);
  }
  return shared;
}

/** Returns how many log lines of the process were dropped, because standard output could not be written. */
export function countDroppedLines(): number {
  return shared?.countDropped() ?? 0;
}

/**
 * Creates a logger that writes JSON lines to standard output, in the background. The end of the process writes the rest.
 * Callers name each value that they log: never a token, a reason or a note.
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
  // Only `write`: pino would call `flushSync` after each fatal line.
  return pino(options, { write: openStandardOutput().write });
}

/** Standard error can be the same full disk. */
function writeToStandardError(sentence: string): void {
  try {
    process.stderr.write(`${sentence}\n`);
  } catch {
    // Nobody can be told.
  }
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

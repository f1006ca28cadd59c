import { write, writeSync } from 'node:fs';
import { type Clock, systemClock } from '../work/clock.ts';

/** Where log lines go. A file descriptor that cannot be written never stops the writer. */
export interface LogOutput {
  /** Takes a line that ends with a line feed. */
  readonly write: (line: string) => void;
  /** The number of lines that were not written, because the output was full, gone or too slow. */
  readonly countDropped: () => number;
  /** Writes what is buffered, for the end of the process. Gives up on an output that takes nothing. */
  readonly flushSync: () => void;
}

/** The buffer is written when it has this length, or after this time. */
const BUFFER_LENGTH = 4_096;
const FLUSH_MS = 100;

/** The longest text that waits for a slow output, in characters. */
const MAX_WAITING_LENGTH = 1_000_000;

const REPORT_MS = 60_000;

/** How often the end of the process tries an output that is busy, and the pause between, in milliseconds. */
const LAST_ATTEMPTS = 20;
const LAST_PAUSE_MS = 10;

/**
 * Opens an output that writes in the background, one batch at a time. A batch that cannot be written is dropped and counted,
 * and the next one is tried, so that logging goes on by itself when there is room again. pino's own destination stops the
 * process in a loop instead (docs/decisions/background-log.md).
 *
 * @param report receives a sentence when lines were dropped, at most once a minute.
 */
export function openLogOutput(fd: number, report: (sentence: string) => void, clock: Clock = systemClock): LogOutput {
  let waiting = '';
  let dropped = 0;
  let isWriting = false;
  let isScheduled = false;
  /** Whether the output ends in the middle of a line, whose rest was dropped. */
  let isTorn = false;
  let reportedAt = -Infinity;

  const drop = (text: string | Buffer, reason: string): void => {
    dropped += text.toString().split('\n').length - 1;
    if (clock.now() - reportedAt < REPORT_MS) return;
    reportedAt = clock.now();
    report(`The log cannot be written (${reason}). Dropped lines so far: ${dropped}. The service goes on.`);
  };
  const takeBatch = (): Buffer => {
    const batch = Buffer.from(isTorn ? `\n${waiting}` : waiting);
    waiting = '';
    return batch;
  };
  const writeBatch = (batch: Buffer, from: number): void => {
    isWriting = true;
    write(fd, batch, from, batch.length - from, null, (error, length) => {
      if (isBusy(error)) {
        clock.setTimer(
          () => {
            writeBatch(batch, from);
          },
          FLUSH_MS,
          'does not keep the process running',
        );
        return;
      }
      const written = error === null ? from + length : from;
      if (error === null && written < batch.length) {
        writeBatch(batch, written);
        return;
      }
      isWriting = false;
      if (written > 0) isTorn = batch[written - 1] !== LINE_FEED;
      if (error !== null) drop(batch.subarray(written), error.message);
      if (waiting.length >= BUFFER_LENGTH && error === null) flush();
      else schedule();
    });
  };
  const flush = (): void => {
    if (!isWriting && waiting !== '') writeBatch(takeBatch(), 0);
  };
  const schedule = (): void => {
    if (isScheduled || waiting === '') return;
    isScheduled = true;
    clock.setTimer(
      () => {
        isScheduled = false;
        flush();
      },
      FLUSH_MS,
      'does not keep the process running',
    );
  };
  return {
    write: (line) => {
      if (waiting.length + line.length > MAX_WAITING_LENGTH) {
        drop(line, 'it takes lines too slowly');
        return;
      }
      waiting += line;
      if (waiting.length >= BUFFER_LENGTH && !isScheduled) flush();
      else schedule();
    },
    countDropped: () => dropped,
    flushSync: () => {
      const batch = takeBatch();
      for (let from = 0, attempt = 1; from < batch.length && attempt <= LAST_ATTEMPTS; attempt += 1) {
        try {
          from += writeSync(fd, batch, from);
        } catch (error) {
          if (!isBusy(error)) return;
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LAST_PAUSE_MS);
        }
      }
    },
  };
}

const LINE_FEED = 0x0a;

/** Whether a pipe is full for the moment. */
function isBusy(error: unknown): boolean {
  return Error.isError(error) && 'code' in error && (error.code === 'EAGAIN' || error.code === 'EBUSY');
}

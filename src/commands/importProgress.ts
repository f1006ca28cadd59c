import { SingleBar } from 'cli-progress';
import type { Defective } from '../import/readLines.ts';

/** What a user sees while an import runs. */
export interface ImportProgress {
  readonly onRead: (bytes: number) => void;
  readonly onRejected: (rejected: Defective) => void;
  readonly stop: () => void;
}

const ERASE_LINE = '\r\u001b[K';
/** The bar goes back there at its end. */
const SAVE_CURSOR = '\u001b7';

/** Reports rejected lines on the stream, below them a bar where the stream is a terminal. */
export function showImportProgress(stream: NodeJS.WriteStream, totalBytes: number): ImportProgress {
  const bar = new SingleBar({
    stream,
    format: '{phase} [{bar}] {percentage}% | {duration_formatted}',
    // A rejected line takes the place of the bar, which then has to be drawn on the next, and may be a long one.
    forceRedraw: true,
    linewrap: true,
    clearOnComplete: true,
    // The command ends itself on a signal.
    gracefulExit: false,
  });
  const hasBar = stream.isTTY;
  if (hasBar) bar.start(totalBytes, 0, { phase: 'Reading' });
  return {
    onRead: (bytes) => {
      if (hasBar) bar.update(bytes, { phase: bytes === totalBytes ? 'Storing' : 'Reading' });
    },
    onRejected: ({ line, defect }) => {
      const text = `line ${line}: ${defect}\n`;
      stream.write(hasBar ? `${ERASE_LINE}${text}${SAVE_CURSOR}` : text);
    },
    stop: () => {
      if (hasBar) bar.stop();
    },
  };
}

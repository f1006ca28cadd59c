import { SingleBar } from 'cli-progress';
import type { Defective } from '../import/readLines.ts';

/** The output while an import runs. */
export interface ImportProgress {
  readonly onRead: (bytes: number) => void;
  readonly onGuess: (sentence: string) => void;
  readonly onRejected: (rejected: Defective) => void;
  readonly stop: () => void;
}

const ERASE_LINE = '\r\u001b[K';
/** The bar returns the cursor to this position at its end. */
const SAVE_CURSOR = '\u001b7';

/** Writes rejected lines to the stream and, on a terminal, a progress bar below them. */
export function showImportProgress(stream: NodeJS.WriteStream, totalBytes: number): ImportProgress {
  const bar = new SingleBar({
    stream,
    format: '{phase} [{bar}] {percentage}% | {duration_formatted}',
    // A rejected line overwrites the bar, which is then drawn again below. The line can wrap.
    forceRedraw: true,
    linewrap: true,
    clearOnComplete: true,
    // The command handles signals itself.
    gracefulExit: false,
  });
  const hasBar = stream.isTTY && totalBytes > 0;
  const writeAboveBar = (text: string): void => {
    stream.write(hasBar ? `${ERASE_LINE}${text}${SAVE_CURSOR}` : text);
  };
  if (hasBar) bar.start(totalBytes, 0, { phase: 'Reading' });
  return {
    onRead: (bytes) => {
      if (hasBar) bar.update(bytes, { phase: bytes === totalBytes ? 'Storing' : 'Reading' });
    },
    onGuess: (sentence) => {
      writeAboveBar(`${sentence}\n`);
    },
    onRejected: ({ line, defect }) => {
      writeAboveBar(`line ${line}: ${defect}\n`);
    },
    stop: () => {
      if (hasBar) bar.stop();
    },
  };
}

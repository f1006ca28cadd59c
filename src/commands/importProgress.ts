import { SingleBar } from 'cli-progress';
import type { Defective } from '../import/readLines.ts';

/** What a user sees while an import runs. */
export interface ImportProgress {
  readonly onRead: (bytes: number) => void;
  readonly onRejected: (rejected: Defective) => void;
  readonly stop: () => void;
}

const ERASE_LINE = '\r\u001b[K';

/** Reports rejected lines on the stream, below them a bar where the stream is a terminal. */
export function showImportProgress(stream: NodeJS.WriteStream, totalBytes: number): ImportProgress {
  const bar = new SingleBar({
    stream,
    format: '{phase} [{bar}] {percentage}% | {duration_formatted}',
    // The bar draws over a line that was written in its place.
    forceRedraw: true,
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
      stream.write(`${hasBar ? ERASE_LINE : ''}line ${line}: ${defect}\n`);
    },
    stop: () => {
      if (hasBar) bar.stop();
    },
  };
}

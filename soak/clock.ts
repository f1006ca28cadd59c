import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';

/** Debian's package libfaketime. */
const LIBRARY = '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1';

/** The clock of a process, apart from the machine's. */
export interface Clock {
  /** For the process, when it is started. */
  readonly environment: Readonly<Record<string, string>>;
  /** Turns it, so many seconds away from the machine's; the process sees it within a second. */
  readonly turn: (seconds: number) => Promise<void>;
}

/** @returns null where there is no libfaketime. */
export async function openClock(folder: string): Promise<Clock | null> {
  if (!existsSync(LIBRARY)) return null;
  const file = path.join(folder, 'clock');
  const turn = (seconds: number): Promise<void> => writeFile(file, seconds < 0 ? String(seconds) : `+${seconds}`);
  await turn(0);
  return {
    // What measures durations is no clock, and stays as it is.
    environment: {
      LD_PRELOAD: LIBRARY,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_CACHE_DURATION: '1',
      DONT_FAKE_MONOTONIC: '1',
    },
    turn,
  };
}

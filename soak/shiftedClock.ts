import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';

/** Debian's package libfaketime. */
const LIBRARY = '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1';

/** A clock of one process that can differ from the machine's. */
export interface ShiftedClock {
  /** The environment with which the process starts. */
  readonly environment: Readonly<Record<string, string>>;
  /** Shifts the clock against the machine's. The process sees it within a second. */
  readonly shift: (seconds: number) => Promise<void>;
}

/** Creates a clock at the machine's time. @returns null if libfaketime is not installed. */
export async function openShiftedClock(folder: string): Promise<ShiftedClock | null> {
  if (!existsSync(LIBRARY)) return null;
  const file = path.join(folder, 'clock');
  const shift = (seconds: number): Promise<void> => writeFile(file, seconds < 0 ? String(seconds) : `+${seconds}`);
  await shift(0);
  return {
    // Clocks for durations are not shifted.
    environment: {
      LD_PRELOAD: LIBRARY,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_CACHE_DURATION: '1',
      DONT_FAKE_MONOTONIC: '1',
    },
    shift,
  };
}

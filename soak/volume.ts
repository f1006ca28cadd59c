import { execFile } from 'node:child_process';
import { mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A folder for files. */
export interface Volume extends AsyncDisposable {
  readonly folder: string;
  /** Fills the volume. Null if this user cannot mount a small disk. */
  readonly fill: (() => Promise<void>) | null;
  readonly makeRoom: () => Promise<void>;
}

const MEGABYTES = 8_192;

/** The limit cannot be below the content, which can be growing. */
const SPARE_BYTES = 65_536;

/** Opens a volume: a tmpfs for root on Linux, an ordinary folder for others. */
export async function openVolume(): Promise<Volume> {
  const folder = await mkdtemp(path.join(tmpdir(), 'order-items-soak-'));
  const mounted =
    process.platform === 'linux' &&
    process.getuid?.() === 0 &&
    (await run('mount', ['-t', 'tmpfs', '-o', `size=${MEGABYTES}m,mode=711`, 'tmpfs', folder]).then(
      () => true,
      () => false,
    ));
  const resize = async (bytes: number): Promise<void> => {
    await run('mount', ['-o', `remount,size=${bytes}`, folder]);
  };
  return {
    folder,
    fill: mounted
      ? async () => {
          for (let spareBytes = 0; ; spareBytes += SPARE_BYTES) {
            const { blocks, bfree, bsize } = await statfs(folder);
            const isFull = await resize((blocks - bfree) * bsize + spareBytes).then(
              () => true,
              () => false,
            );
            if (isFull) return;
          }
        }
      : null,
    makeRoom: () => resize(MEGABYTES * 2 ** 20),
    [Symbol.asyncDispose]: async () => {
      if (mounted) await run('umount', [folder]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

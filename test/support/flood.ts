import { once } from 'node:events';
import path from 'node:path';
import { Worker } from 'node:worker_threads';

/** Many who ask for one thing as fast as they are answered, in a thread that takes no time from the service's own. */
export interface Flood {
  /** Returns the statuses that they got. */
  readonly stop: () => Promise<number[]>;
}

/** Returns when each of them has had an answer; before that, they stand in the way of whoever else connects. */
export async function startFlood(url: string, callers: number): Promise<Flood> {
  const worker = new Worker(path.join(import.meta.dirname, 'floodCallers.ts'), { workerData: { url, callers } });
  await once(worker, 'message');
  return {
    stop: async () => {
      const statuses = once(worker, 'message');
      worker.postMessage('stop');
      const [result] = (await statuses) as [number[]];
      await once(worker, 'exit');
      return result;
    },
  };
}

import { once } from 'node:events';
import path from 'node:path';
import { Worker } from 'node:worker_threads';

/** Callers that repeat a request as fast as they get answers, in a separate thread. */
export interface Flood {
  /** Stops the callers and returns their distinct statuses. */
  readonly stop: () => Promise<number[]>;
}

/** Starts callers. Resolves when each has its first answer, because connecting callers delay other connections. */
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

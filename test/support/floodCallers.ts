import { parentPort, workerData } from 'node:worker_threads';

/* The thread of `startFlood`. */
const { url, callers } = workerData as { url: string; callers: number };

let asking = true;
parentPort?.once('message', () => {
  asking = false;
});
const statuses = new Set<number>();
let answered = 0;

async function ask(): Promise<void> {
  const response = await fetch(url);
  statuses.add(response.status);
  await response.text();
}

async function call(): Promise<void> {
  await ask();
  answered += 1;
  if (answered === callers) parentPort?.postMessage('all are there');
  while (asking) await ask();
}

await Promise.all(Array.from({ length: callers }, call));
parentPort?.postMessage([...statuses]);

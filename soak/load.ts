import { setTimeout as sleep } from 'node:timers/promises';
import { Agent } from 'undici';
import { type Account, accountFor, type Attempt } from './account.ts';
import { type Answer, createTasks, sendCancel, type Task } from './callers.ts';
import type { Cluster } from './cluster.ts';
import type { Request } from './requests.ts';
import type { Stock } from './stock.ts';

/** How long a caller waits for an answer. A request can take 10 s. */
const PATIENCE_MS = 12_000;

/** How long the load waits for the service, for example to serve again after a fault. */
const PATIENCE_TO_RECOVER_MS = 60_000;

/** The additional rest of a caller that was not served. */
const PAUSE_MS = 20;

export interface LoadSize {
  /** The multiple of the 24 callers. */
  readonly crowd?: number;
  /** How long each caller rests after an answer. */
  readonly restMs?: number;
}

export interface LoadAccount extends Account {
  readonly requests: number;
  /** Answers by status; `none` for connections that broke, `wrong` for those that were not what was asked for. */
  readonly answers: Readonly<Record<string, number>>;
  /** Cancels with a key whose retry got no right answer. */
  readonly unresolved: number;
  /** The longest wait for an answer. */
  readonly longestMs: number;
  /** The same for those who were told to come again: a 503 that does not say when counts as `wrong`. */
  readonly longestRefusalMs: number;
}

export interface Load {
  /** Returns the longest wait for a 503 so far. */
  readonly longestRefusalMs: () => number;
  /**
   * Waits until each instance has acknowledged a cancel that began after this call.
   *
   * @returns the duration in milliseconds.
   */
  readonly untilServed: () => Promise<number>;
  /** Waits until the service has acknowledged this many cancels since the start of the load. */
  readonly untilAcknowledged: (count: number) => Promise<void>;
  /** Stops the load and checks everything that it did. */
  readonly stop: (database: Pick<Cluster, 'query'>) => Promise<LoadAccount>;
  /** Stops the load without checks. Does nothing if the load has stopped. */
  readonly stopWithoutWaiting: () => Promise<void>;
}

/**
 * Starts callers that repeat their tasks until they are stopped.
 *
 * @param urls are those of the instances, which take turns.
 * @param token returns a token for each request.
 * @param stock holds what they cancel. Each item and each order is used once.
 */
export function startLoad(
  urls: readonly string[],
  token: () => string,
  stock: Stock,
  { crowd = 1, restMs = 0 }: LoadSize = {},
): Load {
  const agent = new Agent({ headersTimeout: PATIENCE_MS, bodyTimeout: PATIENCE_MS });
  const attempts: Attempt[] = [];
  const answers: Record<string, number> = {};
  let [turn, requests, longestMs, longestRefusalMs] = [0, 0, 0, 0];
  /** The start of the last request that each instance served. */
  const servedAt = new Map(urls.map((url) => [url, 0]));
  let running = true;

  const send = async (request: Request): Promise<Answer> => {
    const begun = performance.now();
    const instance = urls[turn++ % urls.length] ?? '';
    const { status, text, retryAfter } = await exchange(new URL(request.path, instance), token(), request, agent);
    const durationMs = performance.now() - begun;
    requests += 1;
    longestMs = Math.max(longestMs, durationMs);
    if (status === 503) longestRefusalMs = Math.max(longestRefusalMs, durationMs);
    const isDecided = status === 200 || status === 400;
    const isRight = isDecided && request.isRight(status, text);
    if (isRight && request.changes) servedAt.set(instance, Math.max(servedAt.get(instance) ?? 0, begun));
    const isWrong = isDecided ? !isRight : status === 503 && retryAfter === null;
    const answer = isWrong ? 'wrong' : String(status ?? 'none');
    answers[answer] = (answers[answer] ?? 0) + 1;
    return { status, text, isRight };
  };
  const tasks = createTasks(stock, attempts, send);
  const live = Array.from({ length: crowd }, () => tasks)
    .flat()
    .map(async (act: Task) => {
      while (running) {
        const isServed = await act();
        if (!isServed || restMs > 0) await sleep(restMs + (isServed ? 0 : PAUSE_MS));
      }
    });
  const ended = Promise.all(live);
  // Waiting for the load, or stopping it, throws this.
  let failure: Error | null = null;
  ended.catch((error: unknown) => {
    failure = error as Error;
  });

  const until = async (isReached: () => boolean, awaited: string): Promise<void> => {
    const deadline = performance.now() + PATIENCE_TO_RECOVER_MS;
    while (!isReached()) {
      if (failure !== null) throw failure;
      if (performance.now() > deadline)
        throw new Error(`The load waited a minute for ${awaited}. Its answers: ${JSON.stringify(answers)}`);
      await sleep(2);
    }
  };

  const stopWithoutWaiting = async (): Promise<void> => {
    running = false;
    await Promise.allSettled(live);
    await agent.destroy();
  };

  return {
    longestRefusalMs: () => longestRefusalMs,
    stopWithoutWaiting,
    untilServed: async () => {
      const since = performance.now();
      const last = (): number => Math.min(...servedAt.values());
      await until(() => last() >= since, 'an answer of each instance');
      return last() - since;
    },
    untilAcknowledged: (count) =>
      until(() => attempts.filter(({ units }) => units !== null).length >= count, `${count} cancels`),
    stop: async (database) => {
      running = false;
      await ended;
      const told = { requests, longestMs, longestRefusalMs, answers: { ...answers } };
      const open = attempts.filter(({ units, key }) => units === null && key !== null);
      const left = open.values();
      // A retry with the key shows whether the cancel happened.
      const askAgain = async (): Promise<void> => {
        for (const attempt of left) await sendCancel(attempt, send);
      };
      await Promise.all(tasks.map(askAgain));
      const unresolved = open.filter(({ units }) => units === null).length;
      await stopWithoutWaiting();
      return { ...told, unresolved, ...(await accountFor(attempts, database)) };
    },
  };
}

interface Exchange {
  /** Null without an answer. */
  readonly status: number | null;
  readonly text: string;
  readonly retryAfter: string | null;
}

async function exchange(url: URL, token: string, { headers, body }: Request, agent: Agent): Promise<Exchange> {
  try {
    const answer = await agent.request({
      origin: url.origin,
      path: url.pathname,
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, ...headers },
      body,
    });
    const retryAfter = answer.headers['retry-after'];
    return {
      status: answer.statusCode,
      text: await answer.body.text(),
      retryAfter: typeof retryAfter === 'string' ? retryAfter : null,
    };
  } catch {
    return { status: null, text: '', retryAfter: null };
  }
}

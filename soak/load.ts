import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent } from 'undici';
import { type Account, accountFor, type Attempt } from './account.ts';
import type { Cluster } from './cluster.ts';
import {
  type Cancel,
  cancelledRequest,
  cancelRequest,
  entitiesRequest,
  pageRequest,
  type Request,
} from './requests.ts';

/** The tasks of callers, which they repeat. Half of them cancel. */
const CALLERS = [
  ...repeated(2, (load: Callers) => load.cancel('graphql', 1, true)),
  ...repeated(2, (load: Callers) => load.cancel('graphql', 1, false)),
  ...repeated(2, (load: Callers) => load.cancel('rest', 1, true)),
  ...repeated(2, (load: Callers) => load.cancel('rest', 1, false)),
  ...repeated(1, (load: Callers) => load.cancel('graphql', 5, true)),
  ...repeated(1, (load: Callers) => load.cancel('graphql', 5, false)),
  ...repeated(2, (load: Callers) => load.cancelAgain()),
  ...repeated(2, (load: Callers) => load.readCancelled()),
  ...repeated(6, (load: Callers) => load.readEntities(1)),
  ...repeated(2, (load: Callers) => load.readEntities(10)),
  ...repeated(2, (load: Callers) => load.readPage()),
];

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

/** The tasks of one caller. Each returns whether it was served. */
interface Callers {
  readonly cancel: (door: Cancel['door'], count: number, isKeyed: boolean) => Promise<boolean>;
  /** Cancels a cancelled item. The right answer is a refusal. */
  readonly cancelAgain: () => Promise<boolean>;
  /** Of what was acknowledged, through either instance, whatever else has happened: nothing but that it is cancelled. */
  readonly readCancelled: () => Promise<boolean>;
  readonly readEntities: (count: number) => Promise<boolean>;
  readonly readPage: () => Promise<boolean>;
}

export interface LoadAccount extends Account {
  readonly requests: number;
  /** Answers by status; `none` for connections that broke, `wrong` for those that were not what was asked for. */
  readonly answers: Readonly<Record<string, number>>;
  /** Cancels with a key whose retry did not show exactly one cancel. */
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
 * @param ids are those of cancelable items. Each is used once.
 */
export function startLoad(
  urls: readonly string[],
  token: () => string,
  ids: readonly string[],
  { crowd = 1, restMs = 0 }: LoadSize = {},
): Load {
  const agent = new Agent({ headersTimeout: PATIENCE_MS, bodyTimeout: PATIENCE_MS });
  const attempts: Attempt[] = [];
  const answers: Record<string, number> = {};
  let [next, turn, requests, longestMs, longestRefusalMs, again] = [0, 0, 0, 0, 0, 0];
  /** The start of the last request that each instance served. */
  const servedAt = new Map(urls.map((url) => [url, 0]));
  let running = true;

  /** Sends a request. @param wanted the right answer: served or refused. */
  const send = async (request: Request, wanted: 'served' | 'refused' = 'served'): Promise<boolean> => {
    const begun = performance.now();
    const instance = urls[turn++ % urls.length] ?? '';
    const { status, text, retryAfter } = await exchange(new URL(request.path, instance), token(), request, agent);
    const durationMs = performance.now() - begun;
    requests += 1;
    longestMs = Math.max(longestMs, durationMs);
    if (status === 503) longestRefusalMs = Math.max(longestRefusalMs, durationMs);
    const isServed = status === 200 && request.isServed(text);
    if (isServed && request.changes) servedAt.set(instance, Math.max(servedAt.get(instance) ?? 0, begun));
    const isWrong = status === 200 ? isServed !== (wanted === 'served') : status === 503 && retryAfter === null;
    const answer = isWrong ? 'wrong' : String(status ?? 'none');
    answers[answer] = (answers[answer] ?? 0) + 1;
    return wanted === 'served' ? isServed : status === 400;
  };
  const anyId = (): string => ids[Math.floor(Math.random() * ids.length)] ?? '';
  const callers: Callers = {
    cancel: async (door, size, isKeyed) => {
      const cancel = { ids: ids.slice(next, (next += size)), door, key: isKeyed ? randomUUID() : null };
      if (cancel.ids.length < size) throw new Error('The items to cancel ran out.');
      const isAcknowledged = await send(cancelRequest(cancel));
      attempts.push({ ...cancel, isAcknowledged });
      return isAcknowledged;
    },
    cancelAgain: async () => {
      const done = attempts[again++ % Math.max(attempts.length, 1)];
      if (done?.isAcknowledged !== true) return false;
      return send(cancelRequest({ ids: done.ids, door: 'rest', key: null }), 'refused');
    },
    readCancelled: () => {
      const done = attempts[Math.floor(Math.random() * attempts.length)];
      return done?.isAcknowledged === true ? send(cancelledRequest(done.ids)) : Promise.resolve(false);
    },
    readEntities: (size) => send(entitiesRequest(Array.from({ length: size }, anyId))),
    readPage: () => send(pageRequest(`order-${Math.floor((Math.random() * ids.length) / 20)}`)),
  };
  const live = repeated(crowd, CALLERS)
    .flat()
    .map(async (act) => {
      while (running) {
        const isServed = await act(callers);
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
      until(() => attempts.filter(({ isAcknowledged }) => isAcknowledged).length >= count, `${count} cancels`),
    stop: async (database) => {
      running = false;
      await ended;
      const told = { requests, longestMs, longestRefusalMs, answers: { ...answers } };
      const open = attempts.filter(({ isAcknowledged, key }) => !isAcknowledged && key !== null);
      const left = open.values();
      // A retry with the key shows whether the cancel happened.
      const askAgain = async (): Promise<void> => {
        for (const attempt of left) attempt.isAcknowledged = await send(cancelRequest(attempt));
      };
      await Promise.all(CALLERS.map(askAgain));
      const unresolved = open.filter(({ isAcknowledged }) => !isAcknowledged).length;
      await stopWithoutWaiting();
      return { ...told, unresolved, ...(await accountFor(attempts, database)) };
    },
  };
}

interface Answer {
  /** Null without an answer. */
  readonly status: number | null;
  readonly text: string;
  readonly retryAfter: string | null;
}

async function exchange(url: URL, token: string, { headers, body }: Request, agent: Agent): Promise<Answer> {
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

function repeated<T>(count: number, value: T): T[] {
  return Array.from({ length: count }, () => value);
}

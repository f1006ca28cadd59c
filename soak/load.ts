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

/** What callers do, each again and again; half of them change something. */
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

/** No caller waits longer for an answer, in milliseconds: a request may take 10 s, and then there must be one. */
const PATIENCE_MS = 12_000;

/** After a fault, both instances have to serve again within this, in milliseconds. */
const PATIENCE_TO_RECOVER_MS = 60_000;

/** A caller that was not served rests so much longer, in milliseconds. */
const PAUSE_MS = 20;

export interface LoadSize {
  /** How many times the 24 callers. */
  readonly crowd?: number;
  /** How long each of them rests after an answer, in milliseconds. */
  readonly restMs?: number;
}

/** What one of the callers can do. @returns whether it was served. */
interface Callers {
  readonly cancel: (door: Cancel['door'], count: number, isKeyed: boolean) => Promise<boolean>;
  /** What was cancelled already: the refusal is what is wanted. */
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
  /** With a key, without an acknowledgement, and not found cancelled once when asked again. */
  readonly unresolved: number;
  /** The longest that a caller waited for an answer, in milliseconds. */
  readonly longestMs: number;
  /** The same for those who were told to come again: a 503 that does not say when counts as `wrong`. */
  readonly longestRefusalMs: number;
}

export interface Load {
  /** The longest that a caller has waited for a 503 so far, in milliseconds. */
  readonly longestRefusalMs: () => number;
  /**
   * Until each instance has acknowledged a cancel that was begun after now.
   *
   * @returns how long that took, in milliseconds.
   */
  readonly untilServed: () => Promise<number>;
  /** Ends the load and looks at everything that was done. */
  readonly stop: (database: Pick<Cluster, 'query'>) => Promise<LoadAccount>;
  /** Ends it without another look; after an end, it does nothing. */
  readonly stopWithoutWaiting: () => Promise<void>;
}

/**
 * Starts callers that go on until they are stopped.
 *
 * @param urls of instances of the service, which are asked in turn.
 * @param token asked for each request.
 * @param ids of items that can be cancelled, one after the other.
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
  /** When the last request was begun that an instance has served. */
  const servedAt = new Map(urls.map((url) => [url, 0]));
  let running = true;

  /** @param wanted what a good answer to the request is: that it was served, or a refusal. */
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
  // Whoever waits for the load, or stops it, hears of it.
  let failure: Error | null = null;
  ended.catch((error: unknown) => {
    failure = error as Error;
  });

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
      while (last() < since) {
        if (failure !== null) throw failure;
        if (performance.now() - since > PATIENCE_TO_RECOVER_MS)
          throw new Error(`An instance served nothing for a minute; in all: ${JSON.stringify(answers)}`);
        await sleep(2);
      }
      return last() - since;
    },
    stop: async (database) => {
      running = false;
      await ended;
      const told = { requests, longestMs, longestRefusalMs, answers: { ...answers } };
      const open = attempts.filter(({ isAcknowledged, key }) => !isAcknowledged && key !== null);
      const left = open.values();
      // Whoever has a key asks again and is told the truth.
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
  /** Null where none came. */
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

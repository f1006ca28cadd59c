import DataLoader from 'dataloader';
import { type Clock, systemClock } from './clock.ts';
import { currentWork, DeadlineExceeded, doWork, type Work, withinDeadline } from './deadline.ts';
import type { Span } from './span.ts';

/** The queue is at its bound, so load shedding turns the request away. */
export class Overloaded extends Error {
  constructor() {
    super('Too many requests wait for the database.');
    this.name = 'Overloaded';
  }
}

export interface CoalesceOptions {
  /** How many batches run at a time. Keys that arrive meanwhile gather for the next one. */
  readonly slots: number;
  /** How many keys one batch takes. */
  readonly maxBatchSize: number;
  /** How many keys wait before load shedding begins. */
  readonly maxWaiting: number;
  /**
   * The deadline of a batch. `earliest` is for writes: a caller that gets a 503 should not have been served. `latest` is for
   * reads, which may go on for the caller with the most time left.
   */
  readonly deadline: 'earliest' | 'latest';
}

/** A request with less time left than this is not started, so that it does not shorten its neighbors' deadline. */
export const MIN_REMAINING_MS = 20;

/** The state of a queue, for the metrics. */
export interface QueueState {
  readonly name: string;
  /** The bounds of the queue, set when it is created. */
  slots: number;
  maxWaiting: number;
  /** Keys that wait for a batch. */
  waiting: number;
  /** Batches that are running. */
  underWay: number;
  readonly observeBatch: (size: number) => void;
  /** Called for each request that load shedding turns away. */
  readonly observeShed: () => void;
}

/** The state of a queue that no metric shows. */
export function unwatchedQueue(name: string): QueueState {
  return {
    name,
    slots: 0,
    maxWaiting: 0,
    waiting: 0,
    underWay: 0,
    observeBatch: () => undefined,
    observeShed: () => undefined,
  };
}

/** A key and the work that asks for it. */
interface Asked<Key> {
  readonly key: Key;
  readonly work: Work;
}

/**
 * Batches the keys of different requests: one statement, or one commit, serves all keys that arrived while the batch before
 * was running. A key that arrives at an idle queue starts a batch at once. The oldest keys go first. Keys whose deadline has
 * passed are not served.
 *
 * @param load serves a batch. It returns one value for each key, in order. If it throws, every key of the batch fails.
 * @param state is kept up to date.
 * @returns a function that loads one key. It throws DeadlineExceeded, or Overloaded if the queue is at its bound.
 */
export function coalesce<Key, Value>(
  load: (keys: readonly Key[]) => Promise<readonly Value[]>,
  { slots, maxBatchSize, maxWaiting, deadline }: CoalesceOptions,
  state: QueueState = unwatchedQueue('unnamed'),
  clock: Clock = systemClock,
): (key: Key) => Promise<Value> {
  Object.assign(state, { slots, maxWaiting });
  const batches: (() => void)[] = [];
  const dispatch = (): void => {
    while (state.underWay < slots && batches.length > 0) {
      state.underWay += 1;
      batches.shift()?.();
    }
  };
  const loader = new DataLoader<Asked<Key>, Value>(
    async (asked) => {
      state.waiting -= asked.length;
      state.observeBatch(asked.length);
      try {
        return await loadInTime(load, asked, { deadline, name: state.name, now: clock.now() });
      } finally {
        state.underWay -= 1;
        dispatch();
      }
    },
    {
      cache: false,
      maxBatchSize,
      batchScheduleFn: (batch) => {
        batches.push(batch);
        // Wait for the other requests that arrive in this turn of the event loop.
        setImmediate(dispatch);
      },
    },
  );
  return (key) => {
    if (state.waiting >= maxWaiting) {
      state.observeShed();
      return Promise.reject(new Overloaded());
    }
    state.waiting += 1;
    return withinDeadline(loader.load({ key, work: currentWork() }), clock);
  };
}

/** Loads the keys whose deadline is ahead. The others get a DeadlineExceeded, in the form that DataLoader expects. */
async function loadInTime<Key, Value>(
  load: (keys: readonly Key[]) => Promise<readonly Value[]>,
  asked: readonly Asked<Key>[],
  { deadline, name, now }: Pick<CoalesceOptions, 'deadline'> & { readonly name: string; readonly now: number },
): Promise<readonly (Value | DeadlineExceeded)[]> {
  const inTime = asked.filter(({ work }) => work.deadline > now + MIN_REMAINING_MS);
  if (inTime.length === 0) return asked.map(() => new DeadlineExceeded());
  const deadlines = inTime.map(({ work }) => work.deadline);
  const end = deadline === 'earliest' ? Math.min(...deadlines) : Math.max(...deadlines);
  const values = await runForAll(
    inTime.map(({ work }) => work),
    { name, deadline: end },
    () => load(inTime.map(({ key }) => key)),
  );
  if (inTime.length === asked.length) return values;
  const loaded = new Map(inTime.map((one, position) => [one, values[position] as Value]));
  return asked.map((one) => (loaded.has(one) ? (loaded.get(one) as Value) : new DeadlineExceeded()));
}

/** Runs one action for several works until a deadline. The statements of the action count for each of them. */
export async function runForAll<T>(
  works: readonly Work[],
  { name, deadline }: { readonly name: string; readonly deadline: number },
  act: () => Promise<T>,
): Promise<T> {
  const shared: Work = { deadline, statements: 0, span: startBatchSpan(name, works) };
  try {
    const result = await doWork(shared, act);
    shared.span?.end();
    return result;
  } catch (error) {
    shared.span?.end(error);
    throw error;
  } finally {
    // One request may have asked for several keys.
    for (const work of new Set(works)) work.statements += shared.statements;
  }
}

/** @returns null if no request of the batch is traced. */
function startBatchSpan(name: string, works: readonly Work[]): Span | null {
  const first = works.find(({ span }) => span !== null)?.span ?? null;
  if (first === null) return null;
  // One request may have asked for several keys.
  const served = new Set(works.map(({ span }) => span).filter((span) => span !== null));
  return first.startBatch({ name, served: [...served], size: works.length });
}

import DataLoader from 'dataloader';
import type { Span } from './span.ts';
import { currentWork, DeadlineExceeded, doWork, type Work, withinDeadline } from './deadline.ts';

/** More is waiting already than can be served soon. */
export class Overloaded extends Error {
  constructor() {
    super('Too many requests wait for the database.');
    this.name = 'Overloaded';
  }
}

export interface CoalesceOptions {
  /** How many batches may be under way at a time; while they are, what arrives gathers for the next. */
  readonly slots: number;
  /** The most that one batch takes. */
  readonly maxBatchSize: number;
  /** What more waits is turned away. */
  readonly maxWaiting: number;
  /**
   * The deadline of a batch. `earliest` is for writes: a caller that hears 503 must not have been served. `latest` is for
   * reads, which may go on for the caller with the most time left.
   */
  readonly deadline: 'earliest' | 'latest';
}

/** Whoever has less time left than this is not begun with, and does not cut the time of others short. In milliseconds. */
export const MIN_REMAINING_MS = 20;

/** What a queue tells of itself, for the metrics. */
export interface QueueState {
  readonly name: string;
  /** Its bounds, which it tells when it is made. */
  slots: number;
  maxWaiting: number;
  /** Keys that no batch has taken yet. */
  waiting: number;
  /** Batches under way. */
  underWay: number;
  readonly observeBatch: (size: number) => void;
  /** Is told of whoever is turned away. */
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

/** Something that is asked for, and for what work. */
interface Asked<Key> {
  readonly key: Key;
  readonly work: Work;
}

/**
 * Serves what different requests ask for together: one statement, or one commit, for all that arrived while the one before
 * was under way. What arrives when nothing is does not wait. The oldest are served first, and those whose time is over not
 * at all.
 *
 * @param load serves a batch: one value, or the error of that one, for each key, in order.
 * @param state kept up to date.
 * @returns loads by key; rejects with DeadlineExceeded, or with Overloaded when too much waits.
 */
export function coalesce<Key, Value>(
  load: (keys: readonly Key[]) => Promise<readonly (Value | Error)[]>,
  { slots, maxBatchSize, maxWaiting, deadline }: CoalesceOptions,
  state: QueueState = unwatchedQueue('unnamed'),
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
        return await loadInTime(load, asked, { deadline, name: state.name });
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
        // After what else has come in meanwhile.
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
    return withinDeadline(loader.load({ key, work: currentWork() }));
  };
}

async function loadInTime<Key, Value>(
  load: (keys: readonly Key[]) => Promise<readonly (Value | Error)[]>,
  asked: readonly Asked<Key>[],
  { deadline, name }: Pick<CoalesceOptions, 'deadline'> & { readonly name: string },
): Promise<readonly (Value | Error)[]> {
  const now = performance.now();
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
  const valueOf = new Map(inTime.map((one, position) => [one, values[position] as Value | Error]));
  return asked.map((one) => (valueOf.has(one) ? (valueOf.get(one) as Value | Error) : new DeadlineExceeded()));
}

/** Does something for several at once, until a time; what it takes counts for each of them. */
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
    // Once, though one request may ask for several things.
    for (const work of new Set(works)) work.statements += shared.statements;
  }
}

/** @returns null where nobody in the batch is traced. */
function startBatchSpan(name: string, works: readonly Work[]): Span | null {
  const first = works.find(({ span }) => span !== null)?.span ?? null;
  if (first === null) return null;
  // Once each, though one request may ask for several things.
  const served = new Set(works.map(({ span }) => span).filter((span) => span !== null));
  return first.startBatch({ name, served: [...served], size: works.length });
}

import { type Clock, systemClock } from './clock.ts';
import { currentWork, DeadlineExceeded, doWork, type Work, withinDeadline } from './deadline.ts';
import { FairQueue, type Share } from './fairQueue.ts';
import type { Span } from './span.ts';

/** The queue is at its bound, so load shedding turns the request away. */
export class Overloaded extends Error {
  constructor() {
    super('Too many requests wait for the database.');
    this.name = 'Overloaded';
  }
}

export interface CoalesceOptions {
  /** How many batches of a group run at a time. Keys that arrive meanwhile gather for the next one. */
  readonly slots: number;
  /** How many keys one batch takes. */
  readonly maxBatchSize: number;
  /** How much the keys of a batch weigh together. Without it, only their number counts. */
  readonly maxBatchWeight?: number;
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

/** A key, the work that asks for it, and whoever waits for its value. */
interface Asked<Key, Value> {
  readonly key: Key;
  readonly work: Work;
  readonly resolve: (value: Value) => void;
  readonly reject: (error: unknown) => void;
}

/** How keys form batches. */
export interface Grouping<Key> {
  /** Returns the flow and the weight of a key. Flows share the batches equally. Without it, the oldest keys go first. */
  readonly measureShare?: (key: Key) => Share;
  /** Returns the group of a key. A batch holds keys of one group, and groups do not wait for each other. */
  readonly nameGroup?: (key: Key) => string;
}

/** The keys of a group that wait, and the number of its batches that run. */
interface Group<Key, Value> {
  readonly name: string;
  readonly queue: FairQueue<Asked<Key, Value>>;
  underWay: number;
  isScheduled: boolean;
}

const ONE: Share = { flow: '', weight: 1 };

/**
 * Batches the keys of different requests: one statement, or one commit, serves all keys that arrived while the batch before
 * was running. A key that arrives at an idle queue starts a batch at once. Keys whose deadline has passed are not served.
 *
 * @param load serves a batch. It returns one value for each key, in order. If it throws, every key of the batch fails.
 * @param state is kept up to date.
 * @returns a function that loads one key. It throws DeadlineExceeded, or Overloaded if the queue is at its bound.
 */
export function coalesce<Key, Value>(
  load: (keys: readonly Key[]) => Promise<readonly Value[]>,
  { slots, maxBatchSize, maxBatchWeight = Infinity, maxWaiting, deadline }: CoalesceOptions,
  state: QueueState = unwatchedQueue('unnamed'),
  clock: Clock = systemClock,
  { measureShare = () => ONE, nameGroup = () => '' }: Grouping<Key> = {},
): (key: Key) => Promise<Value> {
  Object.assign(state, { slots, maxWaiting });
  /** Groups with keys that wait or are being loaded. */
  const groups = new Map<string, Group<Key, Value>>();
  const findGroup = (name: string): Group<Key, Value> => {
    let group = groups.get(name);
    if (group === undefined) {
      group = { name, queue: new FairQueue(), underWay: 0, isScheduled: false };
      groups.set(name, group);
    }
    return group;
  };
  const dispatch = (group: Group<Key, Value>): void => {
    group.isScheduled = false;
    while (group.underWay < slots && group.queue.length > 0) {
      void serve(group, group.queue.take(maxBatchSize, maxBatchWeight));
    }
    const isIdle = group.underWay === 0 && group.queue.length === 0;
    if (isIdle && groups.get(group.name) === group) groups.delete(group.name);
  };
  const serve = async (group: Group<Key, Value>, asked: readonly Asked<Key, Value>[]): Promise<void> => {
    group.underWay += 1;
    state.underWay += 1;
    state.waiting -= asked.length;
    state.observeBatch(asked.length);
    await loadInTime(load, asked, { deadline, name: state.name, now: clock.now() });
    state.underWay -= 1;
    group.underWay -= 1;
    dispatch(group);
  };
  return (key) => {
    if (state.waiting >= maxWaiting) {
      state.observeShed();
      return Promise.reject(new Overloaded());
    }
    state.waiting += 1;
    const { promise, resolve, reject } = Promise.withResolvers<Value>();
    const group = findGroup(nameGroup(key));
    group.queue.push({ key, work: currentWork(), resolve, reject }, measureShare(key));
    if (!group.isScheduled && group.underWay < slots) {
      group.isScheduled = true;
      // Wait for the other requests that arrive in this turn of the event loop.
      setImmediate(dispatch, group);
    }
    return withinDeadline(promise, clock);
  };
}

/** Loads the keys whose deadline is ahead, and settles all of them. */
async function loadInTime<Key, Value>(
  load: (keys: readonly Key[]) => Promise<readonly Value[]>,
  asked: readonly Asked<Key, Value>[],
  { deadline, name, now }: Pick<CoalesceOptions, 'deadline'> & { readonly name: string; readonly now: number },
): Promise<void> {
  const isInTime = ({ work }: Asked<Key, Value>): boolean => work.deadline > now + MIN_REMAINING_MS;
  const inTime = asked.filter(isInTime);
  for (const one of asked) if (!isInTime(one)) one.reject(new DeadlineExceeded());
  if (inTime.length === 0) return;
  const deadlines = inTime.map(({ work }) => work.deadline);
  const end = deadline === 'earliest' ? Math.min(...deadlines) : Math.max(...deadlines);
  try {
    const values = await runForAll(
      inTime.map(({ work }) => work),
      { name, deadline: end },
      () => load(inTime.map(({ key }) => key)),
    );
    if (values.length !== inTime.length) throw new Error('A batch has one value for each key.');
    inTime.forEach(({ resolve }, position) => {
      resolve(values[position] as Value);
    });
  } catch (error) {
    for (const { reject } of inTime) reject(error);
  }
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

import { createStream } from '../work/stream.ts';

/** One end of a queue, whose other end a reader has. */
export interface Follower<T> {
  /** Hands a value over. */
  readonly offer: (value: T) => void;
  /** The values in their order. Its `return` also ends a `next` that waits. */
  readonly values: AsyncGenerator<T, void, undefined>;
}

export interface FollowerOptions<T> {
  /** How many values can wait for the reader. */
  readonly limit: number;
  readonly accepts: (value: T) => boolean;
  /** Called once if more values wait. The values then end. */
  readonly onTooSlow: () => void;
  /** Called once at the end. */
  readonly onEnd: () => void;
}

type Result<T> = IteratorResult<T, void>;

/** Creates a queue between a writer that does not wait and a reader that does. */
export function createFollower<T>({ limit, accepts, onTooSlow, onEnd }: FollowerOptions<T>): Follower<T> {
  const waiting: T[] = [];
  let hasEnded = false;
  let resolveNext: ((result: Result<T>) => void) | null = null;
  const settle = (result: Result<T>): void => {
    resolveNext?.(result);
    resolveNext = null;
  };
  const end = (): void => {
    if (hasEnded) return;
    hasEnded = true;
    waiting.length = 0;
    settle({ done: true, value: undefined });
    onEnd();
  };
  const next = (): Promise<Result<T>> => {
    const [value] = waiting.splice(0, 1);
    if (value !== undefined) return Promise.resolve({ done: false, value });
    if (hasEnded) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => {
      resolveNext = resolve;
    });
  };
  return {
    values: createStream(next, end),
    offer: (value) => {
      if (hasEnded || !accepts(value)) return;
      if (resolveNext !== null) settle({ done: false, value });
      else if (waiting.length < limit) waiting.push(value);
      else {
        end();
        onTooSlow();
      }
    },
  };
}

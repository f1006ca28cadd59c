/**
 * Creates an asynchronous generator from functions. Unlike that of a generator function, its `return` does not wait for a `next`
 * that is under way, so it can end one.
 *
 * @param end is called by `return`, `throw` and a disposal, each time.
 */
export function createStream<T>(
  next: () => Promise<IteratorResult<T, void>>,
  end: () => void,
): AsyncGenerator<T, void, undefined> {
  const stream: AsyncGenerator<T, void, undefined> = {
    next,
    return: () => {
      end();
      return Promise.resolve({ done: true, value: undefined });
    },
    throw: (error) => {
      end();
      return Promise.reject(error as Error);
    },
    [Symbol.asyncIterator]: () => stream,
    [Symbol.asyncDispose]: () => {
      end();
      return Promise.resolve();
    },
  };
  return stream;
}

import { setTimeout as sleep } from 'node:timers/promises';
import { coalesce, Overloaded } from '../../src/work/coalesce.ts';
import { currentWork, DeadlineExceeded, withDeadline } from '../../src/work/deadline.ts';

/** A load whose batches end when the test lets them. */
function heldLoads(): {
  batches: number[][];
  load: (keys: readonly number[]) => Promise<(number | Error)[]>;
  release: () => void;
} {
  const batches: number[][] = [];
  const held: (() => void)[] = [];
  return {
    batches,
    load: async (keys) => {
      batches.push([...keys]);
      await new Promise<void>((resolve) => held.push(resolve));
      return keys.map((key) => (key < 0 ? new Error(`no ${key}`) : key * 2));
    },
    release: () => held.shift()?.(),
  };
}

const OPTIONS = { slots: 1, maxBatchSize: 3, maxWaiting: 5, deadline: 'latest' } as const;

describe('what is asked for together', () => {
  test('gathers while a batch is under way, oldest first, at most so many at a time', async () => {
    const { batches, load, release } = heldLoads();
    const ask = coalesce(load, OPTIONS);
    const first = ask(1);
    await sleep(5);
    const others = [2, 3, 4, 5].map((key) => ask(key));
    await sleep(5);
    expect(batches).toEqual([[1]]);
    release();
    expect(await first).toBe(2);
    await sleep(5);
    expect(batches).toEqual([[1], [2, 3, 4]]);
    release();
    await sleep(5);
    release();
    expect(await Promise.all(others)).toEqual([4, 6, 8, 10]);
    expect(batches).toEqual([[1], [2, 3, 4], [5]]);
  });

  test('has each its own error, and all the same where the batch fails', async () => {
    const { load, release } = heldLoads();
    const ask = coalesce(load, OPTIONS);
    const results = Promise.allSettled([ask(1), ask(-2)]);
    await sleep(5);
    release();
    expect(await results).toEqual([
      { status: 'fulfilled', value: 2 },
      { status: 'rejected', reason: new Error('no -2') },
    ]);
    const failing = coalesce<number, number>(() => Promise.reject(new Error('away')), OPTIONS);
    await expect(failing(1)).rejects.toThrow('away');
    await expect(failing(2)).rejects.toThrow('away');
  });

  test('is turned away beyond what may wait, and counted', async () => {
    const { load, release } = heldLoads();
    let sheds = 0;
    const observeShed = (): void => {
      sheds += 1;
    };
    const state = {
      name: 'tested',
      slots: 0,
      maxWaiting: 0,
      waiting: 0,
      underWay: 0,
      observeBatch: () => undefined,
      observeShed,
    };
    const ask = coalesce(load, OPTIONS, state);
    expect(state).toMatchObject({ slots: 1, maxWaiting: 5 });
    const first = ask(0);
    await sleep(5);
    const waiting = [1, 2, 3, 4, 5].map((key) => ask(key));
    await expect(ask(6)).rejects.toThrow(Overloaded);
    expect([state.waiting, sheds]).toEqual([5, 1]);
    for (let batch = 0; batch < 3; batch += 1) {
      release();
      await sleep(5);
    }
    expect(await Promise.all([first, ...waiting])).toEqual([0, 2, 4, 6, 8, 10]);
    const again = ask(7);
    await sleep(5);
    release();
    expect(await again).toBe(14);
  });

  test.each([
    ['earliest', 1_000],
    ['latest', 2_000],
  ] as const)('a batch with the %s deadline of its requests ends after %d ms', async (deadline, afterMs) => {
    const ends: number[] = [];
    const ask = coalesce(
      async (keys: readonly number[]) => {
        ends.push(currentWork().deadline);
        return keys;
      },
      { ...OPTIONS, deadline },
    );
    const start = performance.now();
    const deadlines = [start + 1_000, start + 2_000];
    expect(await Promise.all(deadlines.map((end, key) => withDeadline(end, () => ask(key))))).toEqual([0, 1]);
    expect(ends).toEqual([start + afterMs]);
  });

  test('is not asked for whoever has no time left, and leaves the others unharmed', async () => {
    const { batches, load, release } = heldLoads();
    const ask = coalesce(load, OPTIONS);
    const first = ask(1);
    await sleep(5);
    const hasty = withDeadline(performance.now() + 1, () => ask(2));
    const patient = withDeadline(performance.now() + 60_000, () => ask(3));
    const told = expect(hasty).rejects.toThrow(DeadlineExceeded);
    await sleep(20);
    release();
    await first;
    await sleep(5);
    release();
    await told;
    expect(await patient).toBe(6);
    expect(batches).toEqual([[1], [3]]);
  });
});

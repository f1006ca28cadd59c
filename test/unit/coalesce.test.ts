import { coalesce, Overloaded, unwatchedQueue } from '../../src/work/coalesce.ts';
import { currentWork, DeadlineExceeded, withDeadline } from '../../src/work/deadline.ts';
import { createManualClock } from '../support/manualClock.ts';

/** A load whose batches end when the test releases them. */
class HeldLoads {
  readonly batches: number[][] = [];
  private readonly releases: (() => void)[] = [];
  private readonly watchers = new Map<number, () => void>();

  readonly load = async (keys: readonly number[]): Promise<number[]> => {
    this.batches.push([...keys]);
    const released = new Promise<void>((resolve) => this.releases.push(resolve));
    this.watchers.get(this.batches.length)?.();
    await released;
    return keys.map((key) => key * 2);
  };

  /** Waits until this many batches have started. */
  async untilStarted(count: number): Promise<void> {
    if (this.batches.length < count) await new Promise<void>((resolve) => this.watchers.set(count, resolve));
  }

  /** Ends the oldest batch that is running. */
  release(): void {
    this.releases.shift()?.();
  }
}

const OPTIONS = { slots: 1, maxBatchSize: 3, maxWaiting: 5, deadline: 'latest' } as const;

describe('coalesce', () => {
  test('gathers keys while a batch runs, oldest first, up to the size of a batch', async () => {
    const loads = new HeldLoads();
    const ask = coalesce(loads.load, OPTIONS);
    const first = ask(1);
    await loads.untilStarted(1);
    const others = [2, 3, 4, 5].map((key) => ask(key));
    loads.release();
    expect(await first).toBe(2);
    await loads.untilStarted(2);
    expect(loads.batches).toEqual([[1], [2, 3, 4]]);
    loads.release();
    await loads.untilStarted(3);
    loads.release();
    expect(await Promise.all(others)).toEqual([4, 6, 8, 10]);
    expect(loads.batches).toEqual([[1], [2, 3, 4], [5]]);
  });

  test('fails every key of a batch that fails, and starts the next batch', async () => {
    let batches = 0;
    const ask = coalesce<number, number>(async (keys) => {
      batches += 1;
      if (batches === 1) throw new Error('away');
      return keys;
    }, OPTIONS);
    const [one, other] = [ask(1), ask(2)];
    await expect(one).rejects.toThrow('away');
    await expect(other).rejects.toThrow('away');
    expect(await ask(3)).toBe(3);
  });

  test('sheds and counts the keys beyond its bound, and serves again afterwards', async () => {
    const loads = new HeldLoads();
    let sheds = 0;
    const observeShed = (): void => {
      sheds += 1;
    };
    const state = { ...unwatchedQueue('tested'), observeShed };
    const ask = coalesce(loads.load, OPTIONS, state);
    expect(state).toMatchObject({ slots: 1, maxWaiting: 5 });
    const first = ask(0);
    await loads.untilStarted(1);
    const waiting = [1, 2, 3, 4, 5].map((key) => ask(key));
    await expect(ask(6)).rejects.toThrow(Overloaded);
    expect([state.waiting, sheds]).toEqual([5, 1]);
    for (let batch = 1; batch <= 3; batch += 1) {
      await loads.untilStarted(batch);
      loads.release();
    }
    expect(await Promise.all([first, ...waiting])).toEqual([0, 2, 4, 6, 8, 10]);
    const again = ask(7);
    await loads.untilStarted(4);
    loads.release();
    expect(await again).toBe(14);
  });

  test.each([
    ['earliest', 1_000],
    ['latest', 2_000],
  ] as const)('runs a batch until the %s deadline of its requests, %d ms ahead', async (deadline, expected) => {
    const deadlines: number[] = [];
    const ask = coalesce(
      async (keys: readonly number[]) => {
        deadlines.push(currentWork().deadline);
        return keys;
      },
      { ...OPTIONS, deadline },
      unwatchedQueue('tested'),
      createManualClock(),
    );
    const asked = [1_000, 2_000].map((time, key) => withDeadline(time, () => ask(key)));
    expect(await Promise.all(asked)).toEqual([0, 1]);
    expect(deadlines).toEqual([expected]);
  });

  test('refuses a key whose deadline has passed, and serves the other keys', async () => {
    const clock = createManualClock();
    const loads = new HeldLoads();
    const ask = coalesce(loads.load, OPTIONS, unwatchedQueue('tested'), clock);
    const first = ask(1);
    await loads.untilStarted(1);
    const late = withDeadline(100, () => ask(2));
    const refused = expect(late).rejects.toThrow(DeadlineExceeded);
    const inTime = withDeadline(60_000, () => ask(3));
    await clock.advance(100);
    loads.release();
    await first;
    await loads.untilStarted(2);
    loads.release();
    await refused;
    expect(await inTime).toBe(6);
    expect(loads.batches).toEqual([[1], [3]]);
  });

  test('makes batches of one group, which do not wait for those of another', async () => {
    const loads = new HeldLoads();
    const state = unwatchedQueue('tested');
    const nameGroup = (key: number): string => (key % 2 === 0 ? 'even' : 'odd');
    const ask = coalesce(loads.load, OPTIONS, state, createManualClock(), { nameGroup });
    const first = [1, 2].map((key) => ask(key));
    await loads.untilStarted(2);
    const later = [3, 4, 5].map((key) => ask(key));
    expect([state.underWay, state.waiting]).toEqual([2, 3]);
    loads.release();
    await loads.untilStarted(3);
    expect(loads.batches).toEqual([[1], [2], [3, 5]]);
    for (let batch = 2; batch <= 4; batch += 1) {
      await loads.untilStarted(batch);
      loads.release();
    }
    await loads.untilStarted(4);
    loads.release();
    expect(await Promise.all([...first, ...later])).toEqual([2, 4, 6, 8, 10]);
    expect([state.underWay, state.waiting]).toEqual([0, 0]);
  });
});

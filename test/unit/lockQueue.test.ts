import { Overloaded } from '../../src/work/coalesce.ts';
import { DeadlineExceeded, withDeadline } from '../../src/work/deadline.ts';
import { type Attempt, createLockQueue, LockTimeout, unwatchedLockQueue } from '../../src/work/lockQueue.ts';
import { createManualClock } from '../support/manualClock.ts';

const LOCKED = { state: 'locked' } as const;

function done(value: string): Attempt<string> {
  return { state: 'done', value };
}

describe('the lock queue', () => {
  test('tries all waiters together until their locks are free', async () => {
    const clock = createManualClock();
    const tries: string[][] = [];
    const wait = createLockQueue<string, string>(
      async (keys) => {
        tries.push([...keys]);
        return keys.map((key) => (tries.length > 2 || key === 'b' ? done(`${key} done`) : LOCKED));
      },
      unwatchedLockQueue(),
      clock,
    );
    const waiting = Promise.all(['a', 'b', 'c'].map((key) => wait(key, 2_000)));
    await clock.advance(100);
    expect(await waiting).toEqual(['a done', 'b done', 'c done']);
    expect(tries).toEqual([
      ['a', 'b', 'c'],
      ['a', 'c'],
      ['a', 'c'],
    ]);
    const again = wait('b', 2_000);
    await clock.advance(100);
    expect(await again).toBe('b done');
  });

  test('gives each waiter its own error, and all of them the error of the whole try', async () => {
    const clock = createManualClock();
    const wait = createLockQueue<string, string>(
      async (keys) => {
        if (keys.includes('all')) throw new Error('away');
        return keys.map((key) => (key === 'bad' ? { state: 'failed', error: new Error('bad') } : done('done')));
      },
      unwatchedLockQueue(),
      clock,
    );
    const results = Promise.allSettled([wait('bad', 2_000), wait('good', 2_000)]);
    await clock.advance(100);
    expect(await results).toMatchObject([{ reason: new Error('bad') }, { value: 'done' }]);
    const failed = expect(wait('all', 2_000)).rejects.toThrow('away');
    await clock.advance(100);
    await failed;
  });

  test('throws LockTimeout at the lock deadline and DeadlineExceeded at the deadline of the work', async () => {
    const clock = createManualClock();
    const waits: number[] = [];
    const observeWait = (durationMs: number): void => {
      waits.push(durationMs);
    };
    const wait = createLockQueue<number, string>(
      async (keys) => keys.map(() => LOCKED),
      { ...unwatchedLockQueue(), observeWait },
      clock,
    );
    const outcomes = Promise.allSettled([wait(1, 100), withDeadline(60, () => wait(2, 100))]);
    await clock.advance(30);
    expect(waits).toEqual([]);
    await clock.advance(70);
    expect(await outcomes).toMatchObject([
      { status: 'rejected', reason: expect.any(LockTimeout) },
      { status: 'rejected', reason: expect.any(DeadlineExceeded) },
    ]);
    // The work gives up when its remaining time is too short for another try.
    expect(waits).toEqual([40, 100]);
  });

  test('tries a waiter once per round that joins when the last waiter gives up', async () => {
    const clock = createManualClock();
    const tries: string[] = [];
    const wait = createLockQueue<string, string>(
      async (keys) => {
        tries.push(...keys.map((key) => `${clock.now()} ${key}`));
        return keys.map(() => LOCKED);
      },
      unwatchedLockQueue(),
      clock,
    );
    // The work of the first waiter ends before its first try, so no try runs when the second one joins.
    const first = withDeadline(30, () => wait('a', 1_000));
    const second = first.catch(() => wait('b', 90)).catch((error: unknown) => error);
    await clock.advance(200);
    expect(await second).toBeInstanceOf(LockTimeout);
    expect(tries).toEqual([...new Set(tries)]);
    expect(tries).toContain('60 b');
  });

  test('sheds and counts the waiters beyond its bound', async () => {
    const clock = createManualClock();
    let sheds = 0;
    const observeShed = (): void => {
      sheds += 1;
    };
    const state = { ...unwatchedLockQueue(), observeShed };
    const wait = createLockQueue<number, string>(async (keys) => keys.map(() => LOCKED), state, clock);
    const waiting = Promise.allSettled(Array.from({ length: 1_000 }, (_, key) => wait(key, 100)));
    await expect(wait(1_000, 100)).rejects.toThrow(Overloaded);
    expect([state.waiting, sheds]).toEqual([1_000, 1]);
    await clock.advance(100);
    const results = await waiting;
    expect(results.every((result) => result.status === 'rejected' && result.reason instanceof LockTimeout)).toBe(true);
  });
});

import { Overloaded } from '../../src/work/coalesce.ts';
import { type Attempt, createLockQueue, LockTimeout } from '../../src/work/lockQueue.ts';
import { unwatchedLockQueue } from '../support/unwatchedLockQueue.ts';

const LOCKED = { state: 'locked' } as const;
const soon = (): number => performance.now() + 60_000;

function done(value: string): Attempt<string> {
  return { state: 'done', value };
}

describe('the lock queue', () => {
  test('tries all waiters together until their locks are free', async () => {
    const tries: string[][] = [];
    const wait = createLockQueue<string, string>(async (keys) => {
      tries.push([...keys]);
      return keys.map((key) => (tries.length > 2 || key === 'b' ? done(`${key} done`) : LOCKED));
    }, unwatchedLockQueue());
    expect(await Promise.all(['a', 'b', 'c'].map((key) => wait(key, soon())))).toEqual(['a done', 'b done', 'c done']);
    expect(tries).toEqual([
      ['a', 'b', 'c'],
      ['a', 'c'],
      ['a', 'c'],
    ]);
    expect(await wait('b', soon())).toBe('b done');
  });

  test('gives each waiter its own error, and all of them the error of the whole try', async () => {
    const wait = createLockQueue<string, string>(async (keys) => {
      if (keys.includes('all')) throw new Error('away');
      return keys.map((key) => (key === 'bad' ? { state: 'failed', error: new Error('bad') } : done('done')));
    }, unwatchedLockQueue());
    const results = await Promise.allSettled([wait('bad', soon()), wait('good', soon())]);
    expect(results).toMatchObject([{ reason: new Error('bad') }, { value: 'done' }]);
    await expect(wait('all', soon())).rejects.toThrow('away');
  });

  test('throws LockTimeout at each deadline, and sheds and counts what exceeds its bound', async () => {
    let sheds = 0;
    const observeShed = (): void => {
      sheds += 1;
    };
    const state = { waiting: 0, observeWait: () => undefined, observeShed };
    const wait = createLockQueue<number, string>(async (keys) => keys.map(() => LOCKED), state);
    const waiting = Array.from({ length: 1_000 }, (_, key) => wait(key, performance.now() + 100));
    await expect(wait(1_000, soon())).rejects.toThrow(Overloaded);
    expect([state.waiting, sheds]).toEqual([1_000, 1]);
    const results = await Promise.allSettled(waiting);
    expect(results.every((result) => result.status === 'rejected' && result.reason instanceof LockTimeout)).toBe(true);
  });
});

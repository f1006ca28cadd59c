import { LockTimeout } from '../../src/database/errors.ts';
import { Overloaded } from '../../src/work/coalesce.ts';
import { createLane } from '../../src/work/lockQueue.ts';

const soon = (): number => performance.now() + 60_000;

describe('those who wait for locks', () => {
  test('are tried together until what they need is free', async () => {
    const tries: string[][] = [];
    const lane = createLane<string, string>(async (keys) => {
      tries.push([...keys]);
      return keys.map((key) => (tries.length > 2 || key === 'b' ? `${key} done` : null));
    });
    expect(await Promise.all(['a', 'b', 'c'].map((key) => lane(key, soon())))).toEqual(['a done', 'b done', 'c done']);
    expect(tries).toEqual([
      ['a', 'b', 'c'],
      ['a', 'c'],
      ['a', 'c'],
    ]);
    expect(await lane('b', soon())).toBe('b done');
  });

  test('hear their own error, or that of the try', async () => {
    const lane = createLane<string, string>(async (keys) => {
      if (keys.includes('all')) throw new Error('away');
      return keys.map((key) => (key === 'bad' ? new Error('bad') : 'done'));
    });
    const results = await Promise.allSettled([lane('bad', soon()), lane('good', soon())]);
    expect(results).toMatchObject([{ reason: new Error('bad') }, { value: 'done' }]);
    await expect(lane('all', soon())).rejects.toThrow('away');
  });

  test('give up at their time, one by one, and are turned away where too many wait, and counted', async () => {
    let sheds = 0;
    const observeShed = (): void => {
      sheds += 1;
    };
    const state = { waiting: 0, observeWait: () => undefined, observeShed };
    const lane = createLane<number, string>(async (keys) => keys.map(() => null), state);
    const waiting = Array.from({ length: 1_000 }, (_, key) => lane(key, performance.now() + 100));
    await expect(lane(1_000, soon())).rejects.toThrow(Overloaded);
    expect([state.waiting, sheds]).toEqual([1_000, 1]);
    const results = await Promise.allSettled(waiting);
    expect(results.every((result) => result.status === 'rejected' && result.reason instanceof LockTimeout)).toBe(true);
  });
});

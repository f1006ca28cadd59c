import { retryAbsence, retryConflicts } from '../../src/database/errors.ts';
import { createManualClock } from '../support/manualClock.ts';

function databaseError(code: string): Error {
  return Object.assign(new Error(code), { code });
}

const DEADLOCK = databaseError('40P01');
const AWAY = databaseError('ECONNREFUSED');
const NO_SUCH_DATABASE = databaseError('3D000');

/** An action that fails with each of the errors in turn, then succeeds. */
function failWith(...errors: readonly Error[]): { readonly act: () => Promise<string>; readonly count: () => number } {
  let calls = 0;
  return {
    act: async () => {
      const error = errors[calls++];
      if (error !== undefined) throw error;
      return 'done';
    },
    count: () => calls,
  };
}

describe('retryConflicts', () => {
  test('runs a transaction again after a pause', async () => {
    const clock = createManualClock();
    const { act, count } = failWith(DEADLOCK, DEADLOCK);
    const result = retryConflicts(act, clock);
    await clock.advance(0);
    expect(count()).toBe(1);
    await clock.advance(60);
    expect(await result).toBe('done');
    expect(count()).toBe(3);
  });

  test('gives up after five attempts, with the last error', async () => {
    const clock = createManualClock();
    const { act, count } = failWith(DEADLOCK, DEADLOCK, DEADLOCK, DEADLOCK, DEADLOCK);
    const refused = expect(retryConflicts(act, clock)).rejects.toBe(DEADLOCK);
    await clock.advance(1_000);
    await refused;
    expect(count()).toBe(5);
  });

  test('throws another error at once', async () => {
    const { act } = failWith(AWAY);
    await expect(retryConflicts(act, createManualClock())).rejects.toBe(AWAY);
  });
});

describe('retryAbsence', () => {
  test('tries four times a second, and reports the first failure', async () => {
    const clock = createManualClock();
    const reported: unknown[] = [];
    const { act, count } = failWith(AWAY, databaseError('57P03'), AWAY);
    const result = retryAbsence(act, (error) => reported.push(error), undefined, clock);
    await clock.advance(500);
    expect(count()).toBe(3);
    await clock.advance(250);
    expect(await result).toBe('done');
    expect(reported).toEqual([AWAY]);
  });

  test('gives up after 10 s, with the last error', async () => {
    const clock = createManualClock();
    const refused = expect(
      retryAbsence(
        () => Promise.reject(AWAY),
        () => undefined,
        undefined,
        clock,
      ),
    ).rejects.toBe(AWAY);
    await clock.advance(10_250);
    await refused;
  });

  test('ends at once when it is aborted', async () => {
    const clock = createManualClock();
    const abort = new AbortController();
    const { act, count } = failWith(AWAY, AWAY);
    const refused = expect(retryAbsence(act, () => undefined, abort.signal, clock)).rejects.toThrow('enough');
    await clock.advance(100);
    abort.abort(new Error('enough'));
    await refused;
    await clock.advance(1_000);
    expect(count()).toBe(1);
  });

  test('throws a refusal of the database name at once', async () => {
    const { act } = failWith(NO_SUCH_DATABASE);
    await expect(retryAbsence(act, () => undefined, undefined, createManualClock())).rejects.toBe(NO_SUCH_DATABASE);
  });
});

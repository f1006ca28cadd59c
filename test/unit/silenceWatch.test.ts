import { watchSilence } from '../../src/database/silenceWatch.ts';
import { createManualClock } from '../support/manualClock.ts';

/** A session that records whether the watch destroyed it. */
function createSession(): { isDestroyed: boolean; destroy: () => void } {
  const session = {
    isDestroyed: false,
    destroy: () => {
      session.isDestroyed = true;
    },
  };
  return session;
}

describe('the watch for a silent database', () => {
  test('destroys all sessions of a silent database, and ends when the database answers again', async () => {
    const clock = createManualClock();
    let isThere = false;
    const watch = watchSilence(() => Promise.resolve(isThere), clock);
    const [waiting, idle] = [createSession(), createSession()];
    watch.open(waiting);
    watch.open(idle);
    watch.begin(waiting);
    await clock.advance(500);
    expect([waiting.isDestroyed, idle.isDestroyed, watch.isSilent()]).toEqual([false, false, false]);
    await clock.advance(200);
    expect([waiting.isDestroyed, idle.isDestroyed, watch.isSilent()]).toEqual([true, true, true]);
    watch.close(waiting);
    watch.close(idle);
    isThere = true;
    await clock.advance(200);
    expect(watch.isSilent()).toBe(false);
  });

  test('does not probe after a stall of the process, because answers can be unread', async () => {
    const clock = createManualClock();
    let probes = 0;
    const watch = watchSilence(() => {
      probes += 1;
      return Promise.resolve(false);
    }, clock);
    const session = createSession();
    watch.open(session);
    watch.begin(session);
    clock.stall(1_500);
    await clock.advance(50);
    watch.end(session, true);
    await clock.advance(1_000);
    expect([probes, session.isDestroyed]).toEqual([0, false]);
  });

  test('leaves a slow statement alone while the database answers others, or a probe', async () => {
    const clock = createManualClock();
    let probes = 0;
    const watch = watchSilence(() => {
      probes += 1;
      return Promise.resolve(true);
    }, clock);
    const [slow, busy] = [createSession(), createSession()];
    watch.open(slow);
    watch.begin(slow);
    for (let time = 0; time < 15; time += 1) {
      watch.begin(busy);
      watch.end(busy, true);
      await clock.advance(100);
    }
    expect([slow.isDestroyed, probes]).toEqual([false, 0]);
    await clock.advance(1_200);
    expect(slow.isDestroyed).toBe(false);
    expect(probes).toBeGreaterThan(0);
  });

  test('keeps the sessions if an answer arrives during a probe that fails', async () => {
    const clock = createManualClock();
    const slow = createSession();
    const watch = watchSilence(async () => {
      await clock.advance(50);
      watch.end(createSession(), true);
      return false;
    }, clock);
    watch.open(slow);
    watch.begin(slow);
    await clock.advance(1_300);
    expect([slow.isDestroyed, watch.isSilent()]).toEqual([false, false]);
  });
});

import { setTimeout as sleep } from 'node:timers/promises';
import { watchSilence } from '../../src/database/silenceWatch.ts';

/** A session that tells whether it was given up. */
function aSession(): { isAbandoned: boolean; destroy: () => void } {
  const session = {
    isAbandoned: false,
    destroy: () => {
      session.isAbandoned = true;
    },
  };
  return session;
}

describe('a database that goes silent', () => {
  test('has all its sessions given up, idle ones, too, until it answers again', async () => {
    let isThere = false;
    const watch = watchSilence(() => Promise.resolve(isThere));
    const [waiting, idle] = [aSession(), aSession()];
    watch.open(waiting);
    watch.open(idle);
    watch.begin(waiting);
    await sleep(300);
    expect([waiting.isAbandoned, watch.isSilent()]).toEqual([false, false]);
    await sleep(1_000);
    expect([waiting.isAbandoned, idle.isAbandoned, watch.isSilent()]).toEqual([true, true, true]);
    watch.close(waiting);
    watch.close(idle);
    isThere = true;
    await sleep(500);
    expect(watch.isSilent()).toBe(false);
  });

  test('is not one whose answers a process that was held up has not read yet', async () => {
    let asked = 0;
    const watch = watchSilence(() => {
      asked += 1;
      return Promise.resolve(false);
    });
    const session = aSession();
    watch.open(session);
    watch.begin(session);
    const until = performance.now() + 1_500;
    while (performance.now() < until);
    setImmediate(() => {
      watch.end(session, true);
    });
    await sleep(100);
    expect([asked, session.isAbandoned]).toEqual([0, false]);
  });

  test('is not one whose statement takes its time while it answers others', async () => {
    let asked = 0;
    const watch = watchSilence(() => {
      asked += 1;
      return Promise.resolve(true);
    });
    const [slow, busy] = [aSession(), aSession()];
    watch.open(slow);
    watch.begin(slow);
    for (let time = 0; time < 15; time += 1) {
      watch.begin(busy);
      watch.end(busy, true);
      await sleep(100);
    }
    expect([slow.isAbandoned, asked]).toEqual([false, 0]);
    await sleep(1_200);
    expect(slow.isAbandoned).toBe(false);
    expect(asked).toBeGreaterThan(0);
  });

  test('is not one that answers anything while it is asked', async () => {
    const slow = aSession();
    const watch = watchSilence(async () => {
      watch.end(aSession(), true);
      await sleep(50);
      return false;
    });
    watch.open(slow);
    watch.begin(slow);
    await sleep(1_300);
    expect([slow.isAbandoned, watch.isSilent()]).toEqual([false, false]);
  });
});

import { createPause, type Pause } from '../../src/work/pause.ts';
import { createManualClock, type ManualClock } from '../support/manualClock.ts';

/** Begins to wait, and tells when the wait has ended. */
function begin(pause: Pause, minMs: number, maxMs: number): { readonly hasEnded: () => boolean } {
  let ended = false;
  void pause.wait(minMs, maxMs).then(() => {
    ended = true;
  });
  return { hasEnded: () => ended };
}

/** Advances the clock to the millisecond before a wait should end, and to its end. */
async function expectEndAfter(clock: ManualClock, wait: ReturnType<typeof begin>, durationMs: number): Promise<void> {
  await clock.advance(durationMs - 1);
  expect(wait.hasEnded()).toBe(false);
  await clock.advance(1);
  expect(wait.hasEnded()).toBe(true);
}

describe('a pause', () => {
  test('lasts for the longest time if nothing cuts it short', async () => {
    const clock = createManualClock();
    await expectEndAfter(clock, begin(createPause(clock), 10, 50), 50);
  });

  test('that is cut short lasts for the shortest time since its begin', async () => {
    const clock = createManualClock();
    const pause = createPause(clock);
    const wait = begin(pause, 10, 50);
    await clock.advance(4);
    pause.cutShort();
    pause.cutShort();
    await expectEndAfter(clock, wait, 6);
  });

  test('that is cut short after the shortest time ends at once', async () => {
    const clock = createManualClock();
    const pause = createPause(clock);
    const wait = begin(pause, 10, 50);
    await clock.advance(20);
    pause.cutShort();
    await clock.advance(0);
    expect(wait.hasEnded()).toBe(true);
  });

  test('remembers a cut that came between two waits, for the next one only', async () => {
    const clock = createManualClock();
    const pause = createPause(clock);
    pause.cutShort();
    await expectEndAfter(clock, begin(pause, 10, 50), 10);
    await expectEndAfter(clock, begin(pause, 10, 50), 50);
  });

  test('never lasts longer than the longest time, whatever the shortest is', async () => {
    const clock = createManualClock();
    const pause = createPause(clock);
    pause.cutShort();
    await expectEndAfter(clock, begin(pause, 50, 10), 10);
  });

  test('ends for good', async () => {
    const clock = createManualClock();
    const pause = createPause(clock);
    const wait = begin(pause, 10, 50);
    pause.end();
    await clock.advance(0);
    expect(wait.hasEnded()).toBe(true);
    const next = begin(pause, 10, 50);
    await clock.advance(0);
    expect(next.hasEnded()).toBe(true);
  });
});

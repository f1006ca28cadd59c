import { validate, version } from 'uuid';
import { createOrderedIds } from '../../src/order-items/orderedIds.ts';
import { systemClock } from '../../src/work/clock.ts';

test('makes different UUIDs of version 7 that sort as they were made, whatever the clock does', () => {
  let nowMs = Date.parse('2026-11-28T12:00:00Z');
  const newId = createOrderedIds({ ...systemClock, epochMs: () => nowMs });
  const ids: string[] = [];
  // Every thousand ids, the clock goes on, stands still or goes back.
  for (const step of [0, 1, -5, 0, 7]) {
    nowMs += step;
    for (let count = 0; count < 1_000; count += 1) ids.push(newId());
  }
  expect(ids.every((id) => validate(id) && version(id) === 7)).toBe(true);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.toSorted()).toEqual(ids);
  expect(parseInt((ids.at(-1) ?? '').replace('-', '').slice(0, 12), 16)).toBe(nowMs);
});

test('ids of two makers differ in the same millisecond', () => {
  const clock = { ...systemClock, epochMs: () => 1 };
  expect(createOrderedIds(clock)()).not.toBe(createOrderedIds(clock)());
});

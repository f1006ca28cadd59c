import { FairQueue } from '../../src/work/fairQueue.ts';

/** Pushes elements named by their flow and a number. */
function push(queue: FairQueue<string>, flow: string, weights: readonly number[]): void {
  weights.forEach((weight, number) => {
    queue.push(`${flow}${number + 1}`, { flow, weight });
  });
}

test('one flow is first in, first out', () => {
  const queue = new FairQueue<string>();
  push(queue, 'a', [5, 1, 3, 1]);
  expect(queue.take(3, Infinity)).toEqual(['a1', 'a2', 'a3']);
  push(queue, 'a', [1]);
  expect(queue.take(3, Infinity)).toEqual(['a4', 'a1']);
  expect(queue.length).toBe(0);
});

test('takes no more than the length and the weight, but at least one', () => {
  const queue = new FairQueue<string>();
  push(queue, 'a', [50, 60, 40, 1, 1]);
  expect(queue.take(10, 100)).toEqual(['a1']);
  expect(queue.take(10, 100)).toEqual(['a2', 'a3']);
  expect(queue.take(1, 100)).toEqual(['a4']);
  push(queue, 'b', [1_000]);
  expect(queue.take(10, 100)).toEqual(['a5']);
  expect(queue.take(10, 100)).toEqual(['b1']);
  expect(queue.take(10, 100)).toEqual([]);
});

test('flows take turns, however much one of them sends', () => {
  const queue = new FairQueue<string>();
  push(queue, 'a', [10, 10, 10, 10]);
  push(queue, 'b', [10, 10]);
  push(queue, 'c', [10]);
  expect(queue.take(10, Infinity)).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3', 'a4']);
});

test('a small element does not wait for the large ones of other flows', () => {
  const queue = new FairQueue<string>();
  for (let flow = 0; flow < 20; flow += 1) push(queue, `bulk${flow}-`, [100, 100]);
  for (let turn = 0; turn < 10; turn += 1) {
    queue.take(10, 100);
    push(queue, 'small', [1]);
    expect(queue.take(10, 100)).toContain('small1');
  }
});

test('a large element does not starve while small ones arrive', () => {
  const queue = new FairQueue<string>();
  push(queue, 'large', [100]);
  const taken: string[] = [];
  for (let turn = 0; turn < 250 && !taken.includes('large1'); turn += 1) {
    push(queue, 'small', [1, 1]);
    taken.push(...queue.take(2, 100));
  }
  expect(taken.at(-1)).toBe('large1');
});

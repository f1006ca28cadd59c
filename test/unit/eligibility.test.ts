import {
  countCancelableUnits,
  findBlockers,
  type JudgedItem,
  NOTHING_CLOSED,
} from '../../src/order-items/eligibility.ts';
import { ORDER_ITEM_STATUSES } from '../../src/order-items/orderItem.ts';

const OPEN = ['pending', 'on_hold', 'in_fulfillment'] as const;
const TERMINAL = ['complete', 'cancelled', 'returned'] as const;

function anItem(given: Partial<JudgedItem>): JudgedItem {
  return {
    isPreOrder: true,
    status: 'pending',
    quantity: 1,
    cancelledQuantity: 0,
    createdAt: '2024-02-29 12:00:00.123456+00',
    releaseDate: '2024-03-31',
    ...given,
  };
}

describe('the policy', () => {
  test('knows every status', () => {
    expect([...ORDER_ITEM_STATUSES].sort()).toEqual([...OPEN, ...TERMINAL].sort());
  });

  test.each(OPEN)('lets a pre-ordered item in status %s be cancelled', (status) => {
    expect(findBlockers(anItem({ status }), NOTHING_CLOSED)).toEqual([]);
  });

  test.each(OPEN)('keeps an item that was not pre-ordered in status %s', (status) => {
    expect(findBlockers(anItem({ isPreOrder: false, status }), NOTHING_CLOSED)).toEqual([
      { code: 'NOT_PRE_ORDERED', message: "The Order item can't be canceled." },
    ]);
  });

  test.each(TERMINAL)('keeps a pre-ordered item in status %s', (status) => {
    expect(findBlockers(anItem({ status }), NOTHING_CLOSED)).toEqual([
      { code: 'TERMINAL_STATUS', message: 'Order item is no longer cancelable.' },
    ]);
  });

  test.each(TERMINAL)('names both reasons in their order for status %s and no pre-order', (status) => {
    expect(findBlockers(anItem({ isPreOrder: false, status }), NOTHING_CLOSED).map(({ code }) => code)).toEqual([
      'NOT_PRE_ORDERED',
      'TERMINAL_STATUS',
    ]);
  });

  test('keeps an open item with nothing left', () => {
    const item = anItem({ quantity: 3, cancelledQuantity: 3 });
    expect(findBlockers(item, NOTHING_CLOSED).map(({ code }) => code)).toEqual(['TERMINAL_STATUS']);
  });

  test('lets the units that are left be cancelled, and none of a blocked item', () => {
    const item = anItem({ quantity: 3, cancelledQuantity: 1 });
    expect(countCancelableUnits(item, NOTHING_CLOSED)).toBe(2);
    expect(countCancelableUnits(item, { createdBefore: 'infinity' })).toBe(0);
    expect(countCancelableUnits({ ...item, status: 'complete' }, NOTHING_CLOSED)).toBe(0);
    expect(countCancelableUnits({ ...item, isPreOrder: false }, NOTHING_CLOSED)).toBe(0);
  });

  test.each([
    ['2024-02-29 12:00:00.123456+00', []],
    ['2024-02-29 12:00:00.124+00', ['WINDOW_CLOSED']],
    ['2024-02-29 12:00:00.123+00', []],
    ['2024-02-29 12:00:00+00', []],
    ['2024-02-29 12:00:01+00', ['WINDOW_CLOSED']],
    ['-infinity', []],
    ['infinity', ['WINDOW_CLOSED']],
  ])('keeps an item that was created before %s, and no other', (createdBefore, codes) => {
    expect(findBlockers(anItem({}), { createdBefore }).map(({ code }) => code)).toEqual(codes);
  });

  test.each([
    ['2024-03-31', []],
    ['2024-04-01', ['PAST_CUTOFF']],
    ['infinity', ['PAST_CUTOFF']],
  ])('keeps an item with a release date before %s, and no other', (releasedBefore, codes) => {
    expect(findBlockers(anItem({}), { releasedBefore }).map(({ code }) => code)).toEqual(codes);
    expect(findBlockers(anItem({ releaseDate: null }), { releasedBefore })).toEqual([]);
  });

  test('names all reasons in their order, those of the windows with the words of a terminal status', () => {
    const item = anItem({ isPreOrder: false, status: 'complete' });
    const message = 'Order item is no longer cancelable.';
    expect(findBlockers(item, { createdBefore: 'infinity', releasedBefore: 'infinity' })).toEqual([
      { code: 'NOT_PRE_ORDERED', message: "The Order item can't be canceled." },
      { code: 'TERMINAL_STATUS', message },
      { code: 'WINDOW_CLOSED', message },
      { code: 'PAST_CUTOFF', message },
    ]);
  });
});

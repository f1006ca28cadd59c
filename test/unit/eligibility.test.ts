import { countCancelableUnits, findBlockers } from '../../src/order-items/eligibility.ts';
import { ORDER_ITEM_STATUSES } from '../../src/order-items/orderItem.ts';

const OPEN = ['pending', 'on_hold', 'in_fulfillment'] as const;
const WHOLE = { quantity: 3, cancelledQuantity: 0 };
const TERMINAL = ['complete', 'cancelled', 'returned'] as const;

describe('the policy', () => {
  test('knows every status', () => {
    expect([...ORDER_ITEM_STATUSES].sort()).toEqual([...OPEN, ...TERMINAL].sort());
  });

  test.each(OPEN)('lets a pre-ordered item in status %s be cancelled', (status) => {
    expect(findBlockers({ ...WHOLE, isPreOrder: true, status })).toEqual([]);
  });

  test.each(OPEN)('keeps an item that was not pre-ordered in status %s', (status) => {
    expect(findBlockers({ ...WHOLE, isPreOrder: false, status })).toEqual([
      { code: 'NOT_PRE_ORDERED', message: "The Order item can't be canceled." },
    ]);
  });

  test.each(TERMINAL)('keeps a pre-ordered item in status %s', (status) => {
    expect(findBlockers({ ...WHOLE, isPreOrder: true, status })).toEqual([
      { code: 'TERMINAL_STATUS', message: 'Order item is no longer cancelable.' },
    ]);
  });

  test.each(TERMINAL)('names both reasons in their order for status %s and no pre-order', (status) => {
    expect(findBlockers({ ...WHOLE, isPreOrder: false, status }).map(({ code }) => code)).toEqual([
      'NOT_PRE_ORDERED',
      'TERMINAL_STATUS',
    ]);
  });

  test('keeps an open item with nothing left', () => {
    const item = { quantity: 3, cancelledQuantity: 3, isPreOrder: true, status: 'pending' } as const;
    expect(findBlockers(item).map(({ code }) => code)).toEqual(['TERMINAL_STATUS']);
  });

  test('lets the units that are left be cancelled, and none of a blocked item', () => {
    const item = { quantity: 3, cancelledQuantity: 1, isPreOrder: true, status: 'pending' } as const;
    expect(countCancelableUnits(item)).toBe(2);
    expect(countCancelableUnits({ ...item, status: 'complete' })).toBe(0);
    expect(countCancelableUnits({ ...item, isPreOrder: false })).toBe(0);
  });
});

import { findBlockers } from '../../src/order-items/eligibility.ts';
import { ORDER_ITEM_STATUSES } from '../../src/order-items/orderItem.ts';

const OPEN = ['pending', 'on_hold', 'in_fulfillment'] as const;
const TERMINAL = ['complete', 'cancelled', 'returned'] as const;

describe('the policy', () => {
  test('knows every status', () => {
    expect([...ORDER_ITEM_STATUSES].sort()).toEqual([...OPEN, ...TERMINAL].sort());
  });

  test.each(OPEN)('lets a pre-ordered item in status %s be cancelled', (status) => {
    expect(findBlockers({ isPreOrder: true, status })).toEqual([]);
  });

  test.each(OPEN)('keeps an item that was not pre-ordered in status %s', (status) => {
    expect(findBlockers({ isPreOrder: false, status })).toEqual([
      { code: 'NOT_PRE_ORDERED', message: "The Order item can't be canceled." },
    ]);
  });

  test.each(TERMINAL)('keeps a pre-ordered item in status %s', (status) => {
    expect(findBlockers({ isPreOrder: true, status })).toEqual([
      { code: 'TERMINAL_STATUS', message: 'Order item is no longer cancelable.' },
    ]);
  });

  test.each(TERMINAL)('names both reasons in their order for status %s and no pre-order', (status) => {
    expect(findBlockers({ isPreOrder: false, status }).map(({ code }) => code)).toEqual([
      'NOT_PRE_ORDERED',
      'TERMINAL_STATUS',
    ]);
  });
});

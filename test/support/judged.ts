import { NOTHING_CLOSED } from '../../src/order-items/eligibility.ts';
import type { CancelFacts, CancelRequest } from '../../src/order-items/judgeCancels.ts';
import type { Cancellation, OrderItem } from '../../src/order-items/orderItem.ts';

/* What the tests of the judge give it: items, requests, and the facts of a transaction. */

const REQUEST_ID = '0af7651916cd43dd8448eb211c80319c';
export const FIRST = '0d5f1f3e-5d5c-4a57-9d0c-1f3a4c1f0001';
export const SECOND = '0d5f1f3e-5d5c-4a57-9d0c-1f3a4c1f0002';

export function anItem(given: Partial<OrderItem> = {}): OrderItem {
  return {
    id: FIRST,
    orderId: 'order-1',
    productId: 'product-1',
    externalId: null,
    status: 'pending',
    isPreOrder: true,
    releaseDate: null,
    quantity: 1,
    cancelledQuantity: 0,
    priceAmount: '1.0000',
    priceCurrency: 'EUR',
    version: 1,
    createdAt: '1970-01-01 00:00:00+00',
    updatedAt: '1970-01-01 00:00:00+00',
    ...given,
  };
}

export function aRequest(given: Partial<CancelRequest> = {}): CancelRequest {
  return {
    ids: [FIRST],
    order: null,
    reason: 'Late',
    reasonCode: null,
    note: null,
    quantity: null,
    idempotencyKey: null,
    cancelledBy: 'somebody',
    customer: null,
    channel: 'rest',
    requestId: REQUEST_ID,
    closedWindows: NOTHING_CLOSED,
    ...given,
  };
}

export function aCancellation(given: Partial<Cancellation> = {}): Cancellation {
  return {
    id: '0198c0de-0000-7000-8000-000000000001',
    orderItemId: FIRST,
    quantity: 1,
    cancelledBefore: 0,
    remaining: 0,
    previousStatus: 'pending',
    reasonCode: null,
    reason: 'Late',
    note: null,
    cancelledAt: '1970-01-01 00:00:00+00',
    cancelledBy: 'somebody',
    channel: 'rest',
    requestId: REQUEST_ID,
    ...given,
  };
}

export function byId(...items: OrderItem[]): ReadonlyMap<string, OrderItem> {
  return new Map(items.map((item) => [item.id, item]));
}

export function facts(given: Partial<CancelFacts> = {}): CancelFacts {
  return { locked: byId(), busy: byId(), busyKeys: new Set(), keyUses: new Map(), ...given };
}

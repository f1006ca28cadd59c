import type { OrderItem } from './orderItem.ts';

/** The reasons why an item is not cancelable, in the order of the rules. */
export type CancellationBlockerCode = 'NOT_PRE_ORDERED' | 'TERMINAL_STATUS' | 'WINDOW_CLOSED' | 'PAST_CUTOFF';

export interface CancellationBlocker {
  readonly code: CancellationBlockerCode;
  readonly message: string;
}

/** An expected outcome in which nothing is cancelled. It is a returned value, never thrown. */
export type Refusal =
  | OrderItemNotFound
  | OrderItemNotCancelable
  | QuantityNotCancelable
  | OrderNotCancelableAsWhole
  | InvalidCancelRequest
  | IdempotencyKeyReused;

export type RefusalCode = Refusal['code'];

export interface OrderItemNotFound {
  readonly code: 'ORDER_ITEM_NOT_FOUND';
  readonly message: string;
  readonly id: string;
}

export interface OrderItemNotCancelable {
  readonly code: 'ORDER_ITEM_NOT_CANCELABLE';
  /** The message of the first blocker. */
  readonly message: string;
  readonly blockers: readonly [CancellationBlocker, ...CancellationBlocker[]];
  readonly orderItem: OrderItem;
}

/** The request states more units than are left. */
export interface QuantityNotCancelable {
  readonly code: 'QUANTITY_NOT_CANCELABLE';
  readonly message: string;
  readonly requested: number;
  /** The units that are left, at least 1. */
  readonly remaining: number;
  readonly orderItem: OrderItem;
}

/** The item could be cancelled. It is not, because another item of its order cannot be. */
export interface OrderNotCancelableAsWhole {
  readonly code: 'ORDER_NOT_CANCELABLE_AS_WHOLE';
  readonly message: string;
  readonly orderItem: OrderItem;
}

export type CancelRequestField = 'id' | 'orderId' | 'reason' | 'reasonCode' | 'note' | 'quantity' | 'idempotencyKey';

export interface InvalidCancelRequest {
  readonly code: 'INVALID_CANCEL_REQUEST';
  readonly message: string;
  readonly field: CancelRequestField;
}

export interface IdempotencyKeyReused {
  readonly code: 'IDEMPOTENCY_KEY_REUSED';
  readonly message: string;
}

export function orderItemNotFound(id: string): OrderItemNotFound {
  return { code: 'ORDER_ITEM_NOT_FOUND', message: 'Order item with provided UUID was not found.', id };
}

export function orderItemNotCancelable(
  orderItem: OrderItem,
  blockers: readonly [CancellationBlocker, ...CancellationBlocker[]],
): OrderItemNotCancelable {
  return { code: 'ORDER_ITEM_NOT_CANCELABLE', message: blockers[0].message, blockers, orderItem };
}

export function quantityNotCancelable(
  orderItem: OrderItem,
  requested: number,
  remaining: number,
): QuantityNotCancelable {
  return {
    code: 'QUANTITY_NOT_CANCELABLE',
    message: validationFailure(`'quantity' is more than the ${remaining} that are left`),
    requested,
    remaining,
    orderItem,
  };
}

export function orderNotCancelableAsWhole(orderItem: OrderItem): OrderNotCancelableAsWhole {
  return {
    code: 'ORDER_NOT_CANCELABLE_AS_WHOLE',
    message: 'Another item of the order cannot be cancelled, so none was.',
    orderItem,
  };
}

export function malformedOrderItemId(): InvalidCancelRequest {
  return invalidCancelRequest('id', 'the order item id is not a valid UUID');
}

/** @param defect is a sentence without its period. */
export function invalidCancelRequest(field: CancelRequestField, defect: string): InvalidCancelRequest {
  return { code: 'INVALID_CANCEL_REQUEST', message: validationFailure(defect), field };
}

export function idempotencyKeyReused(): IdempotencyKeyReused {
  return {
    code: 'IDEMPOTENCY_KEY_REUSED',
    message: 'The idempotency key was already used for another request.',
  };
}

/** Returns the documented message for an invalid request. @param defect is a sentence without its period. */
export function validationFailure(defect: string): string {
  return `Validation of cancel order request failed with error: ${defect}.`;
}

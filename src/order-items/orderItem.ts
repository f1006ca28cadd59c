import type { Instant } from './instant.ts';

const OPEN_STATUSES = ['pending', 'on_hold', 'in_fulfillment'] as const;
const TERMINAL_STATUSES = ['complete', 'cancelled', 'returned'] as const;
export const ORDER_ITEM_STATUSES = [...OPEN_STATUSES, ...TERMINAL_STATUSES] as const;

export type OrderItemStatus = (typeof ORDER_ITEM_STATUSES)[number];

/** One line of an order: one product, one quantity, one status. */
export interface OrderItem {
  /** A UUID in lower case. */
  readonly id: string;
  readonly orderId: string;
  readonly productId: string;
  readonly externalId: string | null;
  readonly status: OrderItemStatus;
  readonly isPreOrder: boolean;
  /** `YYYY-MM-DD` */
  readonly releaseDate: string | null;
  /** The units that were ordered. */
  readonly quantity: number;
  /**
   * The units that were cancelled one cancel after the other. An item whose status others set to `cancelled` has fewer than
   * its quantity here, see {@link countCancelledUnits}.
   */
  readonly cancelledQuantity: number;
  /** An exact decimal with four digits after the point. */
  readonly priceAmount: string;
  /** ISO 4217 */
  readonly priceCurrency: string;
  /** The number of changes of the item, from 1. */
  readonly version: number;
  readonly createdAt: Instant;
  readonly updatedAt: Instant;
  /** The customer who ordered it. Read only for callers who are limited to the items of one customer. */
  readonly customerId?: string | null;
}

export const CANCELLATION_CHANNELS = ['graphql', 'rest'] as const;
export type CancellationChannel = (typeof CANCELLATION_CHANNELS)[number];

/** The units of an item that are cancelled, whoever cancelled it. */
export function countCancelledUnits({ status, quantity, cancelledQuantity }: OrderItem): number {
  return status === 'cancelled' ? quantity : cancelledQuantity;
}

/** The record of a cancel. */
export interface Cancellation {
  /** A UUIDv7. */
  readonly id: string;
  readonly orderItemId: string;
  /** The units that it cancelled. */
  readonly quantity: number;
  /** The units that were cancelled before it. Together with the item, it identifies the record. */
  readonly cancelledBefore: number;
  /** The units that it left. 0 if it cancelled the item. */
  readonly remaining: number;
  readonly previousStatus: OrderItemStatus;
  /** The caller's code for the reason, or null. */
  readonly reasonCode: string | null;
  readonly reason: string | null;
  readonly note: string | null;
  readonly cancelledAt: Instant;
  /** The `sub` of the caller's token. */
  readonly cancelledBy: string;
  readonly channel: CancellationChannel;
  /** The W3C trace id of the request that cancelled: 32 hex digits in lower case. */
  readonly requestId: string;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * Parses an order item's id.
 *
 * @returns the UUID in lower case, or null if the text is not a UUID. Other services create the ids, so any UUID version is
 *   valid.
 */
export function parseOrderItemId(text: string): string | null {
  const id = text.toLowerCase();
  return UUID.test(id) ? id : null;
}

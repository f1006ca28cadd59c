import { type Caller, hasOwnScope } from '../auth/caller.ts';
import type { Cancellation, OrderItem } from './orderItem.ts';

/** A caller who sees only the items of one customer. */
export interface Viewer {
  readonly customer: string;
  /** The `sub` of the caller's token. */
  readonly subject: string;
}

/** Who cancelled, as a viewer sees it if it was somebody else. */
export const OTHER_CANCELLER = 'shop';

/** Returns whether a caller may have an item. @param customer whose items alone the caller may have. Null: all items. */
export function isOwn({ customerId }: OrderItem, customer: string | null): boolean {
  return customer === null || customerId === customer;
}

/**
 * Returns what limits the reads of a caller. A caller who can cancel all items, but has no scope for reads, gets whole items in
 * the answers of cancels.
 *
 * @returns null if nothing does.
 */
export function findViewer(caller: Caller): Viewer | null {
  const { scopes, subject, customer } = caller;
  if (customer === null || scopes.has('order-items:read')) return null;
  const isLimited = hasOwnScope(caller, 'order-items:read') || !scopes.has('order-items:cancel');
  return isLimited ? { customer, subject } : null;
}

/** Whether a cancellation shows a viewer neither its note nor who made it. */
export function isConcealed({ cancelledBy }: Cancellation, viewer: Viewer | null): boolean {
  return viewer !== null && cancelledBy !== viewer.subject;
}

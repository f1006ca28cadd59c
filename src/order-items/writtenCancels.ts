import type { ClosedWindows } from './eligibility.ts';
import type { Instant } from './instant.ts';
import type { Cancellation, OrderItem, OrderItemStatus } from './orderItem.ts';

/** A cancellation to write. The database adds what depends on the item, and the time. */
export interface NewCancellation
  extends
    Omit<Cancellation, 'quantity' | 'cancelledBefore' | 'remaining' | 'previousStatus' | 'cancelledAt'>,
    ClosedWindows {
  /** The units to cancel. Null means all that are left. */
  readonly units: number | null;
  /** The units of the item that earlier cancellations of the statement take. */
  readonly ahead: number;
  /** For the last cancellation of an item in the statement, the number of them. 0 for the others. */
  readonly cancels: number;
  readonly eventId: string;
  /** The customer to whose items the caller is limited, or null. */
  readonly customer: string | null;
  readonly idempotencyKey: string | null;
  readonly requestFingerprint: string | null;
}

/** The rows that the cancels of one item wrote. */
export interface WrittenCancels {
  readonly orderItem: OrderItem;
  readonly cancellations: readonly Cancellation[];
}

/** What the update of an item wrote. */
export interface ItemChanges {
  readonly newStatus: OrderItemStatus;
  readonly newVersion: number;
  readonly cancelledAt: Instant;
}

/** @param item as it was before its cancels. */
export function describeWritten(
  item: OrderItem,
  plans: readonly NewCancellation[],
  { newStatus, newVersion, cancelledAt }: ItemChanges,
): WrittenCancels {
  const cancellations = plans.map((plan) => describeRecord(plan, item, cancelledAt));
  const cancelledQuantity = item.quantity - (cancellations.at(-1)?.remaining ?? 0);
  const after = { status: newStatus, cancelledQuantity, version: newVersion, updatedAt: cancelledAt };
  return { orderItem: { ...item, ...after }, cancellations };
}

/** @param item as it was before its cancels. */
export function describeRecord(
  {
    units,
    ahead,
    cancels: _cancels,
    customer: _customer,
    idempotencyKey: _key,
    requestFingerprint: _fingerprint,
    eventId: _event,
    createdBefore: _createdBefore,
    releasedBefore: _releasedBefore,
    ...stated
  }: NewCancellation,
  item: OrderItem,
  cancelledAt: Instant,
): Cancellation {
  return { ...stated, ...countUnits({ units, ahead }, item), previousStatus: item.status, cancelledAt };
}

/** @param item as it was before its cancels. */
export function countUnits(
  { units, ahead }: Pick<NewCancellation, 'units' | 'ahead'>,
  item: OrderItem,
): Pick<Cancellation, 'quantity' | 'cancelledBefore' | 'remaining'> {
  const cancelledBefore = item.cancelledQuantity + ahead;
  const available = item.quantity - cancelledBefore;
  const quantity = units ?? available;
  return { quantity, cancelledBefore, remaining: available - quantity };
}

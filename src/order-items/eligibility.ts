import type { OrderItem } from './orderItem.ts';
import type { CancellationBlocker, CancellationBlockerCode } from './refusals.ts';

/** The members of an item that the policy reads. */
export type JudgedItem = Pick<OrderItem, 'isPreOrder' | 'status' | 'quantity' | 'cancelledQuantity'>;

interface BlockerRule {
  readonly code: CancellationBlockerCode;
  /** The same text through both doors. Callers of the REST path compare it. */
  readonly message: string;
  /** Whether the rule forbids cancelling the item. */
  readonly blocks: (item: JudgedItem) => boolean;
  /** The same rule over the columns of `order_item`. It is never null. */
  readonly sql: string;
}

/** Source: the REST contract, `schema/openapi.yaml`, example `notPreOrdered` of the answer 400. */
const notPreOrdered: BlockerRule = {
  code: 'NOT_PRE_ORDERED',
  message: "The Order item can't be canceled.",
  blocks: (item) => !item.isPreOrder,
  sql: 'NOT is_pre_order',
};

/** Source: the REST contract, `schema/openapi.yaml`, example `terminalStatus` of the answer 400. */
const terminalStatus: BlockerRule = {
  code: 'TERMINAL_STATUS',
  message: 'Order item is no longer cancelable.',
  // A view of another service's table can show an item with nothing left in another status.
  blocks: ({ status, quantity, cancelledQuantity }) =>
    status === 'complete' || status === 'cancelled' || status === 'returned' || cancelledQuantity >= quantity,
  sql: "status IN ('complete', 'cancelled', 'returned')",
};

/** The rules in their order. The first one that blocks decides the message of a refusal. */
const blockerRules: readonly BlockerRule[] = [notPreOrdered, terminalStatus];

/**
 * Applies the policy. An item without blockers is cancelable. Only this function and {@link notCancelableSql} know the
 * rules.
 *
 * @returns every blocker of the item, in the order of the rules.
 */
export function findBlockers(item: JudgedItem): CancellationBlocker[] {
  return blockerRules.filter((rule) => rule.blocks(item)).map(({ code, message }) => ({ code, message }));
}

/**
 * The policy as a condition over the columns of `order_item`. It is true for an item with a blocker, and never null. A check of
 * the table ensures that an item with nothing left is `cancelled`. Views need {@link nothingLeftSql}, too.
 */
export const notCancelableSql = `(${blockerRules.map((rule) => rule.sql).join(' OR ')})`;

/** Whether an item has nothing left, as a condition over the columns of `order_item`. */
export const nothingLeftSql = 'cancelled_quantity >= quantity';

/** Returns the units that a cancel of the item can take: none if something blocks it. */
export function countCancelableUnits(item: JudgedItem): number {
  return findBlockers(item).length === 0 ? item.quantity - item.cancelledQuantity : 0;
}

import type { OrderItem } from './orderItem.ts';
import type { CancellationBlocker, CancellationBlockerCode } from './refusals.ts';

/** What the policy looks at. */
export type JudgedItem = Pick<OrderItem, 'isPreOrder' | 'status'>;

interface BlockerRule {
  readonly code: CancellationBlockerCode;
  /** The same words through both doors; callers of the REST path match on them. */
  readonly message: string;
  /** Whether the rule stands against cancelling the item. */
  readonly blocks: (item: JudgedItem) => boolean;
  /** The same rule over the columns of `order_item`; never null. */
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
  blocks: ({ status }) => status === 'complete' || status === 'cancelled' || status === 'returned',
  sql: "status IN ('complete', 'cancelled', 'returned')",
};

/** In the order in which they are told; the first that applies decides the message of the refusal. */
const blockerRules: readonly BlockerRule[] = [notPreOrdered, terminalStatus];

/**
 * The policy: every reason against cancelling the item, in their fixed order. An item without one is cancelable.
 * This and {@link notCancelableSql} are the only places that know the rules.
 */
export function blockersOf(item: JudgedItem): CancellationBlocker[] {
  return blockerRules.filter((rule) => rule.blocks(item)).map(({ code, message }) => ({ code, message }));
}

/** The policy as a condition over the columns of `order_item`: true for an item with a blocker, and never null. */
export const notCancelableSql = `(${blockerRules.map((rule) => rule.sql).join(' OR ')})`;

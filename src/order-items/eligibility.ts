import type { OrderItem } from './orderItem.ts';
import type { CancellationBlocker, CancellationBlockerCode } from './refusals.ts';

/** The members of an item that the policy reads. */
export type JudgedItem = Pick<
  OrderItem,
  'isPreOrder' | 'status' | 'quantity' | 'cancelledQuantity' | 'createdAt' | 'releaseDate'
>;

/**
 * What the cancellation windows have closed at one instant. A member is absent if its window is off. Both forms of the
 * policy compare an item with these values, so no arithmetic of time can differ between them.
 */
export interface ClosedWindows {
  /** The window of an item that was created before this instant has ended. Written as `createdAt` is, or `-infinity`. */
  readonly createdBefore?: string;
  /** An item with a release date before this day is past its cut-off. Written as `releaseDate` is, or `infinity`. */
  readonly releasedBefore?: string;
}

/** The windows are off, or have closed nothing. */
export const NOTHING_CLOSED: ClosedWindows = Object.freeze({});

/**
 * How the SQL form learns that an item with nothing left is terminal. A check of the table ensures that such an item is
 * `cancelled`, and the partial indexes rely on it. A view has no checks, so its units are compared.
 */
export type UnitsRule = 'checked by the table' | 'compared';

/** Whether an item has nothing left, as a condition over the columns of `order_item`. */
const nothingLeftSql = 'cancelled_quantity >= quantity';

interface BlockerRule {
  readonly code: CancellationBlockerCode;
  /** The same text through both doors. Callers of the REST path compare it. */
  readonly message: string;
  /** Whether the rule forbids cancelling the item. */
  readonly blocks: (item: JudgedItem, closed: ClosedWindows) => boolean;
  /**
   * The same rule over the columns of `order_item`. It is never null.
   *
   * @param closed holds SQL expressions, which are not null.
   * @returns undefined if the rule's window is off.
   */
  readonly sql: (closed: ClosedWindows) => string | undefined;
}

const NO_LONGER_CANCELABLE = 'Order item is no longer cancelable.';

/** Source: the REST contract, `schema/openapi.yaml`, example `notPreOrdered` of the answer 400. */
const notPreOrdered: BlockerRule = {
  code: 'NOT_PRE_ORDERED',
  message: "The Order item can't be canceled.",
  blocks: (item) => !item.isPreOrder,
  sql: () => 'NOT is_pre_order',
};

/** Source: the REST contract, `schema/openapi.yaml`, example `terminalStatus` of the answer 400. */
const terminalStatus: BlockerRule = {
  code: 'TERMINAL_STATUS',
  message: NO_LONGER_CANCELABLE,
  // A view of another service's table can show an item with nothing left in another status.
  blocks: ({ status, quantity, cancelledQuantity }) =>
    status === 'complete' || status === 'cancelled' || status === 'returned' || cancelledQuantity >= quantity,
  sql: () => "status IN ('complete', 'cancelled', 'returned')",
};

/** Source: docs/configuration.md, `CANCELLATION_WINDOW`. */
const windowClosed: BlockerRule = {
  code: 'WINDOW_CLOSED',
  message: NO_LONGER_CANCELABLE,
  blocks: ({ createdAt }, { createdBefore }) => createdBefore !== undefined && isBefore(createdAt, createdBefore),
  sql: ({ createdBefore }) => createdBefore && `created_at < ${createdBefore}`,
};

/** Source: docs/configuration.md, `CANCELLATION_CUTOFF`. */
const pastCutoff: BlockerRule = {
  code: 'PAST_CUTOFF',
  message: NO_LONGER_CANCELABLE,
  blocks: ({ releaseDate }, { releasedBefore }) =>
    releaseDate !== null && releasedBefore !== undefined && isBefore(releaseDate, releasedBefore),
  sql: ({ releasedBefore }) => releasedBefore && `(release_date IS NOT NULL AND release_date < ${releasedBefore})`,
};

/** The rules in their order. The first one that blocks decides the message of a refusal. */
const blockerRules: readonly BlockerRule[] = [notPreOrdered, terminalStatus, windowClosed, pastCutoff];

/**
 * Applies the policy. An item without blockers is cancelable. Only this function and {@link writeNotCancelableSql} know the
 * rules.
 *
 * @param closed what the windows had closed when the request arrived.
 * @returns every blocker of the item, in the order of the rules.
 */
export function findBlockers(item: JudgedItem, closed: ClosedWindows): CancellationBlocker[] {
  return blockerRules.filter((rule) => rule.blocks(item, closed)).map(({ code, message }) => ({ code, message }));
}

/**
 * Writes the policy as a condition over the columns of `order_item`. It is true for an item with a blocker, and never null.
 *
 * @param closed the members as SQL expressions of the types timestamptz and date, which are not null.
 */
export function writeNotCancelableSql(closed: ClosedWindows, units: UnitsRule): string {
  const conditions = blockerRules.map((rule) => rule.sql(closed)).filter((sql) => sql !== undefined);
  return `(${[...conditions, ...(units === 'compared' ? [nothingLeftSql] : [])].join(' OR ')})`;
}

/** Writes each rule as a condition over the columns of `order_item`, without those whose windows are off. */
export function writeBlockersSql(closed: ClosedWindows): (CancellationBlocker & { readonly sql: string })[] {
  return blockerRules.flatMap(({ code, message, sql }) => {
    const condition = code === 'TERMINAL_STATUS' ? `(${sql(closed)} OR ${nothingLeftSql})` : sql(closed);
    return condition === undefined ? [] : [{ code, message, sql: condition }];
  });
}

/** The policy without windows, over a table with checks. Two partial indexes of `order_item` have this condition. */
export const notCancelableSql = writeNotCancelableSql(NOTHING_CLOSED, 'checked by the table');

/**
 * Splits the condition of {@link writeNotCancelableSql} into conditions of which each item meets at most one. An index gives
 * the items of each in their order, which no index can do for the whole condition.
 */
export function splitNotCancelableSql(closed: ClosedWindows, units: UnitsRule): string[] {
  const parts = [notCancelableSql];
  let others = `NOT ${notCancelableSql}`;
  const further = [units === 'compared' ? nothingLeftSql : undefined, windowClosed.sql(closed), pastCutoff.sql(closed)];
  for (const sql of further) {
    if (sql === undefined) continue;
    parts.push(`${others} AND ${sql}`);
    others += ` AND NOT ${sql}`;
  }
  return parts;
}

/** Returns the units that a cancel of the item can take: none if something blocks it. */
export function countCancelableUnits(item: JudgedItem, closed: ClosedWindows): number {
  return findBlockers(item, closed).length === 0 ? item.quantity - item.cancelledQuantity : 0;
}

/**
 * Compares times as PostgreSQL does. Its texts for the years 1 to 9999, and for both infinities, sort as the times do. A
 * table that was brought along can hold years before and after.
 */
function isBefore(time: string, bound: string): boolean {
  return time.endsWith('BC') ? bound !== '-infinity' : time < bound && time.indexOf('-') <= 4;
}

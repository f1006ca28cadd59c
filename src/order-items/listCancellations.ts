import type { Reader } from '../database/reader.ts';
import type { Place } from './cursors.ts';
import { DEFAULT_PAGE_SIZE } from './listOrderItems.ts';
import type { Cancellation, CancellationChannel } from './orderItem.ts';
import { CANCELLATION_COLUMNS, writeIsOwnSql } from './orderItemColumns.ts';
import { OTHER_CANCELLER, type Viewer } from './ownItems.ts';

/** A cancellation matches if it meets every condition that is not null. */
export interface CancellationFilter {
  /** RFC 3339. A cancellation at this time matches. */
  readonly from: string | null;
  /** RFC 3339. A cancellation at this time does not match. */
  readonly to: string | null;
  readonly orderId: string | null;
  readonly channel: CancellationChannel | null;
  readonly reasonCode: string | null;
  readonly cancelledBy: string | null;
}

export interface CancellationPageRequest {
  readonly filter: CancellationFilter;
  /** Whose items alone the list holds. Null: all items. */
  readonly viewer: Viewer | null;
  /** The number of cancellations on the page, from 1. */
  readonly first: number;
  /** The page starts after this place. Null starts with the newest cancellation. */
  readonly after: Place | null;
}

/** A page of cancellations, newest first. */
export interface CancellationPage {
  readonly nodes: readonly Cancellation[];
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
}

/** Each condition with the placeholder of its value. */
const CONDITIONS: Readonly<Record<keyof CancellationFilter, (value: string) => string>> = {
  from: (value) => `cancelled_at >= ${value}::timestamptz`,
  to: (value) => `cancelled_at < ${value}::timestamptz`,
  orderId: (value) =>
    `order_item_id = ANY(ARRAY(SELECT item.id FROM order_item AS item WHERE item.order_id = ${value}))`,
  channel: (value) => `channel = ${value}`,
  reasonCode: (value) => `reason_code = ${value}`,
  cancelledBy: (value) => `cancelled_by = ${value}`,
};

/** Reads a page of cancellations, in one statement. */
export async function listCancellations(
  reader: Reader,
  { filter, viewer, first, after }: CancellationPageRequest,
): Promise<CancellationPage> {
  const parameters: string[] = [];
  const bind = (value: string): string => `$${parameters.push(value)}`;
  const names = (Object.keys(CONDITIONS) as (keyof CancellationFilter)[]).filter((name) => filter[name] !== null);
  const writeCondition = (name: keyof CancellationFilter): string => {
    const value = bind(filter[name] ?? '');
    // The filter finds what the viewer sees, so it reveals nothing else.
    return viewer !== null && name === 'cancelledBy'
      ? `CASE cancelled_by WHEN ${bind(viewer.subject)} THEN cancelled_by ELSE '${OTHER_CANCELLER}' END = ${value}`
      : CONDITIONS[name](value);
  };
  const conditions = ['true', ...names.map(writeCondition)];
  if (viewer !== null) {
    conditions.push(
      `order_item_id = ANY(ARRAY(SELECT id FROM order_item WHERE ${writeIsOwnSql(bind(viewer.customer))}))`,
    );
  }
  if (after !== null) {
    conditions.push(`(cancelled_at, id) < (${bind(after.at)}::timestamptz, ${bind(after.id)}::uuid)`);
  }
  const matching = `FROM order_item_cancellation WHERE ${conditions.join(' AND ')}`;
  // The items of an order or a customer are few, so their cancellations are looked up first. The order of the list would read
  // all others.
  const source =
    filter.orderId === null && viewer === null
      ? `SELECT ${CANCELLATION_COLUMNS} ${matching}`
      : `WITH of_order AS MATERIALIZED (SELECT order_item_cancellation.* ${matching})
         SELECT ${CANCELLATION_COLUMNS} FROM of_order AS order_item_cancellation`;
  // A connection keeps every named statement, so only the default page has a name.
  // PostgreSQL cuts names after 63 characters.
  const shape = [
    ...names.map((name) => name.slice(0, 4)),
    ...(viewer === null ? [] : ['own']),
    ...(after === null ? [] : ['after']),
  ].join('_');
  const name = first === DEFAULT_PAGE_SIZE ? `/* list_cancellations_${shape} */ ` : '';
  const rows = await reader.query<Cancellation[]>(
    `${name}${source} ORDER BY order_item_cancellation.cancelled_at DESC, id DESC LIMIT ${first + 1}`,
    parameters,
  );
  return {
    nodes: rows.length > first ? rows.slice(0, first) : rows,
    hasNextPage: rows.length > first,
    hasPreviousPage: after !== null,
  };
}

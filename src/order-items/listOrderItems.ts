import type { Reader } from '../database/reader.ts';
import type { Place } from './cursors.ts';
import { bindClosedWindows } from './cancellationWindows.ts';
import { type ClosedWindows, splitNotCancelableSql, type UnitsRule, writeNotCancelableSql } from './eligibility.ts';
import { ORDER_ITEM_STATUSES, type OrderItem, type OrderItemStatus } from './orderItem.ts';
import { ORDER_ITEM_COLUMNS, writeIsOwnSql } from './orderItemColumns.ts';

/** An item matches if it meets every condition that is not null. */
export interface OrderItemFilter {
  readonly statuses: readonly OrderItemStatus[] | null;
  readonly isPreOrder: boolean | null;
  readonly cancelable: boolean | null;
}

export interface PageRequest {
  readonly filter: OrderItemFilter;
  /** What `filter.cancelable` takes for closed. */
  readonly closedWindows: ClosedWindows;
  /** Whose items alone the list holds. Null: all items. */
  readonly customer: string | null;
  /** The number of items on the page, from 1. */
  readonly first: number;
  /** The page starts after this place. Null starts with the newest item. */
  readonly after: Place | null;
}

/** A page of order items, newest first. */
export interface OrderItemPage {
  readonly nodes: readonly OrderItem[];
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
}

/** The default of `first` in the schema. */
export const DEFAULT_PAGE_SIZE = 20;

/**
 * Reads a page of all order items, in one statement.
 *
 * @param units see {@link findUnitsRule}.
 */
export async function listOrderItems(
  reader: Reader,
  request: PageRequest,
  units: UnitsRule = 'checked by the table',
): Promise<OrderItemPage> {
  const { where, parameters, shape } = buildConditions(request, units);
  const rows = await reader.query<OrderItem[]>(
    `${nameStatement('list_order_items', request, shape)}${selectNewest(where, request)}`,
    parameters,
  );
  return toPage(rows, request);
}

/**
 * Reads a page of the items of each order, in one statement.
 *
 * @returns the pages in the order of the ids; an unknown order's page is empty.
 */
export async function listItemsOfOrders(
  reader: Reader,
  orderIds: readonly string[],
  request: PageRequest,
  units: UnitsRule = 'checked by the table',
): Promise<OrderItemPage[]> {
  const { where, parameters, shape } = buildConditions(request, units);
  const rows = await reader.query<OrderItem[]>(
    `${nameStatement('list_items_of_orders', request, shape)}SELECT page.* FROM unnest($${parameters.length + 1}::text[]) AS asked(id) CROSS JOIN LATERAL (
       ${selectNewest(
         where.map((condition) => `order_id = asked.id AND ${condition}`),
         request,
       )}
     ) AS page`,
    [...parameters, orderIds],
  );
  return toPages(rows, orderIds, request);
}

/** Reads all items of the orders. Citus runs no limit for each order on items that it has distributed. */
export async function rankItemsOfOrders(
  reader: Reader,
  orderIds: readonly string[],
  request: PageRequest,
  units: UnitsRule = 'checked by the table',
): Promise<OrderItemPage[]> {
  const { where, parameters } = buildConditions(request, units);
  const rows = await reader.query<OrderItem[]>(
    `SELECT * FROM (
       SELECT ${ORDER_ITEM_COLUMNS}, row_number() OVER (PARTITION BY order_id ORDER BY created_at DESC, id DESC) AS rank
       FROM order_item WHERE order_id = ANY($${parameters.length + 1}::text[]) AND ((${where.join(') OR (')}))
     ) AS item WHERE rank <= ${request.first + 1} ORDER BY rank`,
    [...parameters, orderIds],
  );
  return toPages(rows, orderIds, request);
}

/**
 * Selects the newest items that meet one of the conditions, and one more than the page has.
 *
 * @param where no item meets two of them. One index gives the items of each in their order, so PostgreSQL reads no others.
 */
function selectNewest(where: readonly string[], { first }: PageRequest): string {
  const newest = `ORDER BY created_at DESC, id DESC LIMIT ${first + 1}`;
  if (where.length === 1) return `SELECT ${ORDER_ITEM_COLUMNS} FROM order_item WHERE ${where.join('')} ${newest}`;
  const parts = where.map((condition) => `(SELECT order_item.* FROM order_item WHERE ${condition} ${newest})`);
  return `SELECT ${ORDER_ITEM_COLUMNS} FROM (${parts.join(' UNION ALL ')}) AS order_item ${newest}`;
}

/**
 * Names the statement, so that each connection prepares and plans it once. Only the default page size with at most one status
 * gets a name, because a connection keeps every named statement.
 */
function nameStatement(statement: string, { first, filter }: PageRequest, shape: string): string {
  const isFrequent = first === DEFAULT_PAGE_SIZE && (filter.statuses?.length ?? 0) <= 1;
  return isFrequent ? `/* ${statement}_${shape} */ ` : '';
}

interface Conditions {
  /** A matching item meets exactly one of them. */
  readonly where: readonly string[];
  readonly parameters: readonly unknown[];
  /** Identifies the conditions without their parameters, if they have at most one status. */
  readonly shape: string;
}

function buildConditions({ filter, closedWindows, customer, after }: PageRequest, units: UnitsRule): Conditions {
  const conditions = ['true'];
  const parameters: unknown[] = [];
  const parameter = (value: unknown): string => `$${parameters.push(value)}`;
  // Literals instead of parameters let one plan serve all values: the planner sees how rare they are, and matches the partial
  // indexes.
  const statuses = ORDER_ITEM_STATUSES.filter((status) => filter.statuses?.includes(status));
  if (filter.statuses !== null) conditions.push(isOneOf('status', statuses));
  if (filter.isPreOrder !== null) conditions.push(filter.isPreOrder ? 'is_pre_order' : 'NOT is_pre_order');
  if (customer !== null) conditions.push(writeIsOwnSql(parameter(customer)));
  const closed = bindClosedWindows(closedWindows, parameter);
  const alternatives = writeAlternatives(filter.cancelable, closed, units);
  const place = after === null ? null : `${parameter(after.at)}::timestamptz, ${parameter(after.id)}::uuid`;
  const isAfter = place === null ? [] : [`(created_at, order_item.id) < (${place})`];
  const { isPreOrder, cancelable } = filter;
  const status = filter.statuses === null ? null : (statuses[0] ?? 'none');
  // PostgreSQL cuts names after 63 characters.
  const windows = (closed.createdBefore === undefined ? '' : 'w') + (closed.releasedBefore === undefined ? '' : 'c');
  const shape = [status, isPreOrder, cancelable, after !== null, windows, customer === null ? '' : 'o'];
  return {
    where: alternatives.map((alternative) => [...conditions, ...alternative, ...isAfter].join(' AND ')),
    parameters,
    shape: shape.map((value) => (typeof value === 'boolean' ? Number(value) : (value ?? 'x'))).join(''),
  };
}

/** Writes `filter.cancelable` as conditions. A matching item meets all conditions of exactly one alternative. */
function writeAlternatives(cancelable: boolean | null, closed: ClosedWindows, units: UnitsRule): string[][] {
  if (cancelable === null) return [[]];
  return cancelable
    ? [[`NOT ${writeNotCancelableSql(closed, units)}`]]
    : splitNotCancelableSql(closed, units).map((sql) => [sql]);
}

/** An index gives the items of one value in their order; those of several would have to be sorted. */
function isOneOf(column: string, values: readonly string[]): string {
  const literals = values.map((value) => `'${value}'`).join(', ');
  if (values.length === 0) return 'false';
  return values.length === 1 ? `${column} = ${literals}` : `${column} IN (${literals})`;
}

function toPages(rows: readonly OrderItem[], orderIds: readonly string[], request: PageRequest): OrderItemPage[] {
  const rowsOfOrder = Map.groupBy(rows, (row) => row.orderId);
  return orderIds.map((orderId) => toPage(rowsOfOrder.get(orderId) ?? [], request));
}

/** @param rows has one row more than `first` if there is a next page. */
function toPage(rows: readonly OrderItem[], { first, after }: PageRequest): OrderItemPage {
  return {
    nodes: rows.length > first ? rows.slice(0, first) : rows,
    hasNextPage: rows.length > first,
    hasPreviousPage: after !== null,
  };
}

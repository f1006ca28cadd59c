import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { encodeCursor } from '../../src/order-items/cursors.ts';
import { findBlockers, NOTHING_CLOSED } from '../../src/order-items/eligibility.ts';
import type { CancellationChannel, OrderItem } from '../../src/order-items/orderItem.ts';
import type { CancellationBlocker } from '../../src/order-items/refusals.ts';

/** The columns of an item that the answers need. */
export interface Item extends Pick<
  OrderItem,
  'id' | 'status' | 'isPreOrder' | 'quantity' | 'priceAmount' | 'priceCurrency'
> {
  readonly createdAt: Date;
}

export interface CancelInput {
  readonly id: string;
  readonly reason: string | null;
  readonly channel: CancellationChannel;
}

/** The outcome of a cancel: done, or refused with a message. */
export type Outcome =
  | {
      readonly code: 'CANCELLED';
      readonly id: string;
      readonly quantity: number;
      readonly cancelledAt: Date;
      readonly requestId: string;
    }
  | { readonly code: 'NOT_CANCELABLE'; readonly message: string }
  | { readonly code: 'NOT_FOUND'; readonly message: string };

export type CancelItem = (input: CancelInput) => Promise<Outcome>;

/** The number of database connections of every contender. The service has its default. */
export const POOL_SIZE = 16;

const COLUMNS = `id, status, is_pre_order AS "isPreOrder", quantity, price_amount AS "priceAmount",
  price_currency AS "priceCurrency", created_at AS "createdAt"`;

/**
 * Builds a cancel as one statement that does the least: it updates the item and inserts a record into a table with two unique
 * indexes. It locks nothing beforehand, and makes no event. All parameters are SQL expressions.
 */
export function cancelStatement(id: string, reason: string, requestId: string): string {
  return `WITH updated AS (
      UPDATE order_item SET status = 'cancelled', cancelled_quantity = quantity, version = version + 1, updated_at = now()
      WHERE id = ${id} AND is_pre_order AND status NOT IN ('complete', 'cancelled', 'returned')
      RETURNING id, quantity
    ), written AS (
      INSERT INTO bench_cancellation (order_item_id, reason, cancelled_by, request_id)
      SELECT id, ${reason}, 'bench', ${requestId} FROM updated
    )
    SELECT quantity, now() AS "cancelledAt" FROM updated`;
}

const CANCEL = cancelStatement('$1::uuid', '$2::text', '$3::text').replaceAll(/\s+/g, ' ');

export function openPool(): pg.Pool {
  const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'], max: POOL_SIZE });
  // At the end of the benchmark, the database server may stop before the contender.
  return pool.on('error', () => undefined);
}

/** Reads items in the order of their ids, with one prepared statement. */
export async function readItems(pool: pg.Pool, ids: readonly string[]): Promise<(Item | null)[]> {
  const { rows } = await pool.query<Item>({
    name: 'items',
    text: `SELECT ${COLUMNS} FROM order_item WHERE id = ANY($1::uuid[])`,
    values: [ids],
  });
  const byId = new Map(rows.map((row) => [row.id, row]));
  return ids.map((id) => byId.get(id) ?? null);
}

/** Reads the newest items, of one order or of all, and one more if there is a next page. */
export async function readPage(pool: pg.Pool, orderId: string | null, first: number): Promise<Item[]> {
  const order = 'ORDER BY created_at DESC, id DESC LIMIT';
  const { rows } = await pool.query<Item>(
    orderId === null
      ? { name: 'page', text: `SELECT ${COLUMNS} FROM order_item ${order} $1`, values: [first + 1] }
      : {
          name: 'order',
          text: `SELECT ${COLUMNS} FROM order_item WHERE order_id = $1 ${order} $2`,
          values: [orderId, first + 1],
        },
  );
  return rows;
}

export async function cancelItem(pool: pg.Pool, { id, reason }: CancelInput): Promise<Outcome> {
  const requestId = randomBytes(16).toString('hex');
  const { rows } = await pool.query<{ quantity: number; cancelledAt: Date }>({
    name: 'cancel',
    text: CANCEL,
    values: [id, reason, requestId],
  });
  const [row] = rows;
  if (row === undefined) return toRefusal((await readItems(pool, [id]))[0] ?? null);
  return { code: 'CANCELLED', id, requestId, ...row };
}

/** Applies the policy. The contenders cancel whole items, and have no cancellation windows. */
export function findLastingBlockers({
  status,
  isPreOrder,
}: Pick<Item, 'status' | 'isPreOrder'>): CancellationBlocker[] {
  const item = { status, isPreOrder, quantity: 1, cancelledQuantity: 0, createdAt: 'infinity', releaseDate: null };
  return findBlockers(item, NOTHING_CLOSED);
}

/** Explains why an item was not cancelled, with the messages of the contract. */
export function toRefusal(item: Pick<Item, 'status' | 'isPreOrder'> | null): Outcome {
  return item === null
    ? { code: 'NOT_FOUND', message: 'Order item with provided UUID was not found.' }
    : { code: 'NOT_CANCELABLE', message: findLastingBlockers(item)[0]?.message ?? '' };
}

/** Formats an item for GraphQL. */
export function formatItem(item: Item): object {
  const blockers = findLastingBlockers(item);
  return {
    id: item.id,
    status: item.status.toUpperCase(),
    isPreOrder: item.isPreOrder,
    quantity: item.quantity,
    price: { amount: item.priceAmount, currency: item.priceCurrency },
    cancelability: { cancelable: blockers.length === 0, blockers },
  };
}

/**
 * Makes a page of a connection.
 *
 * @param items are those of the page, and one more if there is a next page.
 */
export function toPage(
  items: readonly Item[],
  first: number,
): { edges: { node: Item }[]; pageInfo: { hasNextPage: boolean; endCursor: string | null } } {
  const edges = items.slice(0, first).map((node) => ({ node }));
  const last = edges.at(-1)?.node;
  return {
    edges,
    pageInfo: {
      hasNextPage: items.length > first,
      endCursor:
        last === undefined
          ? null
          : encodeCursor({ at: last.createdAt.toISOString().replace('Z', '000Z'), id: last.id }),
    },
  };
}

/** Formats the outcome of `cancelOrderItem` for GraphQL. */
export function formatOutcome(outcome: Outcome): Record<string, unknown> {
  if (outcome.code === 'CANCELLED') {
    return {
      __typename: 'CancelOrderItemSuccess',
      orderItem: { id: outcome.id, status: 'CANCELLED' },
      cancellation: { cancelledAt: outcome.cancelledAt.toISOString(), requestId: outcome.requestId },
    };
  }
  const { code, message } = outcome;
  return { __typename: code === 'NOT_FOUND' ? 'OrderItemNotFound' : 'OrderItemNotCancelable', message };
}

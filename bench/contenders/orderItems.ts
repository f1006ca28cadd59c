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
  | { readonly code: 'CANCELLED'; readonly id: string; readonly cancelledAt: Date; readonly requestId: string }
  | { readonly code: 'NOT_CANCELABLE'; readonly message: string }
  | { readonly code: 'NOT_FOUND'; readonly message: string };

export type CancelItem = (input: CancelInput) => Promise<Outcome>;

/** The number of database connections of every contender and the service. */
export const POOL_SIZE = 10;

const COLUMNS = `id, status, is_pre_order AS "isPreOrder", quantity, price_amount AS "priceAmount",
  price_currency AS "priceCurrency", created_at AS "createdAt"`;

/**
 * Builds a whole cancel as one statement. It locks the item, judges it, and writes status, cancellation and event. All
 * parameters are SQL expressions.
 */
export function cancelStatement(id: string, reason: string, channel: string, requestId: string): string {
  return `WITH locked AS (
      SELECT id, order_id, status, is_pre_order FROM order_item WHERE id = ${id} FOR NO KEY UPDATE
    ), updated AS (
      UPDATE order_item SET status = 'cancelled', version = version + 1, updated_at = now()
      FROM locked
      WHERE order_item.id = locked.id AND locked.is_pre_order
        AND locked.status IN ('pending', 'on_hold', 'in_fulfillment')
      RETURNING order_item.id
    ), written AS (
      INSERT INTO order_item_cancellation (id, order_item_id, previous_status, reason, cancelled_by, channel, request_id)
      SELECT uuidv7(), locked.id, locked.status, ${reason}, 'bench', ${channel}, ${requestId}
      FROM locked JOIN updated USING (id)
      RETURNING id, order_item_id, previous_status, cancelled_by, channel, request_id, cancelled_at
    ), announced AS (
      INSERT INTO order_item_event (id, order_item_id, type, payload)
      SELECT uuidv7(), order_item_id, 'order_item.cancelled', jsonb_build_object(
        'cancellationId', written.id, 'orderId', order_id, 'previousStatus', previous_status,
        'cancelledBy', cancelled_by, 'channel', channel, 'requestId', request_id)
      FROM written JOIN locked ON locked.id = order_item_id
    )
    SELECT locked.id, locked.status, locked.is_pre_order AS "isPreOrder", written.cancelled_at AS "cancelledAt"
    FROM locked LEFT JOIN written ON true`;
}

const CANCEL = cancelStatement('$1::uuid', '$2::text', '$3::text', '$4::text').replaceAll(/\s+/g, ' ');

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

/** Reads the newest items of an order, and one more if there is a next page. */
export async function readOrder(pool: pg.Pool, orderId: string, first: number): Promise<Item[]> {
  const { rows } = await pool.query<Item>({
    name: 'order',
    text: `SELECT ${COLUMNS} FROM order_item WHERE order_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2`,
    values: [orderId, first + 1],
  });
  return rows;
}

export async function cancelItem(pool: pg.Pool, { id, reason, channel }: CancelInput): Promise<Outcome> {
  const requestId = randomBytes(16).toString('hex');
  const { rows } = await pool.query<Item & { cancelledAt: Date | null }>({
    name: 'cancel',
    text: CANCEL,
    values: [id, reason, channel, requestId],
  });
  const [row] = rows;
  if (row?.cancelledAt == null) return toRefusal(row ?? null);
  return { code: 'CANCELLED', id, cancelledAt: row.cancelledAt, requestId };
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

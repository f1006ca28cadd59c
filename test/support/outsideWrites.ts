import fc from 'fast-check';
import type { DataSource } from 'typeorm';
import { type GivenItem, insertOrderItems } from './orderItems.ts';

/** What another system writes to the tables, beside the service. */
export type OutsideWrite = { readonly id: string } & Change;

type Change =
  | {
      readonly kind: 'set';
      readonly column: 'quantity' | 'status' | 'isPreOrder' | 'orderId';
      readonly value: string | number | boolean;
    }
  /** Counts cancelled units, without a record. */
  | { readonly kind: 'count'; readonly units: number }
  /** Cancels units as the service does, with a record. */
  | { readonly kind: 'record'; readonly units: number }
  | { readonly kind: 'delete' }
  | { readonly kind: 'add'; readonly item: GivenItem };

/** A write with a position instead of an id, and without the item that it adds, because they do not exist yet. */
export type PlannedWrite = { readonly position: number } & (
  Exclude<Change, { readonly kind: 'add' }> | { readonly kind: 'add' }
);

/** The columns of a record that another system makes. */
export const RECORDED_OUTSIDE = {
  reason: null,
  reason_code: null,
  note: null,
  cancelled_by: 'warehouse',
  channel: 'rest',
  request_id: 'a'.repeat(32),
} as const;

const COLUMNS = { quantity: 'quantity', status: 'status', isPreOrder: 'is_pre_order', orderId: 'order_id' } as const;

/** Creates writes. @param count is the number of items. @param orders are the orders that an item can move to. */
export function outsideWrites(count: number, orders: readonly string[]): fc.Arbitrary<PlannedWrite> {
  const write = <Kind extends PlannedWrite['kind'], Others extends object>(
    kind: Kind,
    others: { readonly [Name in keyof Others]: fc.Arbitrary<Others[Name]> },
  ): fc.Arbitrary<{ position: number; kind: Kind } & Others> =>
    fc
      .tuple(fc.nat({ max: count - 1 }), fc.record<Others>(others))
      .map(([position, given]) => ({ position, kind, ...given }));
  const set = (
    column: keyof typeof COLUMNS,
    values: readonly (string | number | boolean)[],
  ): fc.Arbitrary<PlannedWrite> => write('set', { column: fc.constant(column), value: fc.constantFrom(...values) });
  return fc.oneof(
    { weight: 4, arbitrary: set('quantity', [1, 2, 3, 5, 8]) },
    { weight: 3, arbitrary: set('status', ['pending', 'on_hold', 'in_fulfillment', 'complete', 'cancelled']) },
    { weight: 1, arbitrary: set('isPreOrder', [true, true, false]) },
    { weight: 1, arbitrary: set('orderId', orders) },
    { weight: 2, arbitrary: write('count', { units: fc.constantFrom(1, 2, -1) }) },
    { weight: 3, arbitrary: write('record', { units: fc.constantFrom(1, 2) }) },
    { weight: 1, arbitrary: write('delete', {}) },
    { weight: 3, arbitrary: write('add', {}) },
  );
}

/** Writes what another system does. @throws the error of the database if it refuses. */
export async function writeOutside(dataSource: DataSource, change: OutsideWrite): Promise<void> {
  const { id } = change;
  const { cancelled_by, channel, request_id } = RECORDED_OUTSIDE;
  switch (change.kind) {
    case 'set':
      await dataSource.query(`UPDATE order_item SET ${COLUMNS[change.column]} = $2 WHERE id = $1`, [id, change.value]);
      return;
    case 'count':
      await dataSource.query('UPDATE order_item SET cancelled_quantity = cancelled_quantity + $2 WHERE id = $1', [
        id,
        change.units,
      ]);
      return;
    case 'record':
      await dataSource.transaction(async (manager) => {
        await manager.query(
          `INSERT INTO order_item_cancellation (id, order_item_id, cancelled_before, quantity, remaining, previous_status,
             cancelled_by, channel, request_id)
           SELECT gen_random_uuid(), id, cancelled_quantity, $2, quantity - cancelled_quantity - $2, status, $3, $4, $5
           FROM order_item WHERE id = $1`,
          [id, change.units, cancelled_by, channel, request_id],
        );
        await manager.query(
          `UPDATE order_item SET cancelled_quantity = cancelled_quantity + $2,
             status = CASE quantity - cancelled_quantity WHEN $2 THEN 'cancelled' ELSE status END
           WHERE id = $1`,
          [id, change.units],
        );
      });
      return;
    case 'delete':
      await dataSource.query('DELETE FROM order_item WHERE id = $1', [id]);
      return;
    case 'add':
      await insertOrderItems(dataSource, [{ id, ...change.item }]);
  }
}

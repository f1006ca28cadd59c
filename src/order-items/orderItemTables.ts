import { EntitySchema } from 'typeorm';
import type { Cancellation, OrderItem } from './orderItem.ts';

/** A row of `order_item`, as TypeORM reads it. */
interface OrderItemRow extends Omit<OrderItem, 'createdAt' | 'updatedAt' | 'customerId'> {
  readonly customerId: string | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** The mapping of `order_item`. Migrations create the table, and a test compares both. */
export const orderItemEntity = new EntitySchema<OrderItemRow>({
  name: 'OrderItem',
  tableName: 'order_item',
  columns: {
    id: { type: 'uuid', primary: true, primaryKeyConstraintName: 'order_item_pkey' },
    orderId: { name: 'order_id', type: 'text' },
    productId: { name: 'product_id', type: 'text' },
    externalId: { name: 'external_id', type: 'text', nullable: true },
    customerId: { name: 'customer_id', type: 'text', nullable: true },
    status: { type: 'text', default: 'pending' },
    isPreOrder: { name: 'is_pre_order', type: 'boolean', default: false },
    releaseDate: { name: 'release_date', type: 'date', nullable: true },
    quantity: { type: 'integer', default: 1 },
    cancelledQuantity: {
      name: 'cancelled_quantity',
      type: 'integer',
      default: 0,
      comment: 'Made by the order-items service.',
    },
    priceAmount: { name: 'price_amount', type: 'numeric', precision: 19, scale: 4 },
    priceCurrency: { name: 'price_currency', type: 'char', length: 3 },
    version: { type: 'integer', default: 1 },
    createdAt: { name: 'created_at', type: 'timestamptz', default: () => 'now()' },
    updatedAt: { name: 'updated_at', type: 'timestamptz', default: () => 'now()' },
  },
  checks: [
    'order_id',
    'product_id',
    'external_id',
    'customer_id',
    'status',
    'release_date',
    'quantity',
    'units_cancelled',
    'units_left',
    'price_amount',
    'price_currency',
    'version',
    'created_at',
    'updated_at',
  ].map((column) => nameCheck(`order_item_${column}_check`)),
  indices: [
    { name: 'order_item_newest', columns: ['createdAt', 'id'] },
    { name: 'order_item_order', columns: ['orderId', 'createdAt', 'id'] },
    { name: 'order_item_status', columns: ['status', 'createdAt', 'id'] },
    { name: 'order_item_pre_order', columns: ['isPreOrder', 'createdAt', 'id'] },
    { name: 'order_item_customer', synchronize: false },
    { name: 'order_item_cancelable', synchronize: false },
    { name: 'order_item_not_cancelable', synchronize: false },
  ],
});

/** The row of a cancellation, with the columns that callers do not see. */
interface CancellationRow extends Omit<Cancellation, 'cancelledAt'> {
  readonly cancelledAt: Date;
  /** The customer to whose items the caller was limited. */
  readonly customerId: string | null;
  readonly idempotencyKey: string | null;
  readonly requestFingerprint: string | null;
}

/** The mapping of `order_item_cancellation`. */
export const orderItemCancellationEntity = new EntitySchema<CancellationRow>({
  name: 'OrderItemCancellation',
  tableName: 'order_item_cancellation',
  columns: {
    orderItemId: { name: 'order_item_id', ...describeKey('order_item_cancellation_pkey', 'uuid') },
    cancelledBefore: {
      name: 'cancelled_before',
      ...describeKey('order_item_cancellation_pkey', 'integer'),
      default: 0,
    },
    id: { type: 'uuid' },
    quantity: { type: 'integer', nullable: true },
    remaining: { type: 'integer', default: 0 },
    previousStatus: { name: 'previous_status', type: 'text' },
    reasonCode: { name: 'reason_code', type: 'text', nullable: true },
    reason: { type: 'text', nullable: true },
    note: { type: 'text', nullable: true },
    cancelledAt: { name: 'cancelled_at', type: 'timestamptz', default: () => 'now()' },
    cancelledBy: { name: 'cancelled_by', type: 'text' },
    channel: { type: 'text' },
    requestId: { name: 'request_id', type: 'text' },
    customerId: { name: 'customer_id', type: 'text', nullable: true },
    idempotencyKey: { name: 'idempotency_key', type: 'text', nullable: true },
    requestFingerprint: { name: 'request_fingerprint', type: 'text', nullable: true },
  },
  foreignKeys: [
    {
      name: 'order_item_cancellation_order_item_id_fkey',
      target: 'OrderItem',
      columnNames: ['orderItemId'],
      referencedColumnNames: ['id'],
    },
  ],
  checks: [
    'quantity',
    'remaining',
    'reason_code',
    'cancelled_before',
    'previous_status',
    'reason',
    'note',
    'cancelled_by',
    'channel',
    'request_id',
    'idempotency_key',
    'request_fingerprint',
  ].map((column) => nameCheck(`order_item_cancellation_${column}_check`)),
  indices: [
    { name: 'order_item_cancellation_newest', columns: ['cancelledAt', 'id'] },
    { name: 'order_item_cancellation_key', synchronize: false },
  ],
});

/** The mapping of `order_item_event`. */
export const orderItemEventEntity = new EntitySchema<{
  readonly id: string;
  readonly orderItemId: string;
  readonly type: string;
  readonly occurredAt: Date;
  readonly payload: unknown;
  readonly position: string | null;
}>({
  name: 'OrderItemEvent',
  tableName: 'order_item_event',
  columns: {
    orderItemId: { name: 'order_item_id', ...describeKey('order_item_event_pkey', 'uuid') },
    id: describeKey('order_item_event_pkey', 'uuid'),
    type: { type: 'text' },
    occurredAt: { name: 'occurred_at', type: 'timestamptz', default: () => 'now()' },
    payload: { type: 'jsonb' },
    position: { type: 'bigint', nullable: true },
  },
  checks: [nameCheck('order_item_event_known_type_check')],
  indices: [{ name: 'order_item_event_position', columns: ['position'] }],
});

/** Names a check. TypeORM compares only names, so the expressions are in the migrations alone. */
function nameCheck(name: string): { name: string; expression: string } {
  return { name, expression: 'true' };
}

/** Describes a column of a primary key with this name. */
function describeKey<Type extends 'uuid' | 'integer'>(
  primaryKeyConstraintName: string,
  type: Type,
): {
  type: Type;
  primary: true;
  primaryKeyConstraintName: string;
} {
  return { type, primary: true, primaryKeyConstraintName };
}

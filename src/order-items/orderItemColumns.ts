/** The columns of `order_item` with the names and types of `OrderItem`. */
export const ORDER_ITEM_COLUMNS = `
  order_item.id, order_id AS "orderId", product_id AS "productId", external_id AS "externalId", status,
  is_pre_order AS "isPreOrder", release_date::text AS "releaseDate", quantity, cancelled_quantity AS "cancelledQuantity", price_amount AS "priceAmount",
  price_currency AS "priceCurrency", version, created_at::text AS "createdAt", updated_at::text AS "updatedAt"`;

/** The column that a table or view brought along can lack, and whose type others choose. */
const CUSTOMER = 'customer_id::text';

/** The columns of `order_item`, for callers of whom some are limited to the items of one customer. */
export const OWNED_ORDER_ITEM_COLUMNS = `${ORDER_ITEM_COLUMNS}, order_item.${CUSTOMER} AS "customerId"`;

/**
 * Whether an item is one of a customer's. The first comparison can use the index of the column. The second one is to the
 * letter, whatever collation the column has.
 *
 * @param customer as SQL.
 */
export function writeIsOwnSql(customer: string): string {
  return `(order_item.${CUSTOMER} = ${customer} AND order_item.${CUSTOMER} COLLATE "C" = ${customer})`;
}

/**
 * The columns of `order_item_cancellation` with the names of `Cancellation`. Rows without a quantity are from releases that
 * cancelled whole items only.
 */
export const CANCELLATION_COLUMNS = `
  id, order_item_id AS "orderItemId", cancelled_before AS "cancelledBefore", remaining, previous_status AS "previousStatus",
  COALESCE(order_item_cancellation.quantity, (
    SELECT item.quantity FROM order_item AS item WHERE item.id = order_item_cancellation.order_item_id
  )) AS quantity, reason_code AS "reasonCode", reason, note,
  cancelled_at::text AS "cancelledAt", cancelled_by AS "cancelledBy", channel, request_id AS "requestId"`;

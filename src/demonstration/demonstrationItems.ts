import { createHash } from 'node:crypto';
import type { FileRow } from '../import/orderItemTable.ts';
import { ORDER_ITEM_STATUSES, type OrderItemStatus } from '../order-items/orderItem.ts';
import { orderItemIdOf, type RetailLine } from './retailLines.ts';

/** How many of a hundred products, by their hash, were not released when they were ordered. */
const UNRELEASED_PERCENT = 25;

/** The day after the last order of the file, and the number of days over which releases are spread from then on. */
const FIRST_RELEASE = '2010-12-06';
const RELEASE_DAYS = 120;

type StatusPercents = Readonly<Record<OrderItemStatus, number>>;

/** Out of stock until its release, so most of what is sold before that is still open. */
const PRE_ORDERED: StatusPercents = {
  pending: 60,
  on_hold: 16,
  in_fulfillment: 12,
  complete: 4,
  cancelled: 6,
  returned: 2,
};

const IN_STOCK: StatusPercents = {
  pending: 8,
  on_hold: 3,
  in_fulfillment: 14,
  complete: 66,
  cancelled: 3,
  returned: 6,
};

/** The order lines as order items, by the rules that the README beside this file states. */
export function demonstrationItems(lines: readonly RetailLine[]): FileRow[] {
  return lines.filter(({ kind }) => kind === 'order').map(toItem);
}

function toItem(line: RetailLine): FileRow {
  const isPreOrder = percentOf(`product ${line.product}`) < UNRELEASED_PERCENT;
  return {
    line: line.line,
    values: {
      id: orderItemIdOf(line),
      order_id: line.invoice,
      product_id: line.product,
      external_id: line.externalId,
      status: statusOf(line, isPreOrder ? PRE_ORDERED : IN_STOCK),
      is_pre_order: String(isPreOrder),
      release_date: isPreOrder ? releaseDateOf(line.product) : null,
      quantity: String(line.quantity),
      price_amount: line.unitPrice,
      price_currency: 'GBP',
      created_at: new Date(Date.parse(line.date) + (line.line - 1) * 1_000).toISOString(),
    },
  };
}

function releaseDateOf(product: string): string {
  const date = new Date(FIRST_RELEASE);
  date.setUTCDate(date.getUTCDate() + (hashOf(`release ${product}`) % RELEASE_DAYS));
  return date.toISOString().slice(0, 10);
}

function statusOf({ externalId }: RetailLine, percents: StatusPercents): OrderItemStatus {
  let rest = percentOf(`status ${externalId}`);
  for (const status of ORDER_ITEM_STATUSES) {
    rest -= percents[status];
    if (rest < 0) return status;
  }
  throw new Error('The percents of the statuses do not add up to 100.');
}

function percentOf(text: string): number {
  return hashOf(text) % 100;
}

/** A whole number that depends on the text alone. */
function hashOf(text: string): number {
  return createHash('sha256').update(text).digest().readUInt32BE();
}

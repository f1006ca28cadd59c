import { createHash } from 'node:crypto';
import type { FileRow } from '../import/orderItemTable.ts';
import { ORDER_ITEM_STATUSES, type OrderItemStatus } from '../order-items/orderItem.ts';
import { toOrderItemId, type RetailLine } from './retailLines.ts';

/** The percentage of products that were not released when they were ordered. A hash selects them. */
const UNRELEASED_PERCENT = 25;

/** The day after the last order of the file, and the number of days over which the releases spread. */
const FIRST_RELEASE = '2010-12-06';
const RELEASE_DAYS = 120;

type StatusPercents = Readonly<Record<OrderItemStatus, number>>;

/** Statuses of items before their release. Most of them are open. */
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

/** Converts order lines to order items, by the rules in the README of this folder. */
export function createDemonstrationItems(lines: readonly RetailLine[]): FileRow[] {
  return lines.filter(({ kind }) => kind === 'order').map(toItem);
}

function toItem(line: RetailLine): FileRow {
  const isPreOrder = hashToPercent(`product ${line.product}`) < UNRELEASED_PERCENT;
  return {
    line: line.line,
    values: {
      id: toOrderItemId(line),
      order_id: line.invoice,
      product_id: line.product,
      external_id: line.externalId,
      customer_id: line.customer === '' ? null : line.customer,
      status: chooseStatus(line, isPreOrder ? PRE_ORDERED : IN_STOCK),
      is_pre_order: String(isPreOrder),
      release_date: isPreOrder ? chooseReleaseDate(line.product) : null,
      quantity: String(line.quantity),
      price_amount: line.unitPrice,
      price_currency: 'GBP',
      created_at: new Date(Date.parse(line.date) + (line.line - 1) * 1_000).toISOString(),
    },
  };
}

function chooseReleaseDate(product: string): string {
  const date = new Date(FIRST_RELEASE);
  date.setUTCDate(date.getUTCDate() + (hash(`release ${product}`) % RELEASE_DAYS));
  return date.toISOString().slice(0, 10);
}

function chooseStatus({ externalId }: RetailLine, percents: StatusPercents): OrderItemStatus {
  let rest = hashToPercent(`status ${externalId}`);
  for (const status of ORDER_ITEM_STATUSES) {
    rest -= percents[status];
    if (rest < 0) return status;
  }
  throw new Error('The percents of the statuses do not add up to 100.');
}

/** Returns a percentage, from 0 to 99, that depends on the text alone. */
export function hashToPercent(text: string): number {
  return hash(text) % 100;
}

/** Returns a whole number that depends on the text alone. */
export function hash(text: string): number {
  return createHash('sha256').update(text).digest().readUInt32BE();
}

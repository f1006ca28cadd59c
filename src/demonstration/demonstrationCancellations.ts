import { createHash } from 'node:crypto';
import { NOTHING_CLOSED } from '../order-items/eligibility.ts';
import type { CancelRequest } from '../order-items/judgeCancels.ts';
import { DEFAULT_REASON_CODES, type ReasonCode } from '../order-items/reasonCodes.ts';
import { createDemonstrationItems, hash, hashToPercent } from './demonstrationItems.ts';
import { findRecordedCancellations } from './recordedCancellations.ts';
import { type RetailLine, toOrderItemId } from './retailLines.ts';

/** The percentage of open pre-ordered items with several units of which some were cancelled. */
const CANCELLED_PERCENT = 2;

/** The percentage of which the rest was cancelled later. */
const CANCELLED_TWICE_PERCENT = 1;

const OPEN: readonly string[] = ['pending', 'on_hold', 'in_fulfillment'];

/**
 * Creates the cancels of the demonstration, by the rules in the README of this folder: those of the file that can be carried
 * out, with their quantities, and then made-up ones.
 */
export function createDemonstrationCancellations(lines: readonly RetailLine[]): CancelRequest[] {
  const open = new Set(
    createDemonstrationItems(lines)
      .filter(({ values }) => values.is_pre_order === 'true' && OPEN.includes(values.status ?? ''))
      .map(({ values }) => values.id),
  );
  return [...listRecorded(lines), ...listMadeUp(lines)].filter(({ ids }) => open.has(ids[0]));
}

function listRecorded(lines: readonly RetailLine[]): CancelRequest[] {
  const byId = new Map(lines.map((line) => [line.externalId, line]));
  return findRecordedCancellations(lines).flatMap(({ externalId, orderItemId }) => {
    const line = byId.get(externalId);
    if (line === undefined) return [];
    const reason = { reason: `Recorded as ${externalId}`, reasonCode: 'other' };
    return [createRequest(orderItemId, line, { ...reason, quantity: -line.quantity, step: 'recorded' })];
  });
}

function listMadeUp(lines: readonly RetailLine[]): CancelRequest[] {
  return lines.flatMap((line) => {
    const { externalId, quantity, kind } = line;
    const percent = hashToPercent(`cancel ${externalId}`);
    if (kind !== 'order' || quantity < 2 || percent >= CANCELLED_PERCENT) return [];
    // At least one unit is left, so that the item stays open.
    const units = 1 + (hash(`units ${externalId}`) % (quantity - 1));
    const cancel = (step: string, taken: number | null): CancelRequest => {
      const { code, label } = chooseReason(`${step} reason ${externalId}`);
      return createRequest(toOrderItemId(line), line, { reason: label, reasonCode: code, quantity: taken, step });
    };
    return [cancel('first', units), ...(percent < CANCELLED_TWICE_PERCENT ? [cancel('second', null)] : [])];
  });
}

function chooseReason(text: string): ReasonCode {
  const reason = DEFAULT_REASON_CODES[hash(text) % DEFAULT_REASON_CODES.length];
  if (reason === undefined) throw new Error('There are no codes for reasons.');
  return reason;
}

function createRequest(
  orderItemId: string,
  { customer, externalId }: RetailLine,
  { step, ...reason }: Pick<CancelRequest, 'reason' | 'reasonCode' | 'quantity'> & { readonly step: string },
): CancelRequest {
  const name = `${step} ${externalId}`;
  return {
    ...reason,
    ids: [orderItemId],
    note: null,
    order: null,
    cancelledBy: customer === '' ? 'support' : customer,
    customer: customer === '' ? null : customer,
    channel: hash(`channel ${name}`) % 2 === 0 ? 'graphql' : 'rest',
    requestId: createHash('sha256').update(name).digest('hex').slice(0, 32),
    // The key keeps two starts at once from cancelling twice.
    idempotencyKey: `demonstration ${name}`,
    // The orders are older than any window.
    closedWindows: NOTHING_CLOSED,
  };
}

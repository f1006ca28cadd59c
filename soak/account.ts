import type { QueryResultRow } from 'pg';
import type { Cluster } from './cluster.ts';
import type { Cancel, Units } from './requests.ts';
import type { StockItem } from './stock.ts';

/** A cancel and its answer. */
export interface Attempt extends Cancel {
  /** The units that the answer told, or null without an answer. */
  units: Units | null;
}

/** The cancellations in the database, compared with the answers of their callers. */
export interface Account {
  /** Cancellations that were acknowledged: one for each item of a request. */
  readonly acknowledged: number;
  /** The units that they took. */
  readonly acknowledgedUnits: number;
  /** Items for which a request was refused, because others had taken their units, or because they cannot be cancelled. */
  readonly refused: number;
  /** Acknowledged cancellations that the database does not have, or has with other units or another code. */
  readonly lost: number;
  /** Cancellations that the database has and nobody was due: a second one of a request, or one of a refused request. */
  readonly doubled: number;
  /** Items whose records, events, count of units, status and version do not add up. */
  readonly miscounted: number;
  /** Refusals of units of an item that still has them. */
  readonly withheld: number;
  /** Cancellations without an acknowledgement and without a key for a retry. */
  readonly unacknowledged: number;
  /** Cancels of several items of which some are cancelled and others are not. */
  readonly halved: number;
}

interface CancellationRecord {
  readonly id: string;
  readonly requestId: string;
  readonly quantity: number;
  readonly before: number;
  readonly remaining: number;
  readonly reasonCode: string | null;
}

interface CancellationEvent {
  readonly type: string;
  readonly cancellationId: string;
  readonly quantity: number;
  readonly cancelledQuantity: number;
  readonly remaining: number;
}

interface Row extends QueryResultRow {
  readonly id: string;
  readonly status: string;
  readonly quantity: number;
  readonly cancelledQuantity: number;
  readonly version: number;
  readonly records: readonly CancellationRecord[];
  readonly events: readonly CancellationEvent[];
}

/** The items of a statement. One for all would hold all their records at once, twice. */
const CHUNK = 10_000;

/** Checks every item that a caller tried to cancel, unit for unit. */
export async function accountFor(attempts: readonly Attempt[], database: Pick<Cluster, 'query'>): Promise<Account> {
  const items = [...new Map(attempts.flatMap((attempt) => attempt.items).map((item) => [item.id, item])).values()];
  const rows = new Map<string, Row>();
  for (let from = 0; from < items.length; from += CHUNK) {
    for (const row of await readRows(items.slice(from, from + CHUNK), database)) rows.set(row.id, row);
  }
  const claims = attempts.flatMap((attempt) => claimsOf(attempt, rows));
  const told = claims.filter(({ units }) => units !== null && units > 0);
  const refused = claims.filter(({ units }) => units === 0);
  const untold = claims.filter(({ units }) => units === null);
  const isRefusedWrongly = ({ attempt, item, row }: Claim): boolean =>
    item.isPreOrder && !isBlockedAsWhole(attempt) && countLeft(row) >= (attempt.quantity ?? 1);
  const recorded = [...rows.values()].reduce((sum, { records }) => sum + records.length, 0);
  return {
    acknowledged: told.length,
    acknowledgedUnits: told.reduce((sum, { units }) => sum + (units ?? 0), 0),
    refused: refused.length,
    lost: told.filter(({ records, units, attempt }) => !records.some((record) => isTold(record, units, attempt)))
      .length,
    doubled:
      claims.reduce((sum, { records }) => sum + Math.max(0, records.length - 1), 0) +
      refused.filter(({ records }) => records.length > 0).length +
      recorded -
      claims.reduce((sum, { records }) => sum + records.length, 0),
    miscounted: items.filter((item) => !addsUp(item, rows.get(item.id))).length,
    withheld: refused.filter(isRefusedWrongly).length,
    unacknowledged: untold.filter(({ attempt, records }) => attempt.key === null && records.length > 0).length,
    halved: attempts.filter((attempt) => isHalved(attempt, rows)).length,
  };
}

/** The defects of an account. A sound service has none. */
export function countDefects({ lost, doubled, miscounted, withheld, halved }: Account): number {
  return lost + doubled + miscounted + withheld + halved;
}

function readRows(items: readonly StockItem[], database: Pick<Cluster, 'query'>): Promise<Row[]> {
  return database.query<Row>(
    `SELECT id, status, quantity, cancelled_quantity AS "cancelledQuantity", version,
       ARRAY(SELECT jsonb_build_object('id', id, 'requestId', request_id, 'quantity', quantity, 'before', cancelled_before,
           'remaining', remaining, 'reasonCode', reason_code)
         FROM order_item_cancellation WHERE order_item_id = order_item.id ORDER BY cancelled_before) AS records,
       ARRAY(SELECT payload || jsonb_build_object('type', type)
         FROM order_item_event WHERE order_item_id = order_item.id ORDER BY (payload->>'cancelledQuantity')::int) AS events
     FROM order_item WHERE id = ANY($1::uuid[])`,
    [items.map(({ id }) => id)],
  );
}

/** What a request did to one item. */
interface Claim {
  readonly attempt: Attempt;
  readonly item: StockItem;
  readonly row: Row | undefined;
  /** The units that the answer told, 0 for a refusal, null without an answer. */
  readonly units: number | null;
  /** The records that the request left. */
  readonly records: readonly CancellationRecord[];
}

function claimsOf(attempt: Attempt, rows: ReadonlyMap<string, Row>): Claim[] {
  return attempt.items.map((item) => {
    const row = rows.get(item.id);
    const records = (row?.records ?? []).filter(({ requestId }) => requestId === attempt.requestId);
    // The repeat of the cancel of an order tells nothing of the items that it had not cancelled.
    const units = attempt.units === null ? null : (attempt.units.get(item.id) ?? 0);
    return { attempt, item, row, units, records };
  });
}

function isTold(record: CancellationRecord, units: number | null, { reasonCode }: Attempt): boolean {
  return record.quantity === units && record.reasonCode === reasonCode;
}

/** Whether each record begins where the one before ended, and the row and the events say the same. */
function addsUp(item: StockItem, row: Row | undefined): boolean {
  if (row?.quantity !== item.quantity) return false;
  const { records, events } = row;
  let cancelled = 0;
  for (const [place, record] of records.entries()) {
    if (record.before !== cancelled || record.quantity < 1) return false;
    cancelled += record.quantity;
    const event = events[place];
    const isAnnounced =
      event?.cancellationId === record.id &&
      event.quantity === record.quantity &&
      event.cancelledQuantity === cancelled &&
      event.remaining === record.remaining &&
      event.type === (record.remaining === 0 ? 'order_item.cancelled' : 'order_item.partially_cancelled');
    if (record.remaining !== item.quantity - cancelled || !isAnnounced) return false;
  }
  return (
    events.length === records.length &&
    row.cancelledQuantity === cancelled &&
    row.status === (cancelled === item.quantity ? 'cancelled' : 'pending') &&
    row.version === 1 + records.length
  );
}

/** Whether an item that can be cancelled kept units, although the request cancelled another. */
function isHalved({ items, quantity, requestId }: Attempt, rows: ReadonlyMap<string, Row>): boolean {
  if (quantity !== null) return false;
  const isCancelled = items.some(({ id }) => rows.get(id)?.records.some((record) => record.requestId === requestId));
  return isCancelled && items.some(({ id, isPreOrder }) => isPreOrder && countLeft(rows.get(id)) > 0);
}

/** Whether the request must cancel nothing, because one of the items cannot be cancelled. */
function isBlockedAsWhole({ mode, items }: Attempt): boolean {
  return mode === 'ALL_OR_NOTHING' && items.some(({ isPreOrder }) => !isPreOrder);
}

function countLeft(row: Row | undefined): number {
  return row === undefined ? 0 : row.quantity - row.cancelledQuantity;
}

import type { QueryResultRow } from 'pg';
import type { Cluster } from './cluster.ts';
import type { Cancel } from './requests.ts';

/** A cancel and its answer. */
export interface Attempt extends Cancel {
  isAcknowledged: boolean;
}

/** The cancels in the database, compared with the answers of their callers. */
export interface Account {
  /** Items whose cancel was acknowledged. */
  readonly acknowledged: number;
  /** Of these, those that are not cancelled. */
  readonly lost: number;
  /** Items with more than one cancellation or event, or with only a part of a cancel. */
  readonly doubled: number;
  /** Items that are cancelled without an acknowledgement and without a key for a retry. */
  readonly unacknowledged: number;
  /** Cancels of several items of which some are cancelled and others are not. */
  readonly halved: number;
}

interface Row extends QueryResultRow {
  readonly id: string;
  readonly cancelled: boolean;
  readonly cancellations: number;
  readonly events: number;
}

/** Checks every item that a caller tried to cancel. */
export async function accountFor(attempts: readonly Attempt[], database: Pick<Cluster, 'query'>): Promise<Account> {
  const rows = await database.query<Row>(
    `SELECT id, status = 'cancelled' AS cancelled, coalesce(cancellations, 0) AS cancellations, coalesce(events, 0) AS events
     FROM order_item
       LEFT JOIN (SELECT order_item_id, count(*)::int AS cancellations FROM order_item_cancellation GROUP BY 1) AS cancelled
         ON cancelled.order_item_id = id
       LEFT JOIN (SELECT order_item_id, count(*)::int AS events FROM order_item_event GROUP BY 1) AS announced
         ON announced.order_item_id = id
     WHERE id = ANY($1::uuid[])`,
    [attempts.flatMap(({ ids }) => ids)],
  );
  const cancelled = new Set(rows.filter((row) => row.cancelled).map(({ id }) => id));
  const isCancelled = (id: string): boolean => cancelled.has(id);
  const acknowledged = attempts.filter(({ isAcknowledged }) => isAcknowledged).flatMap(({ ids }) => ids);
  return {
    acknowledged: acknowledged.length,
    lost: acknowledged.filter((id) => !isCancelled(id)).length,
    doubled: rows.filter(({ cancelled: is, cancellations, events }) => {
      const expected = is ? 1 : 0;
      return cancellations !== expected || events !== expected;
    }).length,
    unacknowledged: attempts
      .filter(({ isAcknowledged, key }) => !isAcknowledged && key === null)
      .flatMap(({ ids }) => ids)
      .filter(isCancelled).length,
    halved: attempts.filter(({ ids }) => ids.some(isCancelled) && !ids.every(isCancelled)).length,
  };
}

import type { DataSource } from 'typeorm';
import { coalesce, type CoalesceOptions, type QueueState } from '../work/coalesce.ts';
import { type CloudEvent, isOfWholeItem, type OutboxRow, toCloudEvent, type WholeItem } from './cloudEvent.ts';

/** An event and its place in the log. Positions grow by one, in the order in which readers get the events. */
export interface LoggedEvent {
  readonly position: number;
  readonly event: CloudEvent;
}

/** The events after a position have been pruned, or the position is of another database's log. */
export class CursorExpired extends Error {
  constructor() {
    super('The events after this cursor are no longer kept.');
    this.name = 'CursorExpired';
  }
}

/** The numbered events of the outbox. Webhooks, streams and the feed read it in the same way. */
export interface EventLog {
  /**
   * Reads events in their order.
   *
   * @param after the position of the last event that the reader has. Null begins with the oldest event that is kept.
   * @param limit how many events to read at most.
   * @throws CursorExpired, or an error of the database.
   */
  readonly readEvents: (after: number | null, limit: number) => Promise<readonly LoggedEvent[]>;
  /**
   * Waits until there is an event after a position. It holds no connection, and learns of the events of all instances.
   *
   * @param signal ends the wait.
   * @returns whether there is one. False if the signal, or the end of the service, came first.
   */
  readonly waitForEvents: (after: number, signal: AbortSignal) => Promise<boolean>;
  /** Returns the highest position that this instance knows of, 0 if there is none. */
  readonly newest: () => number;
}

/** The end of the log that the sequencer drives. */
export interface EventLogControl extends EventLog {
  /** Says what the highest position is now, and ends the waits for it. */
  readonly advance: (newest: number) => void;
  /** Ends all waits. Later ones end at once. */
  readonly close: () => void;
}

/** Readers that are woken together share few connections, and one statement if they are at the same position. */
const READS: CoalesceOptions = { slots: 2, maxBatchSize: 50, maxWaiting: 10_000, deadline: 'latest' };

interface Asked {
  readonly after: number | null;
  readonly limit: number;
}

/** Opens the log of a database. @param source is the `source` of its events. */
export function openEventLog(dataSource: DataSource, source: string, queue: QueueState): EventLogControl {
  const waiters = new Set<{ readonly after: number; readonly settle: (isThere: boolean) => void }>();
  let newest = 0;
  let isClosed = false;
  const read = coalesce<Asked, readonly LoggedEvent[] | CursorExpired>(
    async (asked) => {
      const pages = new Map<string, readonly LoggedEvent[] | CursorExpired>();
      for (const one of asked) {
        const name = nameAsked(one);
        if (!pages.has(name)) pages.set(name, await readPage(dataSource, source, one));
      }
      return asked.map((one) => pages.get(nameAsked(one)) ?? []);
    },
    READS,
    queue,
  );
  return {
    readEvents: async (after, limit) => {
      const page = await read({ after, limit });
      // One reader's expired cursor must not fail the others of its batch.
      if (page instanceof CursorExpired) throw page;
      return page;
    },
    waitForEvents: (after, signal) => {
      if (after < newest) return Promise.resolve(true);
      if (isClosed || signal.aborted) return Promise.resolve(false);
      return new Promise((resolve) => {
        const giveUp = (): void => {
          waiter.settle(false);
        };
        const waiter = {
          after,
          settle: (isThere: boolean) => {
            waiters.delete(waiter);
            signal.removeEventListener('abort', giveUp);
            resolve(isThere);
          },
        };
        signal.addEventListener('abort', giveUp, { once: true });
        waiters.add(waiter);
      });
    },
    newest: () => newest,
    advance: (position) => {
      if (position === newest) return;
      newest = position;
      for (const waiter of waiters) if (waiter.after < newest) waiter.settle(true);
    },
    close: () => {
      isClosed = true;
      for (const waiter of waiters) waiter.settle(false);
    },
  };
}

function nameAsked({ after, limit }: Asked): string {
  return `${after ?? 'oldest'} ${limit}`;
}

export type PositionedRow = OutboxRow & { readonly position: string };

/** A time that RFC 3339 cannot express, such as `infinity`, must not stop the readers. */
const OCCURRED_AT = `least(greatest(occurred_at, '0001-01-01 00:00+00'), '9999-12-31 00:00+00')`;

/** The columns of a {@link PositionedRow}, as SQL. */
export const EVENT_COLUMNS = `id, order_item_id AS "orderItemId", type, ${OCCURRED_AT} AS "occurredAt", payload, position`;

async function readPage(
  dataSource: DataSource,
  source: string,
  { after, limit }: Asked,
): Promise<readonly LoggedEvent[] | CursorExpired> {
  const rows = await dataSource.query<PositionedRow[]>(
    `/* read_events */ SELECT ${EVENT_COLUMNS}
     FROM order_item_event WHERE position > $1::bigint ORDER BY position LIMIT $2`,
    [after ?? 0, limit],
  );
  // Positions have no gaps, so a page that goes on from the cursor proves that nothing between was pruned.
  const isGapless = after === null || Number(rows[0]?.position) === after + 1;
  if (!isGapless && (await isExpired(dataSource, after))) return new CursorExpired();
  return toLoggedEvents(dataSource, source, rows);
}

/** Makes the events of rows, in their order. It reads the items of those that an early release wrote. */
export async function toLoggedEvents(
  dataSource: Pick<DataSource, 'query'>,
  source: string,
  rows: readonly PositionedRow[],
): Promise<LoggedEvent[]> {
  const items = await findWholeItems(dataSource, rows.filter(isOfWholeItem));
  return rows.map((row) => ({
    position: Number(row.position),
    event: toCloudEvent(row, source, items.get(row.orderItemId)),
  }));
}

/** A position after the newest one is of a log that this database has lost, for example by a restore to an earlier time. */
async function isExpired(dataSource: DataSource, after: number): Promise<boolean> {
  const [kept] = await dataSource.query<{ oldest: string | null; newest: string | null }[]>(
    '/* find_kept_events */ SELECT min(position) AS oldest, max(position) AS newest FROM order_item_event',
  );
  const [oldest, newest] = [Number(kept?.oldest ?? 1), Number(kept?.newest ?? 0)];
  return after < oldest - 1 || after > newest;
}

/** Reads the items of events that an early release wrote. */
async function findWholeItems(
  dataSource: Pick<DataSource, 'query'>,
  rows: readonly OutboxRow[],
): Promise<ReadonlyMap<string, WholeItem>> {
  if (rows.length === 0) return new Map();
  const items = await dataSource.query<(WholeItem & { readonly id: string })[]>(
    `/* read_items_of_events */ SELECT id, order_id AS "orderId", quantity FROM order_item WHERE id = ANY($1::uuid[])`,
    [rows.map(({ orderItemId }) => orderItemId)],
  );
  return new Map(items.map((item) => [item.id, item]));
}

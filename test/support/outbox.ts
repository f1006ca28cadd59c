import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import type { DataSource } from 'typeorm';
import { numberEvents, readNumberingState } from '../../src/events/numberEvents.ts';
import { waitFor } from './waitFor.ts';

/** A row of the outbox with what the tests compare. */
export interface OutboxEvent {
  readonly id: string;
  readonly itemId: string;
  /** Null while the event has no position. */
  readonly position: number | null;
  /** The units of its item that are cancelled by then. */
  readonly reached: number;
}

/** A data source, or one connection. */
export type Queries = Pick<DataSource, 'query'>;

/** Lets functions that take a data source use one connection, with its transaction. */
export function useConnection(client: pg.Client): Queries {
  const query = async (statement: string, parameters: unknown[] = []): Promise<never> =>
    (await client.query(statement, parameters)).rows as never;
  return { query };
}

/** Another process's event of an item. */
export interface GivenEvent {
  readonly itemId?: string;
  readonly reached?: number;
  readonly occurredAt?: Date;
}

/** Inserts events as a transaction of another process does, and returns their ids. */
export async function insertEvents(database: Queries, given: readonly GivenEvent[]): Promise<string[]> {
  const events = given.map(({ itemId = randomUUID(), reached = 1, occurredAt = new Date() }) => ({
    id: randomUUID(),
    itemId,
    occurredAt,
    payload: {
      orderId: 'order-1',
      orderItemId: itemId,
      cancellationId: randomUUID(),
      quantity: 1,
      cancelledQuantity: reached,
      remaining: 9,
      previousStatus: 'pending',
      status: 'pending',
      reasonCode: null,
      cancelledBy: 'another',
      channel: 'rest',
      requestId: '0'.repeat(32),
    },
  }));
  await database.query(
    `INSERT INTO order_item_event (id, order_item_id, type, occurred_at, payload)
     SELECT id, "itemId", 'order_item.partially_cancelled', "occurredAt", payload
     FROM jsonb_to_recordset($1::jsonb) AS given(id uuid, "itemId" uuid, "occurredAt" timestamptz, payload jsonb)`,
    [JSON.stringify(events)],
  );
  return events.map(({ id }) => id);
}

/** Numbers all events, where no service does. @returns the number of batches. */
export async function numberAllEvents(database: Queries): Promise<number> {
  for (let batches = 0; ; batches += 1) {
    const state = await readNumberingState(database);
    if (state.unnumbered === 0) return batches;
    await numberEvents(database, state);
  }
}

/** Returns the events in the order of their positions. Those without one come last. */
export async function readOutbox(database: Queries): Promise<OutboxEvent[]> {
  return database.query(
    `SELECT id, order_item_id AS "itemId", position::int AS position, (payload ->> 'cancelledQuantity')::int AS reached
     FROM order_item_event ORDER BY position, id`,
  );
}

/** Waits until every committed event has a position, and returns all of them in that order. */
export function waitForPositions(database: Queries, count: number): Promise<OutboxEvent[]> {
  return waitFor(`positions of ${count} events`, async () => {
    const events = await readOutbox(database);
    return events.length === count && events.at(-1)?.position !== null && events;
  });
}

/** Requires that positions have no gap and no duplicate, and that the events of each item are in the order of its cancels. */
export function expectInOrder(events: readonly OutboxEvent[]): void {
  expect(events.map(({ position }) => position)).toEqual(events.map((_, index) => index + 1));
  for (const [, ofItem] of Map.groupBy(events, ({ itemId }) => itemId)) {
    const reached = ofItem.map((event) => event.reached);
    expect(reached).toEqual(reached.toSorted((one, other) => one - other));
  }
}

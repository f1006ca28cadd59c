import type { DataSource } from 'typeorm';
import type { CloudEvent } from './cloudEvent.ts';

/** What people wrote about a cancellation. Events have it only where their receiver asks for it. */
export interface FreeTexts {
  readonly reason: string | null;
  readonly note: string | null;
}

/**
 * Reads the free texts of events from the records of the cancellations.
 *
 * @returns the texts by the id of the event. An event whose record is gone has none.
 */
export async function readFreeTexts(
  dataSource: Pick<DataSource, 'query'>,
  events: readonly CloudEvent[],
): Promise<ReadonlyMap<string, FreeTexts>> {
  const rows = await dataSource.query<(FreeTexts & { readonly eventId: string })[]>(
    `/* read_free_texts */ SELECT asked.event_id AS "eventId", record.reason, record.note
     FROM unnest($1::text[], $2::uuid[], $3::text[]) AS asked(event_id, item_id, record_id)
       JOIN order_item_cancellation AS record ON record.order_item_id = asked.item_id AND record.id::text = asked.record_id`,
    [events.map(({ id }) => id), events.map(({ subject }) => subject), events.map(({ data }) => data.cancellationId)],
  );
  return new Map(rows.map(({ eventId, ...texts }) => [eventId, texts]));
}

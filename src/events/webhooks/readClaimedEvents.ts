import type { DataSource } from 'typeorm';
import type { CloudEvent } from '../cloudEvent.ts';
import { EVENT_COLUMNS, type PositionedRow, toLoggedEvents } from '../eventLog.ts';

/** The free texts of a cancellation that an endpoint can ask for. */
export const FREE_TEXTS = ['reason', 'note'] as const;

/**
 * Reads events by their positions.
 *
 * @param source the `source` of the events.
 * @param freeTexts the free texts to add to `data`, from the record of the cancellation. Null if the record is gone.
 * @returns the events that are still kept.
 */
export async function readClaimedEvents(
  dataSource: DataSource,
  source: string,
  positions: readonly number[],
  freeTexts: readonly string[],
): Promise<ReadonlyMap<number, CloudEvent>> {
  const rows = await dataSource.query<PositionedRow[]>(
    `/* read_claimed_events */ SELECT ${EVENT_COLUMNS} FROM order_item_event WHERE position = ANY($1::bigint[])`,
    [positions],
  );
  const logged = await toLoggedEvents(dataSource, source, rows);
  const events = logged.map(({ event }) => event);
  const withTexts = freeTexts.length === 0 ? events : await addFreeTexts(dataSource, events, freeTexts);
  return new Map(withTexts.map((event, index) => [logged[index]?.position ?? 0, event]));
}

interface TextsRow extends Record<(typeof FREE_TEXTS)[number], string | null> {
  readonly id: string;
}

/** Another process can write any id of a cancellation into an event, so it is compared as text. */
async function addFreeTexts(
  dataSource: DataSource,
  events: readonly CloudEvent[],
  freeTexts: readonly string[],
): Promise<CloudEvent[]> {
  const records = await dataSource.query<TextsRow[]>(
    `/* read_free_texts */ SELECT id, reason, note FROM order_item_cancellation
     WHERE order_item_id = ANY($1::uuid[]) AND id::text = ANY($2::text[])`,
    [events.map(({ subject }) => subject), events.map(({ data }) => data.cancellationId)],
  );
  const byId = new Map(records.map((record) => [record.id, record]));
  return events.map((event) => {
    const record = byId.get(event.data.cancellationId);
    const texts = FREE_TEXTS.filter((text) => freeTexts.includes(text)).map((text) => [text, record?.[text] ?? null]);
    return { ...event, data: { ...event.data, ...(Object.fromEntries(texts) as object) } };
  });
}

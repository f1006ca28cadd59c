import type { DataSource } from 'typeorm';

/** Runs an action and expects that every row is unchanged, except for the positions of events. Returns the action's result. */
export async function expectNothingWritten<T>(dataSource: DataSource, action: () => Promise<T>): Promise<T> {
  const before = await everyRow(dataSource);
  const result = await action();
  expect(await everyRow(dataSource)).toEqual(before);
  return result;
}

async function everyRow(dataSource: DataSource): Promise<unknown> {
  const [rows] = await dataSource.query<unknown[]>(`
    SELECT (SELECT jsonb_agg(item ORDER BY id) FROM order_item AS item) AS items,
           (SELECT jsonb_agg(cancellation ORDER BY id) FROM order_item_cancellation AS cancellation) AS cancellations,
           (SELECT jsonb_agg(to_jsonb(event) - 'position' ORDER BY id) FROM order_item_event AS event) AS events`);
  return rows;
}

import { readNumberingState } from '../../src/events/numberEvents.ts';
import { pruneEvents } from '../../src/events/pruneEvents.ts';
import { createDataSource } from '../../src/database/dataSource.ts';
import { insertEvents, numberAllEvents, readOutbox } from '../support/outbox.ts';
import { createTestDatabase } from '../support/testDatabase.ts';

const database = await createTestDatabase();
const dataSource = createDataSource({
  url: database.url,
  entities: [],
  poolSize: 2,
  lockTimeoutMs: 100,
  statementTimeoutMs: 10_000,
});
await dataSource.initialize();
beforeEach(() => dataSource.query('TRUNCATE order_item_event'));
afterAll(async () => {
  await dataSource.destroy();
  await database.drop();
});

const DAY_MS = 86_400_000;

/** Inserts and numbers events of these ages, in days. */
async function keep(...ages: number[]): Promise<void> {
  for (const age of ages) {
    await insertEvents(dataSource, [{ occurredAt: new Date(Date.now() - age * DAY_MS) }]);
    await numberAllEvents(dataSource);
  }
}

async function listPositions(): Promise<(number | null)[]> {
  return (await readOutbox(dataSource)).map(({ position }) => position);
}

test('deletes what is older, and never the newest event', async () => {
  await keep(40, 31, 29, 1);
  expect(await pruneEvents(dataSource, 30, null)).toEqual({ count: 2, hasMore: false });
  expect(await listPositions()).toEqual([3, 4]);
  await dataSource.query("UPDATE order_item_event SET occurred_at = now() - interval '1 year'");
  await pruneEvents(dataSource, 30, null);
  expect(await listPositions()).toEqual([4]);
  expect(await pruneEvents(dataSource, 30, null)).toEqual({ count: 0, hasMore: false });
  await keep(0);
  expect((await readNumberingState(dataSource)).newest).toBe(5);
});

test('leaves no gap: an old event that committed late stays until those before it go', async () => {
  await keep(40, 1, 40, 40, 0);
  expect(await pruneEvents(dataSource, 30, null)).toMatchObject({ count: 1 });
  expect(await listPositions()).toEqual([2, 3, 4, 5]);
});

test('keeps what a reader still needs, and events without a position', async () => {
  await keep(40, 40, 40, 0);
  await insertEvents(dataSource, [{ occurredAt: new Date(0) }]);
  expect(await pruneEvents(dataSource, 30, 3)).toMatchObject({ count: 2 });
  expect(await listPositions()).toEqual([3, 4, null]);
});

test('deletes in small batches', async () => {
  await insertEvents(
    dataSource,
    Array.from({ length: 700 }, () => ({ occurredAt: new Date(0) })),
  );
  await numberAllEvents(dataSource);
  expect(await pruneEvents(dataSource, 30, null)).toEqual({ count: 500, hasMore: true });
  expect(await pruneEvents(dataSource, 30, null)).toEqual({ count: 199, hasMore: false });
});

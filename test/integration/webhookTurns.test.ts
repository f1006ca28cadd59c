import { randomUUID } from 'node:crypto';
import { createDataSource } from '../../src/database/dataSource.ts';
import { findEndpointsWithWork, type RecordedAttempt, takeTurn } from '../../src/events/webhooks/deliveryTurn.ts';
import {
  addEndpoint,
  disableEndpoint,
  listDeliveries,
  listEndpoints,
  replayEvents,
} from '../../src/events/webhooks/endpoints.ts';
import { findNeededByWebhooks } from '../../src/events/webhooks/findNeededByWebhooks.ts';
import { pruneDeliveries } from '../../src/events/webhooks/pruneDeliveries.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { type GivenEvent, insertEvents, numberAllEvents } from '../support/outbox.ts';
import { createTestDatabase } from '../support/testDatabase.ts';

/* Turns on the database, without a service. Each test begins with empty tables. */

const database = await createTestDatabase();
const dataSource = await createDataSource({
  url: database.url,
  entities: [],
  poolSize: 5,
  lockTimeoutMs: 2_000,
  statementTimeoutMs: 10_000,
}).initialize();
const logger = createLogger('silent');
afterAll(async () => {
  await dataSource.destroy();
  await database.drop();
});
beforeEach(() => dataSource.query('TRUNCATE order_item_event, order_item_webhook, order_item_webhook_delivery'));

const DAY_MS = 86_400_000;

async function anEndpoint(): Promise<string> {
  return (await addEndpoint(dataSource, { url: 'https://shop.example/', types: null, freeTexts: [] })).id;
}

async function insertNumbered(given: readonly GivenEvent[]): Promise<void> {
  await insertEvents(dataSource, given);
  await numberAllEvents(dataSource);
}

const daysAgo = (days: number): Date => new Date(Date.now() - days * DAY_MS);

async function claim(endpoint: string, attempts: readonly RecordedAttempt[] = [], capacity = 100) {
  const turn = await takeTurn(dataSource, endpoint, attempts, capacity);
  if (turn === null) throw new Error('Another one has its turn.');
  return turn.claimed;
}

type Claimed = Awaited<ReturnType<typeof claim>>[number];

function ended(delivery: Claimed, outcome: RecordedAttempt['outcome'], pauseMs = 60_000): RecordedAttempt {
  return { ...delivery, outcome, status: outcome === 'taken' ? 200 : 500, error: null, durationMs: 5, pauseMs };
}

test('turns at once claim each delivery once', async () => {
  const endpoint = await anEndpoint();
  await insertNumbered(Array.from({ length: 200 }, () => ({})));
  const claimed: Claimed[] = [];
  const claimAll = async (): Promise<void> => {
    while ((await findEndpointsWithWork(dataSource)).length > 0) {
      claimed.push(...((await takeTurn(dataSource, endpoint, [], 7))?.claimed ?? []));
    }
  };
  await Promise.all([claimAll(), claimAll(), claimAll()]);
  expect(claimed.map(({ position }) => position).toSorted((one, other) => one - other)).toEqual(
    Array.from({ length: 200 }, (_, index) => index + 1),
  );
});

test('an attempt that nobody records is due 15 s after its claim, and then belongs to the one who claims it', async () => {
  const endpoint = await anEndpoint();
  await insertNumbered([{}]);
  const [dead] = await claim(endpoint);
  const [row] = await dataSource.query<{ seconds: number }[]>(
    'SELECT extract(epoch FROM next_attempt_at - now())::float8 AS seconds FROM order_item_webhook_delivery',
  );
  expect(row?.seconds).toBeGreaterThan(10);
  expect(row?.seconds).toBeLessThanOrEqual(15);
  expect(await claim(endpoint)).toEqual([]);
  await dataSource.query('UPDATE order_item_webhook_delivery SET next_attempt_at = now()');
  const [taken] = await claim(endpoint);
  if (dead === undefined || taken === undefined) throw new Error('Nothing was claimed.');
  expect(taken).toMatchObject({ position: dead.position, attempts: 2 });
  // The one that was thought dead comes back.
  await claim(endpoint, [ended(dead, 'failed')]);
  expect(await listDeliveries(dataSource, endpoint, 1)).toMatchObject([{ state: 'waiting', lastStatus: null }]);
  await claim(endpoint, [ended(taken, 'taken')]);
  expect(await listDeliveries(dataSource, endpoint, 1)).toMatchObject([{ state: 'taken', lastStatus: 200 }]);
});

test('the next event of an item is due when the one before is over, also if it came in the meantime', async () => {
  const endpoint = await anEndpoint();
  const itemId = randomUUID();
  await insertNumbered([
    { itemId, reached: 1 },
    { itemId, reached: 2 },
  ]);
  const [first, ...none] = await claim(endpoint);
  expect(none).toEqual([]);
  if (first === undefined) throw new Error('Nothing was claimed.');
  await insertNumbered([{ itemId, reached: 3 }]);
  expect(await claim(endpoint, [ended(first, 'failed', 0)])).toMatchObject([{ position: 1, attempts: 2 }]);
  await dataSource.query('UPDATE order_item_webhook_delivery SET next_attempt_at = now() WHERE position = 1');
  const [again] = await claim(endpoint);
  if (again === undefined) throw new Error('Nothing was claimed.');
  const [second] = await claim(endpoint, [ended(again, 'taken')]);
  if (second === undefined) throw new Error('Nothing was claimed.');
  expect(second.position).toBe(2);
  expect(await claim(endpoint, [ended(second, 'lost')])).toMatchObject([{ position: 3 }]);
});

test('an interrupted attempt is free at once', async () => {
  const endpoint = await anEndpoint();
  await insertNumbered([{}]);
  const [delivery] = await claim(endpoint);
  if (delivery === undefined) throw new Error('Nothing was claimed.');
  expect(await claim(endpoint, [ended(delivery, 'interrupted')])).toMatchObject([{ position: 1 }]);
});

test('the backlog stays in the outbox, and a replay leaves room for new events', async () => {
  const endpoint = await anEndpoint();
  await insertNumbered(Array.from({ length: 1_500 }, () => ({})));
  await claim(endpoint, [], 0);
  expect(await listDeliveries(dataSource, endpoint, 5_000)).toHaveLength(1_000);
  expect(await listEndpoints(dataSource)).toMatchObject([{ lag: 1_500 }]);
  for (let left = 1_500; left > 0; left -= 100) {
    const claimed = await claim(endpoint);
    await claim(
      endpoint,
      claimed.map((one) => ended(one, 'taken')),
      0,
    );
  }
  expect(await listEndpoints(dataSource)).toMatchObject([{ lag: 0 }]);
  expect(await replayEvents(dataSource, endpoint, daysAgo(1))).toBe(1_500);
  await insertNumbered([{}]);
  const claimed = await claim(endpoint);
  expect(claimed.filter(({ replay }) => replay === 1)).toHaveLength(16);
  expect(claimed.filter(({ replay }) => replay === 0)).toMatchObject([{ position: 1_501 }]);
});

describe('the events that webhooks still need', () => {
  test('begin with the oldest that an enabled endpoint has neither taken nor given up', async () => {
    const endpoint = await anEndpoint();
    expect(await findNeededByWebhooks(dataSource, 30, logger)).toBeNull();
    await insertNumbered([{}, {}, {}]);
    expect(await findNeededByWebhooks(dataSource, 30, logger)).toBe(1);
    const claimed = await claim(endpoint);
    await claim(
      endpoint,
      claimed.filter(({ position }) => position < 3).map((one) => ended(one, 'taken')),
    );
    expect(await findNeededByWebhooks(dataSource, 30, logger)).toBe(3);
    await disableEndpoint(dataSource, endpoint);
    expect(await findNeededByWebhooks(dataSource, 30, logger)).toBeNull();
  });

  test('are not those of an endpoint that is further behind, which is disabled', async () => {
    const [behind, current] = [await anEndpoint(), await anEndpoint()];
    await insertNumbered([{ occurredAt: daysAgo(31) }, {}]);
    const claimed = await claim(current);
    await claim(
      current,
      claimed.filter(({ position }) => position === 1).map((one) => ended(one, 'taken')),
    );
    expect(await findNeededByWebhooks(dataSource, 32, logger)).toBe(1);
    expect(await findNeededByWebhooks(dataSource, 30, logger)).toBe(2);
    const states = new Map((await listEndpoints(dataSource)).map((one) => [one.id, one.disabledBecause]));
    expect([states.get(behind), states.get(current)]).toEqual(['behind', null]);
  });
});

test('a delivery is kept as long as its event', async () => {
  const endpoint = await anEndpoint();
  await insertNumbered([{}, {}, {}]);
  const claimed = await claim(endpoint);
  await claim(
    endpoint,
    claimed.filter(({ position }) => position !== 2).map((one) => ended(one, 'taken')),
  );
  await dataSource.query('DELETE FROM order_item_event WHERE position < 3');
  await pruneDeliveries(dataSource);
  expect(await listDeliveries(dataSource, endpoint, 10)).toMatchObject([{ state: 'taken' }, { state: 'waiting' }]);
});

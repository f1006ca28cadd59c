import { randomUUID } from 'node:crypto';
import { toIsoString } from '../../src/order-items/instant.ts';
import { anOrderItem, findCancellations, findOrderItem, insertOrderItems } from '../support/orderItems.ts';
import { createTestDatabase, queryServer } from '../support/testDatabase.ts';
import { startTestService, type TestService } from '../support/testService.ts';
import { waitFor } from '../support/waitFor.ts';

/* No setting of a database changes what is read or written, also where the service cannot set its own (a pooler). */

const SETTINGS = [
  ['datestyle', 'German, DMY'],
  ['datestyle', 'Postgres, MDY'],
  ['datestyle', 'SQL, DMY'],
  ['timezone', 'Asia/Kathmandu'],
  ['intervalstyle', 'iso_8601'],
  ['bytea_output', 'escape'],
  ['extra_float_digits', '-15'],
  ['client_encoding', 'LATIN1'],
  ['standard_conforming_strings', 'off'],
  ['backslash_quote', 'on'],
  ['array_nulls', 'off'],
  ['transform_null_equals', 'on'],
  ['default_transaction_isolation', 'serializable'],
  ['default_transaction_isolation', 'repeatable read'],
  ['synchronous_commit', 'off'],
  ['row_security', 'off'],
  ['exit_on_error', 'on'],
  ['idle_session_timeout', '1'],
  ['plan_cache_mode', 'force_generic_plan'],
  ['enable_indexscan', 'off'],
  ['jit_above_cost', '0'],
  ['quote_all_identifiers', 'on'],
  ['lc_numeric', 'C'],
  ['xmloption', 'document'],
  ['default_toast_compression', 'pglz'],
] as const;

const ITEM = {
  createdAt: new Date('2026-03-04T05:06:07.123Z'),
  updatedAt: new Date('2026-03-04T05:06:07.123Z'),
  releaseDate: '2026-02-01',
  priceAmount: '1234.5678',
  externalId: '\\ü "NULL" 🎁',
};

const FIELDS = `id externalId status releaseDate price { amount } createdAt cancellation { cancelledAt reason note }`;

const POOLINGS = ['session', 'transaction'] as const;
const database = await createTestDatabase({ migrated: false });
const name = new URL(database.url).pathname.slice(1);
// The first start, with its migrations, meets one setting of each kind.
for (const [setting, value] of [...SETTINGS].reverse()) {
  await queryServer(`ALTER DATABASE ${name} SET ${setting} = '${value}'`);
}
const start = (pooling: string): Promise<TestService> =>
  startTestService({ DATABASE_URL: database.url, DATABASE_POOLING: pooling });
const session = await start('session');
// A pooler's session is not idle for a time that the service could set.
await queryServer(`ALTER DATABASE ${name} RESET idle_session_timeout`);
const services = { session, transaction: await start('transaction') };
afterAll(database.drop);

/** Changes the settings of the database and ends the service's sessions, so that new ones get the settings. */
async function setAlone(setting: string, value: string): Promise<void> {
  await queryServer(`ALTER DATABASE ${name} RESET ALL`);
  await queryServer(`ALTER DATABASE ${name} SET ${setting} = '${value}'`);
  await queryServer(
    `SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = '${name}' AND backend_type = 'client backend'`,
  );
  for (const { url } of Object.values(services)) {
    // The first probe can meet a connection that was just terminated.
    await waitFor('readiness', async () => (await fetch(`${url}/health/ready`)).status === 200);
  }
}

test.each(SETTINGS)('%s = %s changes nothing', async (setting, value) => {
  await setAlone(setting, value);
  for (const pooling of POOLINGS) {
    // Behind a pooler, the time without a statement is that of the pooler's session.
    if (setting !== 'idle_session_timeout' || pooling === 'session') await expectNothingChanged(services[pooling]);
  }
});

async function expectNothingChanged(service: TestService): Promise<void> {
  const { dataSource } = service;
  const orderId = randomUUID();
  const later = { ...ITEM, createdAt: new Date('2026-03-04T05:06:08Z') };
  const ids = await insertOrderItems(dataSource, [
    { ...ITEM, orderId },
    { ...later, orderId },
  ]);
  const [one = '', other = ''] = ids;

  const request = { headers: { 'idempotency-key': randomUUID() }, body: { reason: 'Zu spät 🎁 \\n', note: "it's" } };
  const cancelled = await service.cancelByRest(one, request);
  expect(cancelled).toMatchObject({ status: 200, body: { id: one, status: 'cancelled' } });
  expect((await service.cancelByRest(one, request)).body).toEqual(cancelled.body);
  const at = cancelled.body.cancelled_at as string;
  expect(Math.abs(Date.now() - Date.parse(at))).toBeLessThan(600_000);
  const simple = await service.cancelByRest(await anOrderItem(dataSource));
  expect(simple.status).toBe(200);

  const read = {
    externalId: ITEM.externalId,
    releaseDate: '2026-02-01',
    price: { amount: '1234.5678' },
    createdAt: '2026-03-04T05:06:07.123Z',
  };
  const { data } = await service.graphql(
    `{ a: orderItem(id: "${one}") { ${FIELDS} } b: orderItem(id: "${other}") { ${FIELDS} } }`,
  );
  const cancellation = { cancelledAt: at, reason: 'Zu spät 🎁 \\n', note: "it's" };
  expect(data.a).toEqual({ ...read, id: one, status: 'CANCELLED', cancellation });
  expect(data.b).toEqual({
    ...read,
    id: other,
    createdAt: '2026-03-04T05:06:08.000Z',
    status: 'PENDING',
    cancellation: null,
  });

  const page = async (after: string | null): Promise<{ id: string; cursor: string }> => {
    const list = await service.graphql(
      `query($after: String, $orderId: ID!) { orderItems(first: 1, after: $after, filter: { isPreOrder: true, orderId: $orderId, statuses: [PENDING, CANCELLED] }) { edges { cursor node { id } } } }`,
      { after, orderId },
    );
    const [edge] = list.data.orderItems.edges as { cursor: string; node: { id: string } }[];
    return { id: edge?.node.id ?? '', cursor: edge?.cursor ?? '' };
  };
  const newest = await page(null);
  const second = await page(newest.cursor);
  expect([newest.id, second.id]).toEqual([other, one]);

  expect(await findCancellations(dataSource, [one])).toMatchObject([
    { reason: 'Zu spät 🎁 \\n', cancelled_at: new Date(at) },
  ]);
  const item = await findOrderItem(dataSource, one);
  expect(item?.version).toBe(2);
  expect(toIsoString(item?.updatedAt ?? '')).toBe(at);
}

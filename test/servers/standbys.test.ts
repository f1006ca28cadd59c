import pg from 'pg';
import { openCluster } from '../../soak/cluster.ts';
import { openVolume } from '../../soak/volume.ts';
import { anOrderItem } from '../support/orderItems.ts';
import { startTestService, type TestService } from '../support/testService.ts';
import { waitFor } from '../support/waitFor.ts';

/*
 * A real standby that follows a real primary, and two instances of the service that write to the one and read from the
 * other.
 */

const volume = await openVolume();
const cluster = await openCluster(volume.folder, {});
const [primaryUrl, standbyUrl] = cluster.urls;
const { host: primaryHost } = new URL(primaryUrl);
const { host: standbyHost } = new URL(standbyUrl);
await cluster.addStandby(false);
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
  await volume[Symbol.asyncDispose]();
});

const environment = {
  // The standby first: it takes no writes.
  DATABASE_URL: `${primaryUrl.replace(primaryHost, `${standbyHost},${primaryHost}`)}?target_session_attrs=read-write`,
  DATABASE_READ_URLS: standbyUrl,
  DATABASE_POOL_SIZE: '4',
};
const one = await startTestService(environment);
const other = await startTestService(environment);
const withoutStandby = await startTestService({
  ...environment,
  DATABASE_READ_URLS: 'postgres://nobody@127.0.0.1:1/x',
});
const readingFormer = await startTestService({ ...environment, DATABASE_READ_URLS: primaryUrl });

async function onStandby(statement: string): Promise<void> {
  const client = new pg.Client(standbyUrl);
  await client.connect();
  await client.query(statement);
  await client.end();
}

/** Until the standby is as far as the primary. */
async function untilReplayed(): Promise<void> {
  const caughtUp =
    "SELECT 1 FROM pg_stat_replication WHERE replay_lsn >= pg_current_wal_flush_lsn() AND state = 'streaming'";
  await waitFor('the replay of the log', async () => (await cluster.query(caughtUp)).length > 0);
}

async function countReads(service: TestService): Promise<Record<'primary' | 'standby', number>> {
  const text = await (await fetch(`${service.url}/metrics`)).text();
  const count = (server: string): number =>
    Number(new RegExp(`^order_items_reads_total\\{server="${server}"\\} (\\d+)$`, 'm').exec(text)?.[1]);
  return { primary: count('primary'), standby: count('standby') };
}

/** Reads an item, and tells which server answered. */
async function read(service: TestService, id: string): Promise<{ readonly status: unknown; readonly from: string }> {
  const before = await countReads(service);
  const { data } = await service.graphql('query($id: ID!) { orderItem(id: $id) { status } }', { id });
  const after = await countReads(service);
  const from = after.standby > before.standby ? 'standby' : after.primary > before.primary ? 'primary' : 'none';
  return { status: data.orderItem?.status, from };
}

test('finds the server that accepts writes at any place in the URL', async () => {
  const [row] = await one.dataSource.query<{ recovering: boolean }[]>('SELECT pg_is_in_recovery() AS recovering');
  expect(row).toEqual({ recovering: false });
});

test('a standby that has caught up answers reads', async () => {
  const id = await anOrderItem(one.dataSource);
  await untilReplayed();
  expect(await read(one, id)).toEqual({ status: 'PENDING', from: 'standby' });
});

test('a schema change by another service fails no read from the standby', async () => {
  const id = await anOrderItem(one.dataSource);
  for (const type of ['varchar(300)', 'text']) {
    await untilReplayed();
    // Prepares the statement on several connections.
    await Promise.all(Array.from({ length: 20 }, () => read(one, id)));
    await cluster.query(`ALTER TABLE order_item ALTER external_id TYPE ${type}`);
    await untilReplayed();
    const reads = await Promise.all(Array.from({ length: 20 }, () => read(one, id)));
    expect(reads.map(({ status }) => status)).toEqual(reads.map(() => 'PENDING'));
  }
  expect(await read(one, id)).toEqual({ status: 'PENDING', from: 'standby' });
});

test('lists and items of orders are read from the standby, too', async () => {
  await anOrderItem(one.dataSource, { orderId: 'listed' });
  await untilReplayed();
  const before = await countReads(one);
  const list =
    '{ orderItems(filter: { orderId: "listed" }) { edges { node { order { items { edges { cursor } } } } } } }';
  const { data } = await one.graphql(list);
  expect(data.orderItems.edges[0].node.order.items.edges).toHaveLength(1);
  expect(await countReads(one)).toEqual({ primary: before.primary, standby: before.standby + 2 });
});

describe('while the standby lags behind', () => {
  beforeAll(() => onStandby('SELECT pg_wal_replay_pause()'));
  afterAll(() => onStandby('SELECT pg_wal_replay_resume()'));

  test.each([
    ['the instance that cancelled it', one],
    ['another instance', other],
  ])('a cancelled item reads as cancelled, through %s', async (_, reader) => {
    const id = await anOrderItem(one.dataSource);
    expect((await one.cancelByRest(id)).status).toBe(200);
    expect(await read(reader, id)).toEqual({ status: 'CANCELLED', from: 'primary' });
  });

  test('a cancellation has all fields', async () => {
    const id = await anOrderItem(one.dataSource);
    const { body } = await one.cancelByRest(id);
    const query = 'query($id: ID!) { orderItem(id: $id) { cancellation { requestId } } }';
    expect((await other.graphql(query, { id })).data).toEqual({
      orderItem: { cancellation: { requestId: body.request_id } },
    });
  });
});

test('concurrent cancels of one item at two instances: one succeeds', async () => {
  const id = await anOrderItem(one.dataSource);
  const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? one : other).cancelByRest(id)));
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  expect(answers.filter(({ status }) => status === 400)).toHaveLength(39);
});

test('a start does not wait for an unreachable standby', async () => {
  const id = await anOrderItem(one.dataSource);
  expect(await read(withoutStandby, id)).toEqual({ status: 'PENDING', from: 'primary' });
});

describe('failover', () => {
  let lostId: string;

  test('the promoted standby serves everything, without a restart of the service', async () => {
    await untilReplayed();
    const id = await anOrderItem(one.dataSource);
    lostId = await anOrderItem(one.dataSource);
    await untilReplayed();
    // From here on, the primary gets ahead of its standby, which is not a synchronous one.
    await onStandby("ALTER SYSTEM SET primary_conninfo = ''");
    await onStandby('SELECT pg_reload_conf()');
    const following = 'SELECT 1 FROM pg_stat_replication';
    await waitFor('the end of the replication', async () => (await cluster.query(following)).length === 0);
    expect((await one.cancelByRest(lostId)).status).toBe(200);
    for (let segment = 0; segment < 2; segment += 1) {
      await cluster.query('SELECT pg_switch_wal()');
      await anOrderItem(one.dataSource);
    }
    await cluster.kill('SIGKILL');
    const away = await one.cancelByRest(id);
    expect([away.status, away.headers.get('retry-after')]).toEqual([503, '1']);
    await cluster.promote();
    await expect(untilServed(one, id)).resolves.toBe(200);
    await expect(untilServed(other, id)).resolves.toBe(400);
    // The promoted server is no longer a standby.
    expect(await read(other, id)).toEqual({ status: 'CANCELLED', from: 'primary' });
  });

  test('a standby ahead of the promoted one answers no reads', async () => {
    await cluster.startFormer();
    const client = new pg.Client(primaryUrl);
    await client.connect();
    const { rows } = await client.query('SELECT status FROM order_item WHERE id = $1', [lostId]);
    expect(rows).toEqual([{ status: 'cancelled' }]);
    const expectReadFromPrimary = async (): Promise<void> => {
      await expect(untilRead(readingFormer, lostId)).resolves.toEqual({ status: 'PENDING', from: 'primary' });
    };
    // The service gives a failed standby a rest, then asks it again how far it is.
    await waitFor('the service to ask the standby for its position', async () => {
      await expectReadFromPrimary();
      const asked = await client.query("SELECT FROM pg_stat_activity WHERE query LIKE '/* replayed_position */%'");
      return asked.rowCount !== 0;
    });
    for (let round = 0; round < 12; round += 1) await expectReadFromPrimary();
    await client.end();
  });
});

/** As {@link read}, once there is an answer. */
function untilRead(service: TestService, id: string): ReturnType<typeof read> {
  return waitFor('the status of an item', async () => {
    const answer = await read(service, id);
    return answer.status === undefined ? null : answer;
  });
}

function untilServed(service: TestService, id: string): Promise<number> {
  return waitFor('an answer other than 503', async () => {
    const { status } = await service.cancelByRest(id);
    return status === 503 ? null : status;
  });
}

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openDevelopmentIssuer } from '../../src/auth/developmentIssuer.ts';
import { readFeed } from '../support/eventFeed.ts';
import { insertOrderItems } from '../support/orderItems.ts';
import { expectInOrder, readOutbox, waitForPositions } from '../support/outbox.ts';
import { killServiceProcesses, startServiceProcess } from '../support/serviceProcess.ts';
import { createTestDatabase } from '../support/testDatabase.ts';
import { startTestService } from '../support/testService.ts';
import { waitFor } from '../support/waitFor.ts';

const database = await createTestDatabase();
const survivor = await startTestService({ DATABASE_URL: database.url });
const { dataSource } = survivor;
const dataDir = await mkdtemp(path.join(tmpdir(), 'order-items-killed-'));
const token = await (await openDevelopmentIssuer(dataDir)).issueToken();
afterAll(async () => {
  await killServiceProcesses();
  await database.drop();
  await rm(dataDir, { recursive: true });
});

test('an instance that is killed while it cancels and numbers leaves no event without a position, and none twice', async () => {
  const doomed = startServiceProcess({ DATABASE_URL: database.url, DATA_DIR: dataDir, RATE_LIMIT_PER_MINUTE: '0' });
  const url = await doomed.url;
  const ids = await insertOrderItems(
    dataSource,
    Array.from({ length: 2_000 }, () => ({})),
  );
  const headers = { authorization: `Bearer ${token}` };
  const answered = Promise.all(
    ids.map(async (id) => {
      const answer = await fetch(`${url}/v0/line_item/${id}/cancel`, { method: 'POST', headers }).catch(() => null);
      return answer?.status === 200 ? [id] : [];
    }),
  );
  await waitFor('the first positions', async () =>
    (await readOutbox(dataSource)).some(({ position }) => position !== null),
  );
  doomed.child.kill('SIGKILL');
  const cancelled = (await answered).flat();
  await doomed.exit;

  const { length } = await waitFor('the end of the sessions', async () => {
    const sessions = await dataSource.query<unknown[]>(
      `SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'`,
    );
    return sessions.length === 0 && readOutbox(dataSource);
  });
  const events = await waitForPositions(dataSource, length);
  expectInOrder(events);
  const subjects: string[] = [];
  let query = '?limit=1000';
  for (;;) {
    const { body } = await readFeed(survivor, query);
    subjects.push(...body.events.map(({ subject }: { subject: string }) => subject));
    query = `?limit=1000&after=${body.next}`;
    if (body.events.length === 0) break;
  }
  expect(new Set(subjects).size).toBe(subjects.length);
  expect(subjects).toEqual(expect.arrayContaining(cancelled));
  const rows = await dataSource.query<{ id: string }[]>('SELECT order_item_id AS id FROM order_item_cancellation');
  expect(subjects.toSorted()).toEqual(rows.map(({ id }) => id).toSorted());
});

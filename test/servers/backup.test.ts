import { findCodeBlocks, readDocument } from '../support/documents.ts';
import { INSTALLED_POSTGRES, startInstalledPostgres } from '../support/installedPostgres.ts';
import { readFeed } from '../support/eventFeed.ts';
import { anOrderItem, findCancellations, insertOrderItems } from '../support/orderItems.ts';
import { expectInOrder, waitForPositions } from '../support/outbox.ts';
import { startTestService, type TestService } from '../support/testService.ts';

const REQUEST = { headers: { 'idempotency-key': 'kept' } };

/** Cancels an item, then restores a backup with the documented commands and starts a service on it. */
async function backUp(programs: string) {
  const postgres = await startInstalledPostgres(programs);
  const other = await startInstalledPostgres(programs);
  const [original, restored] = [postgres.url('original'), other.url('restored')];
  await postgres.run(`createdb --maintenance-db=${postgres.url('postgres')} original`);
  await postgres.run(`createdb --maintenance-db=${other.url('postgres')} restored`);
  const before = await startTestService({ DATABASE_URL: original });
  const id = await anOrderItem(before.dataSource);
  const answer = await before.cancelByRest(id, REQUEST);
  // Transaction ids of the new server begin far before those of the old one.
  await before.dataSource.query(
    'DO $$ BEGIN FOR n IN 1..20000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$',
  );
  for (const one of await insertOrderItems(before.dataSource, [{}, {}, {}])) await before.cancelByRest(one);
  await waitForPositions(before.dataSource, 4);
  const { body: page } = await readFeed(before, '?limit=2');
  const commands = findCodeBlocks(readDocument('docs/operations.md')).find(({ code }) => code.startsWith('pg_dump'));
  await postgres.run(commands?.code ?? 'false', { DATABASE_URL: original, RESTORED_URL: restored });
  const after: TestService = await startTestService({ DATABASE_URL: restored });
  // Runs after the services have stopped.
  afterAll(async () => {
    await postgres[Symbol.asyncDispose]();
    await other[Symbol.asyncDispose]();
  });
  return { before, after, id, answer, page };
}

const backup = INSTALLED_POSTGRES === undefined ? null : await backUp(INSTALLED_POSTGRES);

(backup === null ? test.skip : test)(
  'a restored backup keeps cancellations, keys, triggers and migrations',
  async () => {
    if (backup === null) return;
    const { before, after, id, answer } = backup;
    expect(answer.status).toBe(200);
    expect(await findCancellations(after.dataSource, [id])).toEqual(await findCancellations(before.dataSource, [id]));
    expect(await after.cancelByRest(id, REQUEST)).toMatchObject({ status: 200, body: answer.body });
    await expect(after.dataSource.query('DELETE FROM order_item_cancellation')).rejects.toThrow('append');
    await expect(after.dataSource.query("UPDATE order_item SET status = 'pending'")).rejects.toThrow(
      'order_item_units_left_check',
    );
  },
);

(backup === null ? test.skip : test)(
  'positions of events survive in a new server, and a reader goes on from its cursor',
  async () => {
    if (backup === null) return;
    const { before, after, page } = backup;
    const rest = (await readFeed(before, `?after=${page.next}`)).body.events as unknown[];
    expect(rest).toHaveLength(2);
    expect((await readFeed(after, `?after=${page.next}`)).body.events).toEqual(rest);
    const [{ isBehind } = { isBehind: null }] = await after.dataSource.query<{ isBehind: boolean }[]>(
      'SELECT pg_current_xact_id()::text::bigint < $1::bigint AS "isBehind"',
      [(await before.dataSource.query<{ id: string }[]>('SELECT pg_current_xact_id()::text AS id'))[0]?.id],
    );
    const id = await anOrderItem(after.dataSource);
    expect((await after.cancelByRest(id)).status).toBe(200);
    const events = await waitForPositions(after.dataSource, 5);
    expectInOrder(events);
    expect(events.at(-1)?.itemId).toBe(id);
    expect(isBehind).toBe(true);
  },
);

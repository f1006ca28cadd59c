import { findCodeBlocks, readDocument } from '../support/documents.ts';
import { INSTALLED_POSTGRES, startInstalledPostgres } from '../support/installedPostgres.ts';
import { anOrderItem, findCancellations } from '../support/orderItems.ts';
import { startTestService, type TestService } from '../support/testService.ts';

const REQUEST = { headers: { 'idempotency-key': 'kept' } };

/** Cancels an item, then restores a backup with the documented commands and starts a service on it. */
async function backUp(programs: string) {
  const postgres = await startInstalledPostgres(programs);
  const [original, restored] = [postgres.url('original'), postgres.url('restored')];
  for (const name of ['original', 'restored']) {
    await postgres.run(`createdb --maintenance-db=${postgres.url('postgres')} ${name}`);
  }
  const before = await startTestService({ DATABASE_URL: original });
  const id = await anOrderItem(before.dataSource);
  const answer = await before.cancelByRest(id, REQUEST);
  const commands = findCodeBlocks(readDocument('docs/operations.md')).find(({ code }) => code.startsWith('pg_dump'));
  await postgres.run(commands?.code ?? 'false', { DATABASE_URL: original, RESTORED_URL: restored });
  const after: TestService = await startTestService({ DATABASE_URL: restored });
  // Runs after the services have stopped.
  afterAll(() => postgres[Symbol.asyncDispose]());
  return { before, after, id, answer };
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

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openDevelopmentIssuer } from '../../src/auth/developmentIssuer.ts';
import { followEvents } from '../support/eventStream.ts';
import { killServiceProcesses, startServiceProcess } from '../support/serviceProcess.ts';
import { createTestDatabase } from '../support/testDatabase.ts';

const dataDir = await mkdtemp(path.join(tmpdir(), 'order-items-subscriptions-'));
const database = await createTestDatabase();
const token = await (await openDevelopmentIssuer(dataDir)).issueToken();
afterAll(async () => {
  await killServiceProcesses();
  await database.drop();
  await rm(dataDir, { recursive: true });
});

test('SIGTERM ends subscriptions at once', async () => {
  const service = startServiceProcess({ DATABASE_URL: database.url, DATA_DIR: dataDir, PLAYGROUND: 'false' });
  const url = `${await service.url}/graphql`;
  const followed = await followEvents(url, token, 'subscription { orderItemCancelled { id } }');
  service.child.kill('SIGTERM');
  expect(await followed.next()).toMatchObject({
    errors: [
      { message: 'The service is about to stop. Subscribe again.', extensions: { code: 'SERVICE_UNAVAILABLE' } },
    ],
  });
  expect(await followed.next()).toBeNull();
  expect(await service.exit).toBe(0);
  expect(service.output()).toContain('"field":"orderItemCancelled"');
});

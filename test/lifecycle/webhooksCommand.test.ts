import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import type { ListedDelivery, ListedEndpoint } from '../../src/events/webhooks/endpoints.ts';
import { anOrderItem } from '../support/orderItems.ts';
import { createTestDatabase } from '../support/testDatabase.ts';
import { startTestService } from '../support/testService.ts';
import { waitFor } from '../support/waitFor.ts';
import { startWebhookReceiver, verify } from '../support/webhookReceiver.ts';

/* The command beside a running service. */

const database = await createTestDatabase();
const receiver = await startWebhookReceiver();
const ENVIRONMENT = { DATABASE_URL: database.url, WEBHOOK_ALLOW_PRIVATE: 'true', WEBHOOK_RETRY_SCHEDULE: '0.1' };
const service = await startTestService(ENVIRONMENT);
afterAll(database.drop);

interface Result {
  readonly exitCode: number;
  readonly output: string;
  readonly errors: string;
}

const FILE = path.join(import.meta.dirname, '../../src/commands/webhooks.ts');

function run(args: readonly string[], environment: Record<string, string> = ENVIRONMENT): Promise<Result> {
  const env = { PATH: process.env['PATH'], ...environment };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [FILE, ...args], { env }, (_, output, errors) => {
      resolve({ exitCode: child.exitCode ?? -1, output, errors });
    });
  });
}

/** Runs a command that works, and returns its JSON. */
async function json<Value>(...args: readonly string[]): Promise<Value> {
  const { exitCode, output, errors } = await run([...args, '--json']);
  expect({ exitCode, errors }).toEqual({ exitCode: 0, errors: '' });
  expect(output.endsWith('\n')).toBe(true);
  return JSON.parse(output) as Value;
}

interface Added {
  readonly id: string;
  readonly url: string;
  readonly secret: string;
}

async function add(...options: readonly string[]): Promise<Added & { readonly path: string }> {
  const at = `/${randomUUID()}`;
  return { ...(await json<Added>('add', `${receiver.url}${at}`, ...options)), path: at };
}

async function findListed(id: string): Promise<ListedEndpoint> {
  const listed = (await json<ListedEndpoint[]>('list')).find((endpoint) => endpoint.id === id);
  if (listed === undefined) throw new Error('The endpoint is not listed.');
  return listed;
}

async function cancel(): Promise<string> {
  const id = await anOrderItem(service.dataSource);
  expect((await service.cancelByRest(id, { body: { reason: 'Late', note: 'By phone' } })).status).toBe(200);
  return id;
}

test('add, list, deliveries, rotate, replay, disable and enable an endpoint of a running service', async () => {
  const since = new Date(Date.now() - 60_000).toISOString();
  const endpoint = await add('--types', 'order_item.cancelled', '--with', 'reason,note');
  expect(endpoint).toEqual({
    id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    url: `${receiver.url}${endpoint.path}`,
    secret: expect.stringMatching(/^whsec_[A-Za-z0-9+/]{43}=$/),
    path: endpoint.path,
  });

  const subject = await cancel();
  const [received] = await receiver.untilReceived(endpoint.path, 1);
  if (received === undefined) throw new Error('Nothing was received.');
  verify(endpoint.secret, received);
  expect(received.event).toMatchObject({ subject, data: { reason: 'Late', note: 'By phone' } });
  await waitFor('the end of the delivery', async () => (await findListed(endpoint.id)).lag === 0);
  expect(await findListed(endpoint.id)).toMatchObject({ url: endpoint.url, status: 'enabled', lag: 0 });
  expect(await json<ListedDelivery[]>('deliveries', endpoint.id)).toEqual([
    {
      eventId: received.event.id,
      subject,
      state: 'taken',
      attempts: 1,
      lastStatus: 204,
      lastError: null,
      lastDurationMs: expect.any(Number),
      nextAttemptAt: null,
      replay: 0,
    },
  ]);

  const rotated = await json<Added>('rotate', endpoint.id);
  expect(await json('replay', endpoint.id, '--since', since)).toEqual({ id: endpoint.id, since, events: 1 });
  const [, again] = await receiver.untilReceived(endpoint.path, 2);
  if (again === undefined) throw new Error('Nothing was received.');
  expect(again.event).toEqual(received.event);
  for (const secret of [endpoint.secret, rotated.secret]) verify(secret, again);

  expect(await json('disable', endpoint.id)).toEqual({ id: endpoint.id, status: 'disabled' });
  const missed = await cancel();
  await waitFor('the event to be numbered', async () => (await findListed(endpoint.id)).lag === 1);
  expect(await findListed(endpoint.id)).toMatchObject({ status: 'disabled', disabledBecause: 'operator' });
  expect(await json('enable', endpoint.id)).toEqual({ id: endpoint.id, status: 'enabled' });
  const [, , last] = await receiver.untilReceived(endpoint.path, 3);
  expect(last?.event.subject).toBe(missed);
});

test('test sends an event at once, and fails if the endpoint does', async () => {
  const endpoint = await add();
  expect(await json('test', endpoint.id)).toMatchObject({ status: 204, error: null, durationMs: expect.any(Number) });
  const [received] = await receiver.untilReceived(endpoint.path, 1);
  if (received === undefined) throw new Error('Nothing was received.');
  verify(endpoint.secret, received);
  expect(received.event).toMatchObject({ type: 'order_item.webhook_test', subject: endpoint.id, data: {} });
  receiver.answer(endpoint.path, () => 500);
  expect(await run(['test', endpoint.id])).toEqual({
    exitCode: 1,
    output: expect.stringMatching(/^The endpoint answered 500, after \d+ ms\.\n$/),
    errors: '',
  });
});

test('says in words what it did, and names no secret but a new one', async () => {
  const added = await run(['add', `${receiver.url}/words`]);
  const [, id = ''] = /^Added (\S+)\. It gets what happens from now on\.\n.*: whsec_\S+\n$/.exec(added.output) ?? [];
  receiver.answer('/words', () => 503);
  await cancel();
  await receiver.untilReceived('/words', 1);
  const outputs = [await run(['list']), await run(['deliveries', id]), await run(['disable', id])];
  expect(outputs.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0]);
  const [list = '', deliveries = '', disabled] = outputs.map(({ output }) => output);
  expect(list).toContain(`${id}  ${receiver.url}/words  enabled, 1 events not taken yet\n`);
  expect(deliveries).toMatch(/^\S+ {2}of \S+ {2}next at \S+Z, \d+ attempts/);
  expect(disabled).toBe(`Disabled ${id}.\n`);
  expect(list + deliveries).not.toContain('whsec_');
});

const ID = '01a22246-a9f5-7218-bc43-f70db0259f40';
const STRICT = { DATABASE_URL: database.url };

test.each([
  [['add', 'http://127.0.0.1/'], 'The endpoint cannot be used: its URL must begin with https://.'],
  [['add', 'https://127.0.0.1/'], 'The endpoint cannot be used: its address 127.0.0.1 is not public.'],
  [
    ['add', 'https://me:secret@8.8.8.8/'],
    'The endpoint cannot be used: its URL must hold no user name and no password.',
  ],
  [['add', 'https://8.8.8.8/', '--types', 'order_item.shipped'], '--types takes order_item.cancelled, '],
  [['add', 'https://8.8.8.8/', '--with', 'price'], '--with takes reason, note, separated by commas.'],
  [['test', ID], `There is no endpoint ${ID}. npm run webhooks -- list shows them.`],
  [['disable', ID], `There is no endpoint ${ID}.`],
  [['enable', ID], `There is no endpoint ${ID}.`],
  [['rotate', ID], `There is no endpoint ${ID}.`],
  [['deliveries', 'one'], 'There is no endpoint one.'],
  [['deliveries', ID, '--limit', '0'], '--limit takes a whole number from 1 to 9999999.'],
  [['replay', ID, '--since', '2026-11-28T09:00:00Z'], `There is no endpoint ${ID}.`],
  [['replay', ID], 'replay needs --since'],
  [['replay', ID, '--since', 'yesterday'], '--since takes a time with its time zone'],
  [['replay', ID, '--since', '2026-02-31T09:00:00Z'], '--since takes a time with its time zone'],
])('%j fails without its usage', async (args, message) => {
  const { exitCode, output, errors } = await run(args, STRICT);
  expect({ exitCode, output }).toEqual({ exitCode: 1, output: '' });
  expect(errors).toContain(message);
  expect(errors).not.toContain('Exit code: ');
  expect(errors).not.toContain('    at ');
});

test.each([
  [[], 'A command is missing.'],
  [['remove'], "Unknown command 'remove'."],
  [['add'], 'add needs a URL.'],
  [['list', ID], `Unknown argument '${ID}'.`],
  [['list', '--types', 'order_item.cancelled'], 'list takes no --types.'],
])('%j fails with its usage', async (args, message) => {
  const { exitCode, errors } = await run(args, { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing' });
  expect(exitCode).toBe(1);
  expect(errors.startsWith(`${message}\n\n`)).toBe(true);
  expect(errors).toContain('Exit code: ');
});

test('enable checks the address again', async () => {
  const endpoint = await add();
  await json('disable', endpoint.id);
  const { exitCode, errors } = await run(['enable', endpoint.id], STRICT);
  expect({ exitCode, errors }).toEqual({
    exitCode: 1,
    errors: 'The endpoint cannot be used: its URL must begin with https://.\n',
  });
  expect(await findListed(endpoint.id)).toMatchObject({ status: 'disabled' });
});

test('needs a migrated database', async () => {
  const empty = await createTestDatabase({ migrated: false });
  const { exitCode, errors } = await run(['list'], { DATABASE_URL: empty.url });
  expect(exitCode).toBe(1);
  expect(errors).toContain('Run npm run migrate');
  await empty.drop();
});

import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { createDataSource } from '../../src/database/dataSource.ts';
import { lockItem, untilSessionWaits } from '../support/lockedItem.ts';
import { expectNothingWritten } from '../support/nothingWritten.ts';
import { anOrderItem } from '../support/orderItems.ts';
import { temporaryFile } from '../support/temporaryFile.ts';
import { createTestDatabase } from '../support/testDatabase.ts';
import { waitFor } from '../support/waitFor.ts';

const HEADER = 'id,order_id,product_id,quantity,price_amount,price_currency\n';
const ID = '0b5c3f5e-8f0a-5b0e-9d63-0123456789ab';
const GOOD_LINE = `${ID},order-1,product-1,1,9.99,GBP\n`;

const database = await createTestDatabase();
const dataSource = createDataSource({
  url: database.url,
  entities: [],
  poolSize: 2,
  lockTimeoutMs: 0,
  statementTimeoutMs: 0,
});
await dataSource.initialize();
afterAll(async () => {
  await dataSource.destroy();
  await database.drop();
});

interface Run {
  readonly exitCode: number | null;
  readonly output: string;
  readonly errors: string;
}

function startImport(
  args: readonly string[],
  environment: Record<string, string> = {},
  input: 'ignore' | 'pipe' = 'ignore',
): ChildProcess {
  return spawn(process.execPath, [path.join(import.meta.dirname, '../../src/commands/import.ts'), ...args], {
    env: { PATH: process.env['PATH'], DATABASE_URL: database.url, ...environment },
    stdio: [input, 'pipe', 'pipe'],
  });
}

async function runImport(
  args: readonly string[],
  environment: Record<string, string> = {},
  input?: string | Buffer,
): Promise<Run> {
  const child = startImport(args, environment, input === undefined ? 'ignore' : 'pipe');
  child.stdin?.end(input);
  if (child.stdout === null || child.stderr === null) throw new Error('The command has no output.');
  const [output, errors, [exitCode]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { exitCode, output, errors };
}

const counts = (inserted: number, updated: number, unchanged: number, rejected: number): string =>
  `inserted: ${inserted}\nupdated: ${updated}\nunchanged: ${unchanged}\nrejected: ${rejected}\nkept cancelled: 0\n`;

describe('npm run import', () => {
  test('reports in a dry run, imports, and finds nothing to do the third time: exit code 0', async () => {
    const file = await temporaryFile('items.csv', HEADER + GOOD_LINE);
    const dryRun = await expectNothingWritten(dataSource, () => runImport([file, '--dry-run']));
    expect(dryRun).toEqual({
      exitCode: 0,
      output: `Dry run: nothing was written. It would be:\n${counts(1, 0, 0, 0)}`,
      errors: '',
    });
    expect(await runImport([file])).toEqual({ exitCode: 0, output: counts(1, 0, 0, 0), errors: '' });
    expect(await runImport([file])).toEqual({ exitCode: 0, output: counts(0, 0, 1, 0), errors: '' });
  });

  test('imports a file that a spreadsheet wrote, and says what it recognized', async () => {
    const id = '2b5c3f5e-8f0a-5b0e-9d63-0123456789ab';
    const sheet = `UUID;Order;PRODUCT_ID;Is_Pre_Order;Release_Date;Price_Amount;Price_Currency;Color\r\n${id};ä;p;TRUE;01.12.2026;12,50;EUR;red\r\n`;
    const file = await temporaryFile('items.csv', Buffer.from(`\ufeff${sheet}`, 'utf16le'));
    const options = [
      '--map',
      'id=uuid,order_id=Order',
      '--ignore-unknown',
      '--decimal-comma',
      '--date-format',
      'DD.MM.YYYY',
    ];
    expect(await runImport([file, ...options])).toEqual({
      exitCode: 0,
      output: counts(1, 0, 0, 0),
      errors:
        'The file was read as CSV, in UTF-16, separated by semicolons, with columns that are left out: "Color".\n',
    });
    expect(
      await dataSource.query(
        'SELECT order_id, is_pre_order, release_date::text, price_amount FROM order_item WHERE id = $1',
        [id],
      ),
    ).toEqual([{ order_id: 'ä', is_pre_order: true, release_date: '2026-12-01', price_amount: '12.5000' }]);
  });

  test('imports standard input, and gzip', async () => {
    const item = GOOD_LINE.replace(ID, '3b5c3f5e-8f0a-5b0e-9d63-0123456789ab');
    expect(await runImport(['-'], {}, HEADER + item)).toEqual({ exitCode: 0, output: counts(1, 0, 0, 0), errors: '' });
    expect(await runImport(['-'], {}, gzipSync(HEADER + item))).toEqual({
      exitCode: 0,
      output: counts(0, 0, 1, 0),
      errors: 'The file was read as CSV, compressed with gzip.\n',
    });
    expect(await runImport(['-'], {}, '')).toEqual({
      exitCode: 1,
      output: '',
      errors: 'Standard input cannot be imported: it is empty.\n',
    });
  });

  test('names every bad line on standard error: exit code 2', async () => {
    const file = await temporaryFile(
      'items.csv',
      `${HEADER}x,order-1\n${GOOD_LINE}${GOOD_LINE.replace('1,9', '-1,9')}`,
    );
    expect(await runImport([file])).toMatchObject({
      exitCode: 2,
      output: expect.stringMatching(/^rejected: 2$/m),
      errors:
        "line 2: the number of its fields is 2, that of the header's 6\n" +
        'line 4: quantity is not a whole number from 1 to 2147483647: "-1"\n',
    });
  });

  test('migrates a database that has no tables yet', async () => {
    const empty = await createTestDatabase({ migrated: false });
    const file = await temporaryFile('items.csv', HEADER + GOOD_LINE);
    expect(await runImport([file], { DATABASE_URL: empty.url })).toMatchObject({ exitCode: 0, errors: '' });
    await empty.drop();
  });

  test.each([
    ['a file that is not there', ['/nowhere.csv'], {}, '/nowhere.csv cannot be imported: ENOENT'],
    ['no file', [], {}, 'npm run import -- FILE [--dry-run]'],
    ['two files', ['a.csv', 'b.csv'], {}, 'npm run import -- FILE [--dry-run]'],
    ['an unknown option', ['--force'], {}, "Unknown option '--force'"],
    ['an unknown column to map', ['a.csv', '--map', 'color=Color'], {}, '--map takes COLUMN=NAME'],
    [
      'an unknown date format',
      ['a.csv', '--date-format', 'YY-MM-DD'],
      {},
      '--date-format takes YYYY-MM-DD, DD.MM.YYYY',
    ],
  ])('reports %s on standard error: exit code 1', async (_case, args, environment, errors) => {
    const run = await runImport(args, environment);
    expect(run).toMatchObject({ exitCode: 1, output: '', errors: expect.stringContaining(errors) });
  });

  test.each([
    ['a bad configuration', { PORT: 'x' }, 'PORT must be a whole number'],
    ['a database that is away', { DATABASE_URL: 'postgres://127.0.0.1:1/none' }, 'connect ECONNREFUSED 127.0.0.1:1'],
  ])('reports %s on standard error: exit code 1', async (_case, environment, errors) => {
    const file = await temporaryFile('items.csv', HEADER + GOOD_LINE);
    const run = await runImport([file], environment);
    expect(run).toMatchObject({ exitCode: 1, output: '', errors: expect.stringContaining(errors) });
  });

  test('refuses a file with an invalid header before it connects: exit code 1', async () => {
    const file = await temporaryFile('items.csv', 'id,colour\n');
    const run = await runImport([file], { DATABASE_URL: 'postgres://127.0.0.1:1/none' });
    expect(run).toMatchObject({ exitCode: 1, output: '', errors: expect.stringContaining('its header has "colour"') });
  });

  test.each([
    ['SIGKILL', null],
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('leaves nothing behind when %s ends it in the middle of one transaction', async (signal, exitCode) => {
    const id = await anOrderItem(dataSource);
    const lines = ['8a0c3f5e-8f0a-5b0e-9d63-0123456789ab', id].map((item) =>
      GOOD_LINE.replace(ID, item).replace(',1,', ',2,'),
    );
    const file = await temporaryFile('items.csv', HEADER + lines.join(''));

    await expectNothingWritten(dataSource, async () => {
      const lock = await lockItem(database.url, id);
      const child = startImport([file, '--atomic']);
      await untilSessionWaits(database.url);
      child.kill(signal);
      expect(await once(child, 'close')).toEqual([exitCode, exitCode === null ? signal : null]);
      // The session does not wait for its lock, and keeps no others.
      await untilNoImportIsConnected();
      await lock.release();
    });
  });
});

test.each(['SIGTERM', 'SIGINT'] as const)('an import in chunks that %s stops says how far it came', async (signal) => {
  const ids = Array.from({ length: 600 }, () => randomUUID());
  // The import writes in the order of the times, so the locked item is the last.
  const lines = ids.map(
    (id, n) => `${id},order-1,product-1,1,9.99,GBP,${new Date(Date.UTC(2026, 0, 1) + n * 1_000).toISOString()}\n`,
  );
  const file = await temporaryFile('items.csv', HEADER.replace('\n', ',created_at\n') + lines.join(''));
  const last = ids.at(-1) ?? '';
  await anOrderItem(dataSource, { id: last });
  const lock = await lockItem(database.url, last);
  const child = startImport([file]);
  if (child.stdout === null || child.stderr === null) throw new Error('The command has no output.');
  const outputs = Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  const countIn = (): Promise<unknown[]> => dataSource.query('SELECT FROM order_item WHERE id = ANY($1)', [ids]);
  await waitFor('all rows but the locked one', async () => (await countIn()).length === 600);
  child.kill(signal);
  const [output, errors, [exitCode]] = await outputs;
  expect({ exitCode, output, errors }).toEqual({
    exitCode: 1,
    output: counts(599, 0, 0, 0),
    errors: `The import stopped: ${signal} arrived. 599 of 600 rows are in, and running the import again is safe.\n`,
  });
  await lock.release();
  expect(await runImport([file])).toMatchObject({ exitCode: 0, output: counts(0, 1, 599, 0) });
});

/** The server notices a lost client twice a second. */
async function untilNoImportIsConnected(): Promise<void> {
  await waitFor('the end of the sessions of imports', async () => {
    const sessions = await dataSource.query<unknown[]>(
      "SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'order-items-import'",
    );
    return sessions.length === 0;
  });
}

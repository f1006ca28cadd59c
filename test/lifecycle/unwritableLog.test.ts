import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openVolume } from '../../soak/volume.ts';
import { findFreePort } from '../../src/embedded-postgres/postgresProcesses.ts';
import { findValue, readMetrics } from '../support/exposition.ts';
import { createTestDatabase } from '../support/testDatabase.ts';
import { waitFor } from '../support/waitFor.ts';

/* Standard output goes where nothing can be written. The service serves on. */

const dataDir = await mkdtemp(path.join(tmpdir(), 'order-items-unwritable-'));
const database = await createTestDatabase();
const volume = await openVolume();
const children: ChildProcess[] = [];
afterAll(async () => {
  for (const child of children) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  await volume[Symbol.asyncDispose]();
  await database.drop();
  await rm(dataDir, { recursive: true });
});

interface Running {
  readonly child: ChildProcess;
  readonly url: string;
  /** What it wrote to standard error. */
  readonly errors: () => string;
}

/** Starts the service and waits until it is ready. */
async function start(output: number | 'pipe'): Promise<Running> {
  const port = await findFreePort();
  const child = spawn(process.execPath, [path.join(import.meta.dirname, '../../src/main.ts')], {
    env: { DATABASE_URL: database.url, DATA_DIR: dataDir, PORT: String(port), RATE_LIMIT_PER_MINUTE: '0' },
    stdio: ['ignore', output, 'pipe'],
  });
  children.push(child);
  let errors = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const url = `http://127.0.0.1:${port}`;
  const isReady = (): Promise<boolean> =>
    fetch(`${url}/health/ready`).then(
      ({ status }) => status === 200,
      () => false,
    );
  await waitFor('readiness', () => {
    if (child.exitCode !== null) throw new Error(errors);
    return isReady();
  });
  return { child, url, errors: () => errors };
}

/** Sends requests that each get a line in the log. */
async function sendRequests(url: string): Promise<void> {
  for (let sent = 0; sent < 600; sent += 20) {
    const answers = await Promise.all(Array.from({ length: 20 }, () => fetch(`${url}/nothing-${'x'.repeat(200)}`)));
    for (const answer of answers) {
      expect(answer.status).toBe(404);
      await answer.arrayBuffer();
    }
  }
  expect((await fetch(`${url}/health/live`)).status).toBe(200);
}

async function countDropped(url: string): Promise<number> {
  return findValue(await readMetrics(url), 'order_items_log_lines_dropped_total') ?? 0;
}

/** Sends requests until this many lines were dropped and standard error says so. */
async function dropLines({ url, errors }: Running, lines: number): Promise<void> {
  await waitFor(
    `${lines} dropped lines`,
    async () => {
      await sendRequests(url);
      return (await countDropped(url)) >= lines;
    },
    60_000,
  );
  await waitFor('a line on standard error', () => errors() !== '');
}

async function stop({ child }: Running): Promise<void> {
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([0, null]);
}

test('a full disk: lines are counted, told once, and written again when there is room', async () => {
  const file = path.join(volume.folder, 'service.log');
  const output = await open(volume.fill === null ? '/dev/full' : file, 'w');
  const service = await start(output.fd);
  await output.close();
  await volume.fill?.();
  await dropLines(service, 100);
  expect(service.errors()).toMatch(/^The log cannot be written \(ENOSPC.*\)\. Dropped lines so far: \d+\. .*\n$/);
  if (volume.fill === null) {
    await stop(service);
    return;
  }

  await volume.makeRoom();
  const before = (await readFile(file)).length;
  await sendRequests(service.url);
  await stop(service);
  const log = await readFile(file, 'utf8');
  expect(log.length).toBeGreaterThan(before);
  const torn = log
    .trimEnd()
    .split('\n')
    .filter((line) => line.startsWith('{') && !line.endsWith('}'));
  expect(torn.length).toBeLessThanOrEqual(1);
  expect(log).toMatch(/"msg":"stopped"\}\n$/);
});

test('a pipe whose reader is gone', async () => {
  const service = await start('pipe');
  service.child.stdout?.destroy();
  await dropLines(service, 100);
  expect(service.errors()).toContain('The log cannot be written (EPIPE');
  await stop(service);
});

test('a pipe whose reader does not read', async () => {
  const service = await start('pipe');
  // Nobody reads what this side has buffered.
  service.child.stdout?.pause();
  await dropLines(service, 1);
  expect(service.errors()).toContain('it takes lines too slowly');
  await stop(service);
});

import { execFile, execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { killServiceProcesses, type ServiceProcess, startServiceProcess } from '../support/serviceProcess.ts';
import { waitFor } from '../support/waitFor.ts';

/** In the home directory, closed to other users, with a space in its name: the least convenient place there is. */
const closedDir = await mkdtemp(path.join(homedir(), '.order-items test '));
const dataDir = path.join(closedDir, 'data');
await chmod(closedDir, 0o700);
const lockFile = path.join(dataDir, 'postgres', 'postmaster.pid');

afterEach(killServiceProcesses);
afterAll(() => rm(closedDir, { recursive: true }));

const start = (environment: Record<string, string> = {}): ServiceProcess =>
  startServiceProcess({ DATA_DIR: dataDir, ...environment });

async function stop(service: ServiceProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  service.child.kill(signal);
  expect(await service.exit).toBe(0);
  expect(existsSync(lockFile)).toBe(false);
}

async function postmasterPid(): Promise<number> {
  return Number((await readFile(lockFile, 'utf8')).split('\n')[0]);
}

/** Counts the items that this test has cancelled. Others are cancelled in the demonstration data. */
async function cancelledItems(service: ServiceProcess): Promise<number> {
  const token = /^ey\S+$/m.exec(service.output())?.[0] ?? '';
  const response = await fetch(`${await service.url}/graphql`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      query:
        '{ orderItems(first: 100, filter: { statuses: [CANCELLED] }) { edges { node { cancellation { cancelledBy } } } } }',
    }),
  });
  const { data } = (await response.json()) as {
    data: { orderItems: { edges: { node: { cancellation: { cancelledBy: string } | null } }[] } };
  };
  return data.orderItems.edges.filter(({ node }) => node.cancellation?.cancelledBy === 'developer').length;
}

describe('npm start without configuration', () => {
  test('serves demonstration data and prints two commands that each cancel an item', async () => {
    const service = start();
    await service.url;
    const commands = service.output().match(/^curl .+$/gm) ?? [];
    expect(commands).toHaveLength(2);
    const answers = await Promise.all(
      commands.map(async (command) => JSON.parse((await promisify(execFile)('sh', ['-c', command])).stdout) as unknown),
    );
    expect(answers[0]).toMatchObject({
      data: { cancelOrderItem: { __typename: 'CancelOrderItemSuccess', orderItem: { status: 'CANCELLED' } } },
    });
    expect(answers[1]).toMatchObject({ status: 'cancelled' });
    expect(await cancelledItems(service)).toBe(2);
    await stop(service);
  });

  test('keeps its data across starts', async () => {
    const service = start();
    await service.url;
    expect(await cancelledItems(service)).toBe(2);
    await stop(service, 'SIGINT');
  });

  test('recovers after a kill of the service, which leaves PostgreSQL running', async () => {
    const killed = start();
    await killed.url;
    killed.child.kill('SIGKILL');
    await killed.exit;
    expect(existsSync(lockFile)).toBe(true);
    const service = start();
    await service.url;
    expect(await cancelledItems(service)).toBe(2);
    await stop(service);
  });

  test('recovers after a kill of both, which leaves a lock file', async () => {
    const killed = start();
    await killed.url;
    killed.child.kill('SIGKILL');
    process.kill(await postmasterPid(), 'SIGKILL');
    await killed.exit;
    expect(existsSync(lockFile)).toBe(true);
    const service = start();
    await service.url;
    expect(await cancelledItems(service)).toBe(2);
    await stop(service);
  });

  test('recovers if the lock file has the process id of another program', async () => {
    await writeFile(lockFile, `${process.pid}\n${dataDir}/postgres\n0\n5432\n\n127.0.0.1\n\n`);
    const service = start();
    await service.url;
    expect(await cancelledItems(service)).toBe(2);
    await stop(service);
  });

  test('shares PostgreSQL with a second instance, and stops it with the last one', async () => {
    const first = start();
    await first.url;
    const second = start();
    await second.url;
    first.child.kill('SIGTERM');
    expect(await first.exit).toBe(0);
    expect(await cancelledItems(second)).toBe(2);
    await stop(second);
  });

  test('starts PostgreSQL once if several instances start at the same time', async () => {
    const shared = path.join(closedDir, 'shared');
    const services = [start({ DATA_DIR: shared }), start({ DATA_DIR: shared }), start({ DATA_DIR: shared })];
    for (const service of services) expect((await fetch(`${await service.url}/health/ready`)).status).toBe(200);
    for (const { child } of services) child.kill('SIGTERM');
    expect(await Promise.all(services.map(({ exit }) => exit))).toEqual([0, 0, 0]);
    expect(existsSync(path.join(shared, 'postgres', 'postmaster.pid'))).toBe(false);
    expect((await readdir(shared)).sort()).toEqual(['development-issuer.jwk.json', 'postgres', 'postgres.log']);
  });

  test('stops completely at any moment of its start', async () => {
    for (const output of ['database migrated', 'demonstration data', 'Server listening']) {
      const fresh = await mkdtemp(path.join(closedDir, 'fresh '));
      const service = start({ DATA_DIR: fresh });
      await service.untilPrinted(output);
      service.child.kill('SIGTERM');
      expect(await service.exit).toBe(0);
      expect(existsSync(path.join(fresh, 'postgres', 'postmaster.pid'))).toBe(false);
    }
  });

  test('stops with PostgreSQL on Ctrl-C, which npm and the service both receive', async () => {
    const service = startServiceProcess({ DATA_DIR: dataDir }, ['npm', 'start']);
    await service.url;
    process.kill(-(service.child.pid ?? 0), 'SIGINT');
    await service.exit;
    // npm does not wait for its child when it is interrupted itself.
    await service.untilPrinted('"stopped"');
    expect(existsSync(lockFile)).toBe(false);
  });

  test('reports an unusable data directory', async () => {
    const file = path.join(closedDir, 'a file');
    await writeFile(file, '');
    const service = start({ DATA_DIR: file });
    expect(await service.exit).toBe(1);
    expect(service.output()).toMatch(/EEXIST|ENOTDIR/);
  });

  test('stops PostgreSQL while it starts', async () => {
    const fresh = path.join(closedDir, 'fresh');
    await mkdir(fresh);
    const service = start({ DATA_DIR: fresh });
    await waitFor('the lock file', () => existsSync(path.join(fresh, 'postgres', 'postmaster.pid')));
    service.child.kill('SIGTERM');
    expect(await service.exit).toBe(0);
    expect(existsSync(path.join(fresh, 'postgres', 'postmaster.pid'))).toBe(false);
    expect(execFileSync('ps', ['-eo', 'args']).toString()).not.toContain(fresh);
  });
});

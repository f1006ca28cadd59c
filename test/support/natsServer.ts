import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import type { CloudEvent } from '../../src/events/cloudEvent.ts';
import { findFreePort } from '../../src/embedded-postgres/postgresProcesses.ts';
import { waitFor } from './waitFor.ts';

/** The path of Debian's NATS server. */
const FILE = '/usr/sbin/nats-server';

/** Whether the NATS server is installed. */
export const hasNats = existsSync(FILE);

/** A message of a stream. */
export interface Stored {
  readonly subject: string;
  /** The header `Nats-Msg-Id`. */
  readonly id: string;
  readonly event: CloudEvent;
}

/** A NATS server with JetStream. Its streams survive a restart. */
export interface NatsServer {
  /** The URL with a user and a password. */
  readonly url: string;
  readonly password: string;
  /** Sends the server a signal. SIGKILL waits for its end. */
  readonly signal: (name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT') => Promise<void>;
  readonly start: () => Promise<void>;
  /** Uses the management of streams. */
  readonly manage: <T>(use: (manager: JetStreamManager) => Promise<T>) => Promise<T>;
  /** Returns the messages of a stream in their order, none if it is missing. */
  readonly readStream: (name: string) => Promise<readonly Stored[]>;
}

/** Starts a server. The end of the test file stops it after everything that was started later. */
export async function startNatsServer(): Promise<NatsServer> {
  const folder = await mkdtemp(path.join(tmpdir(), 'order-items-nats-'));
  const port = await findFreePort();
  // Special in a URL.
  const password = 'planted:secret@1';
  const configuration = path.join(folder, 'nats.conf');
  await writeFile(
    configuration,
    `listen: "127.0.0.1:${port}"
jetstream { store_dir: "${folder}/streams" }
authorization { user: shop, password: "${password}" }
`,
  );
  let child: ChildProcess | null = null;
  const signal: NatsServer['signal'] = async (name) => {
    if (child === null) return;
    const exit = once(child, 'exit');
    child.kill(name);
    if (name !== 'SIGKILL') return;
    await exit;
    child = null;
  };
  const open = () =>
    connect({ servers: `127.0.0.1:${port}`, user: 'shop', pass: password, reconnect: false, timeout: 2_000 });
  const manage: NatsServer['manage'] = async (use) => {
    const connection = await open();
    try {
      return await use(await jetstreamManager(connection));
    } finally {
      await connection.close();
    }
  };
  const start = async (): Promise<void> => {
    child = spawn(FILE, ['-c', configuration], { stdio: 'ignore' });
    await waitFor('the NATS server to be ready', () =>
      manage(({ streams }) => streams.names().next()).then(
        () => true,
        () => false,
      ),
    );
  };
  await start();
  afterAll(async () => {
    await signal('SIGKILL');
    await rm(folder, { recursive: true });
  });
  return {
    url: `nats://shop:${encodeURIComponent(password)}@127.0.0.1:${port}`,
    password,
    signal,
    start,
    manage,
    readStream: (name) =>
      manage(async ({ streams }) => {
        const info = await streams.info(name).catch(() => null);
        const stored: Stored[] = [];
        for (let seq = 1; seq <= (info?.state.last_seq ?? 0); seq += 1) {
          const message = await streams.getMessage(name, { seq });
          if (message === null) continue;
          const id = message.header.get('Nats-Msg-Id');
          stored.push({ subject: message.subject, id, event: message.json<CloudEvent>() });
        }
        return stored;
      }),
  };
}

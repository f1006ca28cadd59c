import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

/** A network between the service and its database, with injectable faults. */
export interface DatabaseProxy {
  /** The URL of the database through this network. */
  readonly url: string;
  /** Closes every connection and refuses new ones. */
  readonly cut: () => Promise<void>;
  /** Stalls a connection, which stays open, when a statement with this text is sent. */
  readonly stallAt: (text: string) => void;
  /** Drops every byte of old and new connections, which stay open. */
  readonly swallow: () => void;
  /** Closes a connection after it forwards one of these texts, so that its result is lost. */
  readonly cutAfter: (texts: readonly string[]) => void;
  /** Adds latency. */
  readonly delay: (durationMs: number) => void;
  /** Ends all faults. Held data continues. */
  readonly mend: () => Promise<void>;
}

/** Opens a proxy that the end of the test file closes. */
export async function startDatabaseProxy(databaseUrl: string): Promise<DatabaseProxy> {
  const proxy = await openDatabaseProxy(databaseUrl);
  afterAll(proxy.cut);
  return proxy;
}

export async function openDatabaseProxy(databaseUrl: string): Promise<DatabaseProxy> {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  const held: (() => void)[] = [];
  let stalled = false;
  let stallText: string | null = null;
  let delayMs = 0;
  let swallowing = false;
  let lastWords: readonly string[] = [];
  const pass = (from: Socket, to: Socket): void => {
    sockets.add(from);
    from.on('data', (chunk: Buffer) => {
      if (swallowing) return;
      if (stallText !== null && chunk.includes(stallText)) stalled = true;
      if (lastWords.some((text) => chunk.includes(text))) {
        to.end(chunk, () => {
          from.destroy();
        });
      } else if (stalled) held.push(() => to.write(chunk));
      else if (delayMs > 0) setTimeout(() => to.write(chunk), delayMs);
      else to.write(chunk);
    });
    from.on('error', () => undefined);
    from.on('close', () => {
      sockets.delete(from);
      to.destroy();
    });
  };
  // The driver disables Nagle's algorithm, too.
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ port: Number(target.port), host: target.hostname, noDelay: true });
    pass(client, upstream);
    pass(upstream, client);
  });
  const listen = async (port: number): Promise<void> => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  };
  const cut = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
  };

  await listen(0);
  const { port } = server.address() as AddressInfo;
  const url = new URL(databaseUrl);
  url.host = `127.0.0.1:${port}`;
  return {
    url: url.href,
    cut,
    stallAt: (text) => {
      stallText = text;
    },
    swallow: () => {
      swallowing = true;
    },
    cutAfter: (texts) => {
      lastWords = texts;
    },
    delay: (durationMs) => {
      delayMs = durationMs;
    },
    mend: async () => {
      stalled = false;
      delayMs = 0;
      swallowing = false;
      stallText = null;
      lastWords = [];
      for (const release of held.splice(0)) release();
      if (!server.listening) await listen(port);
    },
  };
}

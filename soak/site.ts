import { randomUUID } from 'node:crypto';
import { migrateDatabase } from '../src/database/migrateDatabase.ts';
import { ChangingIssuer } from '../test/support/changingIssuer.ts';
import { type DatabaseProxy, openDatabaseProxy } from '../test/support/databaseProxy.ts';
import { type ShiftedClock, openShiftedClock } from './shiftedClock.ts';
import { type Cluster, openCluster } from './cluster.ts';
import { type Instance, openInstance } from './instance.ts';
import { openVolume, type Volume } from './volume.ts';

/** A day is longer than any run and any shift of the clock. */
const TOKEN_LIFE_S = 86_400;

const TOKENS = 20;

/** One caller for all requests. An idempotency key belongs to a caller, who can retry with another token. */
const CALLER = 'caller';

/** The faults of the network between the service and its database. */
export type Network = Omit<DatabaseProxy, 'url' | 'stall' | 'stallAt'>;

/** A database, a network to it, an issuer of tokens and two instances of the service. */
export interface Site extends AsyncDisposable {
  readonly cluster: Cluster;
  readonly volume: Volume;
  readonly network: Network;
  readonly issuer: ChangingIssuer;
  /** The clock of the first instance, or null if it cannot be shifted. */
  readonly clock: ShiftedClock | null;
  readonly instances: readonly [Instance, Instance];
  /** Returns a token of the caller. */
  readonly token: () => string;
  /** Replaces the caller's tokens by tokens that the service has not seen. */
  readonly renewTokens: () => void;
}

export async function openSite(): Promise<Site> {
  await using opened = new AsyncDisposableStack();
  const volume = opened.use(await openVolume());
  // A small limit that a fault can exhaust.
  const cluster = opened.use(await openCluster(volume.folder, { max_connections: '40' }));
  await migrateDatabase(cluster.urls[0]);

  const proxies = await Promise.all(cluster.urls.map(openDatabaseProxy));
  opened.defer(async () => {
    await Promise.all(proxies.map(({ cut }) => cut().catch(() => undefined)));
  });
  const issuer = await ChangingIssuer.open();
  opened.defer(() => issuer.goAway());
  const clock = await openShiftedClock(volume.folder);
  const environment = { DATABASE_URL: buildFailoverUrl(proxies), ...issuer.environment };
  const instances = [
    await openInstance({ ...environment, ...clock?.environment }),
    await openInstance(environment),
  ] as const;
  for (const instance of instances) {
    opened.defer(() => instance.kill('SIGKILL'));
    await instance.start();
  }

  const newTokens = (): string[] => {
    const exp = Math.floor(Date.now() / 1_000) + TOKEN_LIFE_S;
    return Array.from({ length: TOKENS }, () => issuer.token({ sub: CALLER, jti: randomUUID(), exp }));
  };
  let tokens = newTokens();
  const running = opened.move();
  return {
    cluster,
    volume,
    network: combineProxies(proxies),
    issuer,
    clock,
    instances,
    token: () => tokens[Math.floor(Math.random() * tokens.length)] ?? '',
    renewTokens: () => {
      tokens = newTokens();
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** Builds the URL of both servers, with the condition that the server accepts writes. */
function buildFailoverUrl(proxies: readonly DatabaseProxy[]): string {
  const url = new URL(proxies[0]?.url ?? '');
  const hosts = proxies.map((proxy) => new URL(proxy.url).host).join(',');
  return `postgres://${url.username}:${url.password}@${hosts}${url.pathname}?target_session_attrs=read-write`;
}

/** Applies each fault of the network to all proxies. */
function combineProxies(proxies: readonly DatabaseProxy[]): Network {
  const all =
    <Args extends unknown[]>(act: (proxy: DatabaseProxy, ...args: Args) => void) =>
    (...args: Args): void => {
      for (const proxy of proxies) act(proxy, ...args);
    };
  return {
    cut: async () => {
      await Promise.all(proxies.map((proxy) => proxy.cut()));
    },
    mend: async () => {
      await Promise.all(proxies.map((proxy) => proxy.mend()));
    },
    swallow: all((proxy) => {
      proxy.swallow();
    }),
    delay: all((proxy, durationMs: number) => {
      proxy.delay(durationMs);
    }),
    cutAfter: all((proxy, texts: readonly string[]) => {
      proxy.cutAfter(texts);
    }),
  };
}

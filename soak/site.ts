import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { migrateDatabase } from '../src/database/migrateDatabase.ts';
import { ChangingIssuer } from '../test/support/changingIssuer.ts';
import { type DatabaseProxy, openDatabaseProxy } from '../test/support/databaseProxy.ts';
import { type Clock, openClock } from './clock.ts';
import { type Cluster, openCluster } from './cluster.ts';
import { type Instance, openInstance } from './instance.ts';
import { openVolume, type Volume } from './volume.ts';

/** A day: longer than any run, and than a clock is turned. */
const TOKEN_LIFE_S = 86_400;

const TOKENS = 20;

/** An idempotency key is its caller's, who may ask again with another token. */
const CALLER = 'caller';

/** What can break between the service and its database. */
export type Network = Omit<DatabaseProxy, 'url' | 'stall' | 'stallAt'>;

/** A database, a network to it, an issuer of tokens and two instances of the service. */
export interface Site extends AsyncDisposable {
  readonly cluster: Cluster;
  readonly volume: Volume;
  readonly network: Network;
  readonly issuer: ChangingIssuer;
  /** Of the first instance; null where it cannot be turned. */
  readonly clock: Clock | null;
  readonly instances: readonly [Instance, Instance];
  /** Any of the caller's. */
  readonly token: () => string;
  /** Gives the caller tokens that the service has not seen. */
  readonly renewTokens: () => void;
}

export async function openSite(): Promise<Site> {
  await using opened = new AsyncDisposableStack();
  const volume = opened.use(await openVolume());
  // Few, so that they can be used up.
  const cluster = opened.use(await openCluster(volume.folder, { max_connections: '40' }));
  await migrateDatabase(cluster.urls[0]);

  const proxies = await Promise.all(cluster.urls.map(openDatabaseProxy));
  opened.defer(async () => {
    await Promise.all(proxies.map(({ cut }) => cut().catch(() => undefined)));
  });
  const issuer = await ChangingIssuer.open();
  opened.defer(() => issuer.goAway());
  const clock = await openClock(volume.folder);
  const environment = { DATABASE_URL: urlOfBoth(proxies), ...issuer.environment };
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
    network: together(proxies),
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

/** Whichever of the servers takes writes. */
function urlOfBoth(proxies: readonly DatabaseProxy[]): string {
  const url = new URL(proxies[0]?.url ?? '');
  const hosts = proxies.map((proxy) => new URL(proxy.url).host).join(',');
  return `postgres://${url.username}:${url.password}@${hosts}${url.pathname}?target_session_attrs=read-write`;
}

/** What befalls one way to the database befalls the others. */
function together(proxies: readonly DatabaseProxy[]): Network {
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

/** Adds order items that can be cancelled. @returns their ids. */
export async function addOrderItems(database: Pick<Cluster, 'query'>, count: number): Promise<string[]> {
  const rows = await database.query<{ id: string } & pg.QueryResultRow>(
    `INSERT INTO order_item (id, order_id, product_id, status, is_pre_order, quantity, price_amount, price_currency)
     SELECT gen_random_uuid(), 'order-' || number / 20, 'product-1', 'pending', true, 1, 9.99, 'GBP'
     FROM generate_series(1, $1) AS number RETURNING id`,
    [count],
  );
  return rows.map(({ id }) => id);
}

import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { Site } from './site.ts';

/** A real fault that can be injected. */
export interface Fault {
  readonly name: string;
  /** Whether this machine can inject the fault. By default it can. */
  readonly isPossible?: (site: Site) => boolean;
  /** Injects the fault. @returns a function that ends it. */
  readonly inject: (site: Site) => Promise<() => Promise<void>>;
  /** How long the fault lasts. */
  readonly durationMs: number;
  /** Whether no instance can serve meanwhile, so that `/health/ready` must fail. */
  readonly takesDatabaseAway?: true;
  /** Whether an instance of the service ends, so that its callers get no answer. */
  readonly endsInstances?: true;
  /** Whether all instances end. */
  readonly endsAll?: true;
}

/** Ends the sessions of the service. Returns a row for each. */
const TERMINATE_SESSIONS =
  "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'order-items'";

const DATABASE_FAULTS: readonly Fault[] = [
  ...(['SIGKILL', 'SIGQUIT', 'SIGINT'] as const).map((signal): Fault => {
    const name = { SIGKILL: 'PostgreSQL killed (-9)', SIGQUIT: 'immediate shutdown', SIGINT: 'fast shutdown' }[signal];
    return {
      name: `${name}, started again`,
      durationMs: 2_000,
      takesDatabaseAway: true,
      inject: async ({ cluster }) => {
        await cluster.kill(signal);
        return cluster.start;
      },
    };
  }),
  {
    name: 'restarted while every cancel waits for a lock',
    durationMs: 1_000,
    takesDatabaseAway: true,
    inject: async ({ cluster }) => {
      const holder = await cluster.connect();
      await holder.query('BEGIN; LOCK TABLE order_item IN EXCLUSIVE MODE');
      await sleep(500);
      await cluster.kill('SIGINT');
      return cluster.start;
    },
  },
  {
    name: 'failover: primary killed (-9), synchronous standby promoted',
    durationMs: 1_000,
    takesDatabaseAway: true,
    inject: async ({ cluster }) => {
      await cluster.addStandby(true);
      await cluster.kill('SIGKILL');
      return cluster.promote;
    },
  },
  {
    name: 'sessions terminated again and again',
    durationMs: 3_000,
    inject: async ({ cluster }) => {
      const state = { running: true };
      const terminating = (async () => {
        while (state.running) {
          await cluster.query(TERMINATE_SESSIONS);
          await sleep(50);
        }
      })();
      return async () => {
        state.running = false;
        await terminating;
      };
    },
  },
  {
    name: 'database read-only',
    durationMs: 2_000,
    takesDatabaseAway: true,
    inject: async ({ cluster }) => {
      const set = async (value: string): Promise<void> => {
        await cluster.query(`ALTER SYSTEM SET default_transaction_read_only = ${value}`);
        await cluster.query('SELECT pg_reload_conf()');
      };
      await set('on');
      return () => set('off');
    },
  },
  {
    name: 'max_connections exhausted by others',
    durationMs: 2_000,
    takesDatabaseAway: true,
    inject: async ({ cluster }) => {
      const watcher = await cluster.connect();
      const sessions: pg.Client[] = [watcher];
      const state = { running: true };
      const full = Promise.withResolvers<null>();
      // Takes connections as fast as the service reconnects.
      const taking = (async () => {
        while (state.running) {
          const { rowCount } = await watcher.query(TERMINATE_SESSIONS);
          const tries = await Promise.allSettled(Array.from({ length: 20 }, cluster.connect));
          for (const tried of tries) if (tried.status === 'fulfilled') sessions.push(tried.value);
          // No session had come back since the last check.
          if (rowCount === 0) full.resolve(null);
        }
      })();
      await Promise.race([full.promise, taking]);
      return async () => {
        state.running = false;
        await taking;
        await Promise.all(sessions.map((session) => session.end()));
      };
    },
  },
  {
    name: 'disk full (a small tmpfs)',
    durationMs: 3_000,
    isPossible: ({ volume }) => volume.fill !== null,
    inject: async ({ cluster, volume }) => {
      await volume.fill?.();
      return async () => {
        await volume.makeRoom();
        // PostgreSQL stops if it cannot write its log.
        await cluster.start();
      };
    },
  },
];

const NETWORK_FAULTS: readonly Fault[] = [
  {
    name: 'connections cut, network gone',
    durationMs: 2_000,
    takesDatabaseAway: true,
    inject: async ({ network }) => {
      await network.cut();
      return network.mend;
    },
  },
  {
    name: 'connections cut in the middle of transactions',
    durationMs: 2_000,
    inject: async ({ network }) => {
      network.cutAfter(['lock_order_items']);
      return network.mend;
    },
  },
  {
    name: 'connections cut just after COMMIT was sent',
    durationMs: 2_000,
    inject: async ({ network }) => {
      network.cutAfter(['COMMIT', 'cancel_order_items']);
      return network.mend;
    },
  },
  {
    name: 'network swallows every byte',
    durationMs: 4_000,
    takesDatabaseAway: true,
    inject: async ({ network }) => {
      network.swallow();
      return network.mend;
    },
  },
  {
    name: '500 ms more latency to the database',
    durationMs: 4_000,
    inject: async ({ network }) => {
      network.delay(500);
      return network.mend;
    },
  },
];

const SERVICE_FAULTS: readonly Fault[] = [
  {
    name: 'one of two instances killed (-9), started again',
    durationMs: 2_000,
    endsInstances: true,
    inject: async ({ instances: [first] }) => {
      await first.kill('SIGKILL');
      return first.start;
    },
  },
  {
    name: 'both instances killed (-9), started again',
    durationMs: 500,
    endsInstances: true,
    endsAll: true,
    inject: async ({ instances }) => {
      await Promise.all(instances.map((instance) => instance.kill('SIGKILL')));
      return async () => {
        await Promise.all(instances.map((instance) => instance.start()));
      };
    },
  },
  {
    name: 'event loop of one instance stalled (SIGSTOP)',
    durationMs: 3_000,
    inject: async ({ instances: [first] }) => {
      first.signal('SIGSTOP');
      return async () => {
        first.signal('SIGCONT');
      };
    },
  },
  {
    name: 'clock of one instance an hour ahead, then an hour behind',
    durationMs: 2_000,
    isPossible: ({ clock }) => clock !== null,
    inject: async ({ clock, renewTokens }) => {
      await clock?.shift(3_600);
      await sleep(2_000);
      await clock?.shift(-3_600);
      renewTokens();
      return async () => {
        await clock?.shift(0);
      };
    },
  },
  {
    name: 'issuer of tokens gone, and every token new',
    durationMs: 2_000,
    inject: async ({ issuer, renewTokens }) => {
      await issuer.goAway();
      renewTokens();
      return () => issuer.comeBack();
    },
  },
];

export const FAULTS: readonly Fault[] = [...DATABASE_FAULTS, ...NETWORK_FAULTS, ...SERVICE_FAULTS];

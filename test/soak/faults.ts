import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { Site } from './site.ts';

/** Something that goes wrong, for real. */
export interface Fault {
  readonly name: string;
  /** Does it. @returns what undoes it. */
  readonly inject: (site: Site) => Promise<() => Promise<void>>;
  /** How long it lasts, in milliseconds. */
  readonly durationMs: number;
}

/** The sessions of the service. */
const SESSIONS = "SELECT pid FROM pg_stat_activity WHERE application_name = 'order-items'";

export const FAULTS: readonly Fault[] = [
  ...(['SIGKILL', 'SIGQUIT', 'SIGINT'] as const).map((signal): Fault => {
    const name = { SIGKILL: 'PostgreSQL killed (-9)', SIGQUIT: 'immediate shutdown', SIGINT: 'fast shutdown' }[signal];
    return {
      name: `${name}, started again`,
      durationMs: 2_000,
      inject: async (site) => {
        await site.killDatabase(signal);
        return () => site.startDatabase();
      },
    };
  }),
  {
    name: 'one of two instances killed (-9), started again',
    durationMs: 2_000,
    inject: async ({ instances: [first] }: Site) => {
      await first.kill('SIGKILL');
      return () => first.start();
    },
  },
  {
    name: 'both instances killed (-9), started again',
    durationMs: 500,
    inject: async ({ instances }: Site) => {
      await Promise.all(instances.map((instance) => instance.kill('SIGKILL')));
      return async () => {
        await Promise.all(instances.map((instance) => instance.start()));
      };
    },
  },
  {
    name: 'event loop of one instance stalled (SIGSTOP)',
    durationMs: 3_000,
    inject: async ({ instances: [first] }: Site) => {
      first.signal('SIGSTOP');
      return async () => {
        first.signal('SIGCONT');
      };
    },
  },
  {
    name: 'connections cut, network gone',
    durationMs: 2_000,
    inject: async ({ proxy }: Site) => {
      await proxy.cut();
      return () => proxy.mend();
    },
  },
  {
    name: 'network swallows every byte',
    durationMs: 4_000,
    inject: async ({ proxy }: Site) => {
      proxy.swallow();
      return () => proxy.mend();
    },
  },
  {
    name: '500 ms more latency to the database',
    durationMs: 4_000,
    inject: async ({ proxy }: Site) => {
      proxy.delay(500);
      return () => proxy.mend();
    },
  },
  {
    name: 'sessions terminated again and again',
    durationMs: 3_000,
    inject: async ({ query }: Site) => {
      const state = { running: true };
      const terminating = (async () => {
        while (state.running) {
          await query(`SELECT pg_terminate_backend(pid) FROM (${SESSIONS}) AS sessions`);
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
    inject: async ({ query }: Site) => {
      const set = async (value: string): Promise<void> => {
        await query(`ALTER SYSTEM SET default_transaction_read_only = ${value}`);
        await query('SELECT pg_reload_conf()');
      };
      await set('on');
      return async () => {
        // This session is read-only, too, unless it says otherwise.
        await query('BEGIN; SET TRANSACTION READ WRITE; COMMIT');
        await set('off');
      };
    },
  },
  {
    name: 'max_connections exhausted by others',
    durationMs: 2_000,
    inject: async ({ connect, query }: Site) => {
      const sessions: pg.Client[] = [];
      await query(`SELECT pg_terminate_backend(pid) FROM (${SESSIONS}) AS sessions`);
      // Whoever is faster: the service comes back for its own.
      for (let tries = 0; tries < 200; tries += 1) {
        const session = await connect().catch(() => null);
        if (session === null) break;
        sessions.push(session);
      }
      return async () => {
        await Promise.all(sessions.map((session) => session.end()));
      };
    },
  },
];

import { randomUUID } from 'node:crypto';
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';

/** Callers at a time: half of them cancel, through both doors, with a key and without; the others read. */
const CALLERS = 24;

/** No caller waits longer for an answer, in milliseconds: a request may take 10 s, and then there must be one. */
const PATIENCE_MS = 12_000;

/** A caller that was refused comes again after this long, in milliseconds. */
const PAUSE_MS = 20;

/** One item that somebody wanted to cancel, and what he was told. */
interface Attempt {
  readonly id: string;
  readonly door: 'graphql' | 'rest';
  readonly key: string | null;
  /** Null where there was no answer at all. */
  readonly status: number | null;
}

export interface Account {
  /** Answers by status; `none` for connections that broke. */
  readonly answers: Readonly<Record<string, number>>;
  /** Acknowledged cancels. */
  readonly acknowledged: number;
  /** Acknowledged, and not in the database. */
  readonly lost: number;
  /** More than one cancellation or event of an item, or one of an item that is not cancelled. */
  readonly doubled: number;
  /** Without an acknowledgement, and in the database: those without a key, of which nobody could know. */
  readonly unknown: number;
  /** With a key, without an acknowledgement, and not found cancelled once when asked again. */
  readonly unresolved: number;
  /** The longest that a caller waited, in milliseconds. */
  readonly longestMs: number;
}

export interface Load {
  /** Another instance of the service, to which callers turn from now on, in turn. */
  readonly setUrls: (urls: readonly string[]) => void;
  /** Until a cancel is acknowledged that was begun after now. @returns how long that took, in milliseconds. */
  readonly untilServed: () => Promise<number>;
  /** Ends the load and looks at everything that was done. */
  readonly stop: (database: pg.Client) => Promise<Account>;
}

/** Starts callers that go on until they are stopped. @param ids items that can be cancelled, one after the other. */
export function startLoad(urls: readonly string[], token: string, ids: readonly string[]): Load {
  const agent = new Agent({ keepAlive: true });
  const attempts: Attempt[] = [];
  const answers: Record<string, number> = {};
  const state = { urls, next: 0, turn: 0, running: true, longestMs: 0, servedAt: 0 };

  const send = (path: string, headers: Record<string, string>, body: string): Promise<number | null> =>
    new Promise((resolve) => {
      const url = new URL(path, state.urls[state.turn++ % state.urls.length]);
      const begun = performance.now();
      const end = (status: number | null): void => {
        state.longestMs = Math.max(state.longestMs, performance.now() - begun);
        answers[status ?? 'none'] = (answers[status ?? 'none'] ?? 0) + 1;
        resolve(status);
      };
      const sent = request(
        url,
        { method: 'POST', agent, timeout: PATIENCE_MS, headers: { authorization: `Bearer ${token}`, ...headers } },
        (response) => {
          response.resume();
          response.on('end', () => {
            end(response.statusCode ?? null);
          });
          response.on('error', () => {
            end(null);
          });
        },
      );
      sent.on('timeout', () => sent.destroy(new Error('no answer')));
      sent.on('error', () => {
        end(null);
      });
      sent.end(body);
    });

  const cancel = ({ id, door, key }: Omit<Attempt, 'status'>): Promise<number | null> => {
    if (door === 'rest') {
      return send(`/v0/line_item/${id}/cancel`, key === null ? {} : { 'idempotency-key': key }, '');
    }
    const query = 'mutation($input: CancelOrderItemInput!) { cancelOrderItem(input: $input) { __typename } }';
    const input = { id, reason: 'Late', ...(key === null ? {} : { idempotencyKey: key }) };
    return send('/graphql', { 'content-type': 'application/json' }, JSON.stringify({ query, variables: { input } }));
  };

  const canceller = async (caller: number): Promise<void> => {
    while (state.running) {
      const id = ids[state.next++];
      if (id === undefined) return;
      const begun = performance.now();
      const attempt = {
        id,
        door: caller % 2 === 0 ? ('graphql' as const) : ('rest' as const),
        key: caller % 4 < 2 ? randomUUID() : null,
      };
      const status = await cancel(attempt);
      attempts.push({ ...attempt, status });
      if (status === 200) state.servedAt = Math.max(state.servedAt, begun);
      else await sleep(PAUSE_MS);
    }
  };

  const reader = async (caller: number): Promise<void> => {
    while (state.running) {
      const id = ids[(caller * 7_919 + Math.floor(performance.now())) % ids.length];
      const body = JSON.stringify({ query: 'query($id: ID!) { orderItem(id: $id) { status } }', variables: { id } });
      if ((await send('/graphql', { 'content-type': 'application/json' }, body)) !== 200) await sleep(PAUSE_MS);
    }
  };

  const callers = Array.from({ length: CALLERS }, (_, caller) =>
    caller < CALLERS / 2 ? canceller(caller) : reader(caller),
  );

  return {
    setUrls: (others) => {
      state.urls = others;
    },
    untilServed: async () => {
      const since = performance.now();
      while (state.servedAt < since) {
        if (performance.now() - since > 60_000) throw new Error('Nothing was served for a minute.');
        await sleep(5);
      }
      return state.servedAt - since;
    },
    stop: async (database) => {
      state.running = false;
      await Promise.all(callers);
      const told = { ...answers };
      const { longestMs } = state;
      // Whoever has a key asks again and is told the truth.
      const open = attempts.filter(({ status, key }) => status !== 200 && key !== null);
      let unresolved = 0;
      for (const attempt of open) if ((await cancel(attempt)) !== 200) unresolved += 1;
      agent.destroy();
      return { answers: told, longestMs, unresolved, ...(await accountFor(attempts, database)) };
    },
  };
}

async function accountFor(
  attempts: readonly Attempt[],
  database: pg.Client,
): Promise<Pick<Account, 'acknowledged' | 'lost' | 'doubled' | 'unknown'>> {
  const { rows } = await database.query<{ id: string; cancelled: boolean; cancellations: number; events: number }>(
    `SELECT id, status = 'cancelled' AS cancelled,
       (SELECT count(*)::int FROM order_item_cancellation WHERE order_item_id = order_item.id) AS cancellations,
       (SELECT count(*)::int FROM order_item_event WHERE order_item_id = order_item.id) AS events
     FROM order_item WHERE id = ANY($1::uuid[])`,
    [attempts.map(({ id }) => id)],
  );
  const isWhole = (row: (typeof rows)[number]): boolean =>
    row.cancellations === row.events && row.cancellations === (row.cancelled ? 1 : 0);
  const byId = new Map(rows.map((row) => [row.id, row]));
  const acknowledged = attempts.filter(({ status }) => status === 200);
  return {
    acknowledged: acknowledged.length,
    lost: acknowledged.filter(({ id }) => byId.get(id)?.cancelled !== true).length,
    doubled: rows.filter((row) => !isWhole(row)).length,
    unknown: attempts.filter(({ id, status, key }) => status !== 200 && key === null && byId.get(id)?.cancelled).length,
  };
}

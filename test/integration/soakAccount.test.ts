import { randomUUID } from 'node:crypto';
import { type Account, accountFor, type Attempt, countDefects } from '../../soak/account.ts';
import { createTasks, type Send, sendCancel } from '../../soak/callers.ts';
import { addStock } from '../../soak/stock.ts';
import { startTestService } from '../support/testService.ts';

const service = await startTestService();
const token = await service.token();
const database = { query: service.dataSource.query.bind(service.dataSource) };
const { items, orders } = await addStock(database, 400);

const send: Send = async ({ path, headers, body, isRight }) => {
  const response = await fetch(service.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, ...headers },
    body,
  });
  const text = await response.text();
  return { status: response.status, text, isRight: isRight(response.status, text) };
};

const attempts: Attempt[] = [];
const tasks = createTasks({ items: items.slice(20), orders }, attempts, send);

/** Changes rows as no caller can: triggers are off. */
function tamper(statement: string, id = ''): Promise<void> {
  return service.dataSource.transaction(async (transaction) => {
    await transaction.query("SET LOCAL session_replication_role = 'replica'");
    await transaction.query(statement, [id]);
  });
}

const unused = items.slice(0, 20).filter(({ quantity }) => quantity > 2);

/** Cancels two units of an item that has more, without a key. */
async function cancelTwo(): Promise<{ readonly attempt: Attempt; readonly id: string }> {
  const item = unused.shift();
  if (item === undefined) throw new Error('The items have run out.');
  const requestId = randomUUID().replaceAll('-', '');
  const attempt: Attempt = {
    items: [item],
    door: 'graphql',
    key: null,
    quantity: 2,
    reasonCode: 'other',
    mode: null,
    requestId,
    units: null,
  };
  expect(await sendCancel(attempt, send)).toBe(true);
  return { attempt, id: item.id };
}

test('every task of a load gets right answers, and its account has no defects', async () => {
  for (let round = 0; round < 4; round += 1) await Promise.all(tasks.map((task) => task()));
  const account = await accountFor(attempts, database);
  expect(countDefects(account)).toBe(0);
  expect(account.unacknowledged).toBe(0);
  expect(attempts.filter(({ units }) => units === null)).toEqual([]);
  expect(account.acknowledgedUnits).toBeGreaterThan(account.acknowledged);
  // Each round cancels 14 items whole. Only units and orders can be refused.
  expect(account.acknowledged).toBeGreaterThanOrEqual(4 * 14);
  expect(new Set(attempts.map(({ mode }) => mode))).toEqual(new Set([null, 'ALL_CANCELABLE', 'ALL_OR_NOTHING']));
});

describe('the account finds', () => {
  const RECORD = 'order_item_cancellation WHERE order_item_id = $1';
  const CASES: [
    name: string,
    expected: Partial<Account>,
    spoil: (attempt: Attempt, id: string) => Promise<void> | void,
  ][] = [
    ['a lost cancellation', { lost: 1, miscounted: 1 }, (_, id) => tamper(`DELETE FROM ${RECORD}`, id)],
    [
      'fewer units than the answer told',
      { lost: 1, miscounted: 1 },
      (_, id) => tamper('UPDATE order_item_cancellation SET quantity = quantity + 1 WHERE order_item_id = $1', id),
    ],
    [
      'units that a request took twice',
      { doubled: 1, miscounted: 1 },
      (_, id) =>
        tamper(
          `INSERT INTO order_item_cancellation (id, order_item_id, cancelled_before, quantity, previous_status, cancelled_at,
               cancelled_by, channel, request_id)
             SELECT gen_random_uuid(), order_item_id, quantity, 1, previous_status, cancelled_at, cancelled_by, channel, request_id
             FROM ${RECORD}`,
          id,
        ),
    ],
    [
      'units that the row counts and no record has',
      { miscounted: 1 },
      (_, id) =>
        tamper('UPDATE order_item SET quantity = quantity + 1, cancelled_quantity = quantity WHERE id = $1', id),
    ],
    [
      'a missing event',
      { miscounted: 1 },
      (_, id) => tamper('DELETE FROM order_item_event WHERE order_item_id = $1', id),
    ],
    [
      'a cancel in spite of a refusal',
      { doubled: 1 },
      (attempt, id) => {
        attempt.units = new Map([[id, 0]]);
      },
    ],
    [
      'a cancel without an answer',
      { unacknowledged: 1 },
      (attempt) => {
        attempt.units = null;
      },
    ],
  ];

  test.each(CASES)('%s', async (_, expected, spoil) => {
    const { attempt, id } = await cancelTwo();
    expect(await accountFor([attempt], database)).toMatchObject({
      acknowledged: 1,
      lost: 0,
      doubled: 0,
      miscounted: 0,
    });
    await spoil(attempt, id);
    expect(await accountFor([attempt], database)).toMatchObject(expected);
  });

  test('half of a cancel of several items, and a refusal of units that are left', async () => {
    const { attempt } = await cancelTwo();
    const half = { ...attempt, quantity: null, items: [...attempt.items, ...unused.slice(0, 2)] };
    expect(await accountFor([half], database)).toMatchObject({ halved: 1, withheld: 2 });
  });
});

import { findCancellations, anOrderItem, insertOrderItems } from '../support/orderItems.ts';
import { startTestService } from '../support/testService.ts';

// 1,000 requests at once take long on a slow machine.
const service = await startTestService({ REQUEST_TIMEOUT_MS: '120000' });
const { dataSource } = service;

const CANCEL = `mutation($input: CancelOrderItemInput!) {
  cancelOrderItem(input: $input) { __typename ... on OrderItemNotCancelable { blockers { code } } }
}`;

/** Cancels through GraphQL or REST and says how it went, in words that both doors share. */
async function cancel(id: string, door: 'graphql' | 'rest'): Promise<string> {
  if (door === 'rest') {
    const { status, body } = await service.cancelByRest(id, { body: { reason: 'Changed my mind' } });
    return status === 200 ? 'cancelled' : `${String(status)} ${String(body.message)}`;
  }
  const { data, errors } = await service.graphql(CANCEL, { input: { id, reason: 'Changed my mind' } });
  expect(errors).toEqual([]);
  const { __typename, blockers } = data.cancelOrderItem as { __typename: string; blockers?: { code: string }[] };
  return __typename === 'CancelOrderItemSuccess' ? 'cancelled' : (blockers?.[0]?.code ?? __typename);
}

function countOutcomes(outcomes: readonly string[]): Record<string, number> {
  const groups = Map.groupBy(outcomes, (outcome) => outcome);
  return Object.fromEntries([...groups].map(([outcome, all]) => [outcome, all.length]));
}

describe('under contention', () => {
  test('50 cancels of one item at once through both doors: one success, 49 refusals, one cancellation row', async () => {
    const id = await anOrderItem(dataSource);
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, (_, i) => cancel(id, i % 2 === 0 ? 'graphql' : 'rest')),
    );
    const { cancelled, ...refused } = countOutcomes(outcomes);
    expect(cancelled).toBe(1);
    expect(Object.keys(refused).sort()).toEqual(['400 Order item is no longer cancelable.', 'TERMINAL_STATUS']);
    expect(Object.values(refused).reduce((sum, count) => sum + count)).toBe(49);
    expect(await findCancellations(dataSource, [id])).toHaveLength(1);
  });

  test('1,000 cancels of 1,000 items at once through both doors: 1,000 rows and no error', async () => {
    const ids = await insertOrderItems(
      dataSource,
      Array.from({ length: 1_000 }, () => ({})),
    );
    const outcomes = await Promise.all(ids.map((id, i) => cancel(id, i % 2 === 0 ? 'graphql' : 'rest')));
    expect(countOutcomes(outcomes)).toEqual({ cancelled: 1_000 });
    const rows = await findCancellations(dataSource, ids);
    expect(new Set(rows.map((row) => row['order_item_id'])).size).toBe(1_000);
    expect(rows).toHaveLength(1_000);
  });
});

import { loadDemonstration } from '../../src/demonstration/loadDemonstration.ts';
import { type RecordedCancellation, findRecordedCancellations } from '../../src/demonstration/recordedCancellations.ts';
import { readRetailLines } from '../../src/demonstration/retailLines.ts';
import { findBlockers, NOTHING_CLOSED } from '../../src/order-items/eligibility.ts';
import { findCancellations, findOrderItem } from '../support/orderItems.ts';
import { startTestService } from '../support/testService.ts';

const service = await startTestService();
const { dataSource } = service;

type Door = 'graphql' | 'rest';
type Outcome = 'cancelled' | 'not pre-ordered' | 'terminal' | 'not found';

const CANCEL = `mutation($input: CancelOrderItemInput!) {
  cancelOrderItem(input: $input) { __typename ... on CancelOrderItemRefusal { message } }
}`;

/** The refusals by what both doors say of them. */
const OUTCOMES: Readonly<Record<string, Outcome>> = {
  "The Order item can't be canceled.": 'not pre-ordered',
  'Order item is no longer cancelable.': 'terminal',
  'Order item with provided UUID was not found.': 'not found',
};

async function cancel({ orderItemId, externalId }: RecordedCancellation, door: Door): Promise<Outcome | undefined> {
  const reason = `Recorded as ${externalId}`;
  if (door === 'graphql') {
    const { data } = await service.graphql(CANCEL, { input: { id: orderItemId, reason } });
    const { __typename: type, message } = data.cancelOrderItem;
    return type === 'CancelOrderItemSuccess' ? 'cancelled' : OUTCOMES[message];
  }
  const { status, body } = await service.cancelByRest(orderItemId, { body: { reason } });
  return status === 200 ? 'cancelled' : OUTCOMES[body.message];
}

/** What the policy says of the item as it is stored. */
async function predict({ orderItemId }: RecordedCancellation): Promise<Outcome> {
  const item = await findOrderItem(dataSource, orderItemId);
  if (item === undefined) return 'not found';
  const [blocker] = findBlockers(item, NOTHING_CLOSED);
  if (blocker === undefined) return 'cancelled';
  return blocker.code === 'NOT_PRE_ORDERED' ? 'not pre-ordered' : 'terminal';
}

/** Replays the recorded cancellations in their order, the first through the one door, the next through the other. */
async function replay(
  recorded: readonly RecordedCancellation[],
  doors: readonly [Door, Door],
): Promise<Record<Outcome, number>> {
  const account = { cancelled: 0, 'not pre-ordered': 0, terminal: 0, 'not found': 0 };
  for (const [position, cancellation] of recorded.entries()) {
    const predicted = await predict(cancellation);
    const door = doors[position % 2 === 0 ? 0 : 1];
    expect({ ...cancellation, door, outcome: await cancel(cancellation, door) }).toEqual({
      ...cancellation,
      door,
      outcome: predicted,
    });
    account[predicted] += 1;
  }
  return account;
}

describe('the 100 recorded cancellations of the demonstration data', () => {
  test('get the outcomes of the policy through both doors; a second replay cancels nothing more', async () => {
    const recorded = findRecordedCancellations(await readRetailLines());
    const loaded = { inserted: 9_869, updated: 0, unchanged: 0, rejected: 0, keptCancelled: 0 };
    expect(await loadDemonstration(service.databaseUrl)).toEqual(loaded);

    expect(await replay(recorded, ['graphql', 'rest'])).toEqual({
      cancelled: 5,
      'not pre-ordered': 4,
      terminal: 0,
      'not found': 91,
    });
    const ids = recorded.map(({ orderItemId }) => orderItemId);
    const cancellations = await findCancellations(dataSource, ids);
    expect(cancellations).toHaveLength(5);
    for (const { order_item_id: id, reason } of cancellations) {
      expect(reason).toBe(`Recorded as ${recorded.find(({ orderItemId }) => orderItemId === id)?.externalId}`);
      expect(await findOrderItem(dataSource, String(id))).toMatchObject({ status: 'cancelled', version: 2 });
    }

    expect(await replay(recorded, ['rest', 'graphql'])).toEqual({
      cancelled: 0,
      'not pre-ordered': 4,
      terminal: 5,
      'not found': 91,
    });
    expect(await findCancellations(dataSource, ids)).toEqual(cancellations);

    // Loading the data again does not bring back what was cancelled.
    expect(await loadDemonstration(service.databaseUrl)).toEqual({
      ...loaded,
      inserted: 0,
      unchanged: 9_869,
      keptCancelled: 5,
    });
    expect(await findCancellations(dataSource, ids)).toEqual(cancellations);
  });
});

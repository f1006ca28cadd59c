import { asyncMessages, findEventDefects } from '../support/asyncApi.ts';
import { readFeed } from '../support/eventFeed.ts';
import { anOrderItem } from '../support/orderItems.ts';
import { waitForPositions } from '../support/outbox.ts';
import { startTestService } from '../support/testService.ts';

const service = await startTestService();

/** Cancels an item through each door, in part and whole, with and without a code. @returns the events. */
async function cancelInAllWays(): Promise<object[]> {
  const { dataSource } = service;
  const [byRest, byGraphql] = [
    await anOrderItem(dataSource, { quantity: 3 }),
    await anOrderItem(dataSource, { quantity: 2 }),
  ];
  await service.cancelByRest(byRest, { body: { reason: 'Fewer', quantity: 1, reason_code: 'other' } });
  await service.cancelByRest(byRest);
  for (const quantity of [1, null]) {
    await service.graphql('mutation($input: CancelOrderItemInput!) { cancelOrderItem(input: $input) { __typename } }', {
      input: { id: byGraphql, reason: 'Late', quantity },
    });
  }
  await waitForPositions(dataSource, 4);
  return (await readFeed(service)).body.events as object[];
}

const events = await cancelInAllWays();

describe('the AsyncAPI document', () => {
  test('describes every event of a cancel', () => {
    expect(events).toHaveLength(4);
    expect(events.map(findEventDefects)).toEqual([null, null, null, null]);
    const types = new Set(events.map((event) => (event as { type: string }).type));
    expect([...types].toSorted()).toEqual(asyncMessages.map(({ name }) => name).toSorted());
  });

  test('has valid examples', () => {
    for (const { examples } of asyncMessages) {
      expect(examples.map(({ payload }) => findEventDefects(payload))).toEqual(examples.map(() => null));
    }
  });

  test.each<[string, { readonly data?: object; readonly [member: string]: unknown }]>([
    ['another type', { type: 'order_item.shipped' }],
    ['no source', { source: '' }],
    ['a local time', { time: '2026-03-04T05:06:07+01:00' }],
    ['units left although all are cancelled', { type: 'order_item.cancelled', data: { remaining: 1 } }],
    ['no units left although some are', { type: 'order_item.partially_cancelled', data: { remaining: 0 } }],
    ['an unknown door', { data: { channel: 'fax' } }],
    ['another form of the request id', { data: { requestId: 'ABC' } }],
  ])('refuses an event with %s', (_name, { data, ...change }) => {
    const event = events[0] as { data: object };
    expect(findEventDefects({ ...event, ...change, data: { ...event.data, ...data } })).not.toBeNull();
  });

  test.each(['quantity', 'cancelledQuantity', 'remaining', 'orderId', 'reasonCode', 'requestId'])(
    'refuses an event without %s',
    (member) => {
      const event = events[0] as { data: object };
      const data = Object.fromEntries(Object.entries(event.data).filter(([name]) => name !== member));
      expect(findEventDefects({ ...event, data })).not.toBeNull();
    },
  );
});

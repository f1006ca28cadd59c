import { insertOrderItems } from '../support/orderItems.ts';
import { followEvents } from '../support/eventStream.ts';
import { startTestService } from '../support/testService.ts';

const service = await startTestService();
const closed = await startTestService({ INTROSPECTION: 'false' });

test('a mutation that reads lists sees its own cancels in each of them', async () => {
  const [first = '', second = ''] = await insertOrderItems(service.dataSource, [{ orderId: 'A' }, { orderId: 'A' }]);
  const cancel = (id: string): string => `cancelOrderItem(input: { id: "${id}", reason: "Late" }) {
    ... on CancelOrderItemSuccess { orderItem { order { items(filter: { statuses: [CANCELLED] }) { edges { node { id } } } } } } }`;
  const { data } = await service.graphql(`mutation { first: ${cancel(first)} second: ${cancel(second)} }`);
  expect(data.first.orderItem.order.items.edges).toHaveLength(1);
  expect(data.second.orderItem.order.items.edges).toHaveLength(2);
});

test('a subscription is a bad request, not an internal error', async () => {
  const { status, errors } = await service.graphql('subscription { orderItem(id: "1") { id } }');
  expect(status).toBeLessThan(500);
  expect(errors[0]?.extensions['code']).not.toBe('INTERNAL_SERVER_ERROR');
});

test.each([
  ['a field', '{ orderItm(id: "1") { id } }', {}],
  [
    'a value',
    'query($s: [OrderItemStatus!]) { orderItems(filter: { statuses: $s }) { edges { cursor } } }',
    { s: ['PENDNG'] },
  ],
  ['a member', 'query($f: OrderItemFilter) { orderItems(filter: $f) { edges { cursor } } }', { f: { statuss: [] } }],
])('with introspection off, suggests no spelling of %s', async (_, document, variables) => {
  const [open] = (await service.graphql(document, variables)).errors;
  const [told] = (await closed.graphql(document, variables)).errors;
  expect(open?.message).toContain('Did you mean');
  expect(told?.message).not.toContain('Did you mean');
});

test.each([
  ['a field', 'subscription { orderItemCancelled { idd } }', {}],
  [
    'a value',
    'subscription($s: [OrderItemStatus!]) { orderItemCancelled { order { items(filter: { statuses: $s }) { edges { cursor } } } } }',
    { s: ['PENDNG'] },
  ],
])('with introspection off, suggests no spelling of %s to a subscription', async (_, document, variables) => {
  const readMessage = async ({ url, token }: typeof service): Promise<string | undefined> => {
    const stream = await followEvents(`${url}/graphql`, await token(), document, { variables });
    const result = await stream.next();
    stream.stop();
    return result?.errors[0]?.message;
  };
  expect(await readMessage(service)).toContain('Did you mean');
  expect(await readMessage(closed)).toMatch(/./);
  expect(await readMessage(closed)).not.toContain('Did you mean');
});

import { createReads } from '../../src/order-items/reads.ts';
import { MAX_CANCELLATIONS } from '../../src/order-items/cancellationsOfItems.ts';
import { unwatchedQueue } from '../../src/work/coalesce.ts';
import { insertOrderItems } from '../support/orderItems.ts';
import { startTestService } from '../support/testService.ts';

const service = await startTestService();
const { dataSource } = service;

const READ = `query($items: [_Any!]!) {
  _entities(representations: $items) { ... on OrderItem { cancellation { quantity } cancellations { quantity } } }
}`;
const TOO_MANY =
  "The items of this request have more than 5000 cancellations. Ask for fewer items, or page through 'Query.cancellations'.";

/** An item whose units were cancelled one by one. */
async function anItemWith(count: number): Promise<string> {
  const [id = ''] = await insertOrderItems(dataSource, [
    { quantity: count, cancelledQuantity: count, status: 'cancelled' },
  ]);
  await dataSource.query(
    `INSERT INTO order_item_cancellation (id, order_item_id, cancelled_before, quantity, remaining, previous_status,
       cancelled_by, channel, request_id)
     SELECT gen_random_uuid(), $1, n, 1, $2::int - n - 1, 'pending', 'customer', 'rest', repeat('a', 32)
     FROM generate_series(0, $2::int - 1) AS n`,
    [id, count],
  );
  return id;
}

const read = (...ids: string[]): ReturnType<typeof service.graphql> =>
  service.graphql(READ, { items: ids.map((id) => ({ __typename: 'OrderItem', id })) });

test('a request reads as many cancellations of its items as the limit, and more are an error', async () => {
  const most = await anItemWith(MAX_CANCELLATIONS - 1);
  const [one, two] = [await anItemWith(1), await anItemWith(2)];
  const within = await read(most, one);
  expect(within.errors).toEqual([]);
  expect(within.data._entities[0].cancellations).toHaveLength(MAX_CANCELLATIONS - 1);
  const beyond = await read(most, two);
  expect(beyond.status).toBe(200);
  expect(beyond.errors).toMatchObject([
    { message: TOO_MANY, path: ['_entities', 0, 'cancellations'], extensions: { code: 'BAD_USER_INPUT' } },
    { message: TOO_MANY, path: ['_entities', 1, 'cancellations'] },
  ]);
});

test('the bound holds for all fields of a request together', async () => {
  const ids = await Promise.all([anItemWith(3_000), anItemWith(3_000)]);
  const { data, errors } = await service.graphql(
    `query($first: ID!, $second: ID!) {
      a: orderItem(id: $first) { cancellations { quantity } }
      b: orderItem(id: $second) { order { id } cancellations { quantity } }
    }`,
    { first: ids[0], second: ids[1] },
  );
  expect(errors[0]).toMatchObject({ message: TOO_MANY });
  expect([data.a, data.b]).toContain(null);
});

test('the last cancellation is read however many there are', async () => {
  const id = await anItemWith(MAX_CANCELLATIONS + 1);
  const { data, errors } = await service.graphql(
    'query($id: ID!) { orderItem(id: $id) { cancellation { quantity } } }',
    {
      id,
    },
  );
  expect(errors).toEqual([]);
  expect(data.orderItem.cancellation).toEqual({ quantity: 1 });
});

test('a request with too many fails none of the requests that it shares a statement with', async () => {
  const reads = createReads(dataSource, unwatchedQueue);
  const many = await anItemWith(MAX_CANCELLATIONS + 1);
  const few = await Promise.all([1, 2, 3].map(anItemWith));
  // Two batches run at a time. The others wait for them, and share the next.
  const asked = [few[0], few[1], few[0], many, few[1], few[2]].map((id = '') => reads.cancellations([id]));
  const settled = await Promise.allSettled(asked);
  expect(settled.map(({ status }) => status === 'fulfilled')).toEqual([true, true, true, false, true, true]);
  const last = await asked.at(-1);
  expect(last?.get(few[2] ?? '')).toHaveLength(3);
});

import { randomUUID } from 'node:crypto';
import { expectDocumented } from '../support/openApi.ts';
import { anOrderItem, type GivenItem } from '../support/orderItems.ts';
import { expectError } from '../support/restContract.ts';
import { readRestAnswer, type RestAnswer, startTestService } from '../support/testService.ts';

const service = await startTestService();
const { dataSource } = service;
const READ = '/v0/line_item/{uuid}';

async function send(id: string, { method = 'GET', token }: { method?: string; token?: string | null } = {}) {
  const bearer = token === undefined ? await service.token() : token;
  const headers = bearer === null ? {} : { authorization: `Bearer ${bearer}` };
  const answer = await readRestAnswer(fetch(`${service.url}/v0/line_item/${id}`, { method, headers }));
  // The document describes GET, which HEAD repeats without a body.
  if (method !== 'HEAD') expectDocumented(method, READ, answer);
  return answer;
}

async function read(given: GivenItem): Promise<RestAnswer['body']> {
  return (await send(await anOrderItem(dataSource, given))).body;
}

describe('GET /v0/line_item/{uuid}', () => {
  test('says what can be cancelled, and after a cancel in part what is left', async () => {
    const id = await anOrderItem(dataSource, { orderId: 'order-9', quantity: 5, status: 'in_fulfillment' });
    const first = await send(id.toUpperCase(), { token: await service.token({ scope: 'order-items:read' }) });
    const item = { id, order_id: 'order-9', status: 'in_fulfillment', quantity: 5, cancelable: true, blockers: [] };
    expect([first.status, first.body]).toEqual([
      200,
      { ...item, cancelled_quantity: 0, cancelable_quantity: 5, request_id: first.headers.get('x-request-id') },
    ]);
    await service.cancelByRest(id, { body: { reason: 'Fewer', quantity: 2 } });
    expect((await send(id)).body).toMatchObject({ ...item, cancelled_quantity: 2, cancelable_quantity: 3 });
    await service.cancelByRest(id, { body: { reason: 'None', quantity: 3 } });
    expect((await send(id)).body).toMatchObject({
      status: 'cancelled',
      cancelled_quantity: 5,
      cancelable: false,
      cancelable_quantity: 0,
      blockers: [{ code: 'TERMINAL_STATUS', message: 'Order item is no longer cancelable.' }],
    });
  });

  test('says every blocker, in order', async () => {
    expect(await read({ status: 'returned', isPreOrder: false, quantity: 2 })).toMatchObject({
      cancelable: false,
      cancelable_quantity: 0,
      cancelled_quantity: 0,
      blockers: [{ code: 'NOT_PRE_ORDERED' }, { code: 'TERMINAL_STATUS' }],
    });
  });

  test('counts an item that others cancelled as cancelled whole', async () => {
    expect(await read({ status: 'cancelled', quantity: 4, cancelledQuantity: 1 })).toMatchObject({
      cancelled_quantity: 4,
      cancelable_quantity: 0,
    });
  });

  test('refuses what is malformed or unknown', async () => {
    expectError(await send('5'), 400, 'bad_request', 'The order item id is not a valid UUID.');
    expectError(await send(randomUUID()), 404, 'not_found', 'Order item with provided UUID was not found.');
  });

  test('needs the scope to read, before it looks at the path', async () => {
    expectError(await send('5', { token: null }), 401, 'unauthorized');
    expectError(await send('5', { token: await service.token({ scope: 'order-items:cancel' }) }), 403, 'forbidden');
  });

  test.each(['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])(
    'answers %s with 405 and the methods it takes',
    async (method) => {
      const answer = await send(randomUUID(), { method });
      expectError(answer, 405, 'method_not_allowed');
      expect(answer.headers.get('allow')).toBe('GET, HEAD');
    },
  );

  test('answers HEAD like GET, without a body', async () => {
    const answer = await send(await anOrderItem(dataSource), { method: 'HEAD' });
    expect([answer.status, answer.body]).toEqual([200, null]);
  });
});

test('what the read offers, both doors accept, for any state of an item', async () => {
  for (const status of ['pending', 'on_hold', 'in_fulfillment', 'complete', 'cancelled', 'returned'] as const) {
    for (const isPreOrder of [true, false]) {
      for (const cancelledQuantity of status === 'cancelled' ? [0, 3] : [0, 2]) {
        const id = await anOrderItem(dataSource, { status, isPreOrder, quantity: 3, cancelledQuantity });
        const { cancelable, cancelable_quantity: units } = (await send(id)).body as {
          cancelable: boolean;
          cancelable_quantity: number;
        };
        const tooMany = await service.cancelByRest(id, { body: { reason: 'Fewer', quantity: units + 1 } });
        expect(tooMany.status).toBe(400);
        const exact = await service.cancelByRest(id, units === 0 ? {} : { body: { reason: 'Fewer', quantity: units } });
        expect({ cancelable, status: exact.status }).toEqual({ cancelable, status: cancelable ? 200 : 400 });
      }
    }
  }
});

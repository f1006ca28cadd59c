import { randomUUID } from 'node:crypto';
import { expectNothingWritten } from '../support/nothingWritten.ts';
import { anOrderItem, findCancellations, findOrderItem, insertOrderItems } from '../support/orderItems.ts';
import { type GraphQLAnswer, startTestService } from '../support/testService.ts';

const service = await startTestService();
const { dataSource } = service;

const CANCEL = `mutation($input: CancelOrderItemInput!) {
  cancelOrderItem(input: $input) {
    __typename
    ... on CancelOrderItemSuccess {
      orderItem { id status cancelability { cancelable blockers { code message } } cancellation { requestId } }
      cancellation { reason note cancelledAt cancelledBy channel requestId }
    }
    ... on CancelOrderItemRefusal { message }
    ... on OrderItemNotFound { id }
    ... on OrderItemNotCancelable { blockers { code message } orderItem { id status } }
    ... on InvalidCancelRequest { field }
  }
}`;
const CANCEL_ALL = `mutation($input: CancelOrderItemsInput!) {
  cancelOrderItems(input: $input) {
    __typename
    ... on CancelOrderItemSuccess { orderItem { id status } }
    ... on CancelOrderItemRefusal { message }
    ... on OrderItemNotCancelable { orderItem { id status } }
    ... on OrderItemNotFound { id }
    ... on InvalidCancelRequest { field }
  }
}`;

const NOT_PRE_ORDERED = { code: 'NOT_PRE_ORDERED', message: "The Order item can't be canceled." };
const TERMINAL_STATUS = { code: 'TERMINAL_STATUS', message: 'Order item is no longer cancelable.' };
const VALIDATION = 'Validation of cancel order request failed with error: ';
const NOT_ALLOWED = 'has a character that is not allowed (NUL or half of a surrogate pair).';
const BAD_KEY = 'the idempotency key does not have 1 to 255 printable characters.';

/** The data of an answer that has nothing but data. */
function dataOf({ status, errors, data }: GraphQLAnswer): GraphQLAnswer['data'] {
  expect({ status, errors }).toEqual({ status: 200, errors: [] });
  return data;
}

async function cancel(input: object): Promise<GraphQLAnswer['data']> {
  return dataOf(await service.graphql(CANCEL, { input })).cancelOrderItem;
}

async function refused(input: object): Promise<GraphQLAnswer['data']> {
  return expectNothingWritten(dataSource, () => cancel(input));
}

describe('cancelOrderItem', () => {
  test('cancels and returns what was written', async () => {
    const id = await anOrderItem(dataSource, { status: 'on_hold' });
    const answer = await service.graphql(CANCEL, { input: { id, reason: ' Late ', note: 'By phone' } });
    const requestId = answer.headers.get('x-request-id');
    const [row] = await findCancellations(dataSource, [id]);
    expect(dataOf(answer).cancelOrderItem).toEqual({
      __typename: 'CancelOrderItemSuccess',
      orderItem: {
        id,
        status: 'CANCELLED',
        cancelability: { cancelable: false, blockers: [TERMINAL_STATUS] },
        cancellation: { requestId },
      },
      cancellation: {
        reason: 'Late',
        note: 'By phone',
        cancelledAt: (row?.['cancelled_at'] as Date).toISOString(),
        cancelledBy: 'developer',
        channel: 'GRAPHQL',
        requestId,
      },
    });
    expect(row).toMatchObject({
      reason: 'Late',
      note: 'By phone',
      channel: 'graphql',
      request_id: requestId,
      previous_status: 'on_hold',
    });
  });

  test('a null note counts as missing', async () => {
    const id = await anOrderItem(dataSource);
    expect(await cancel({ id, reason: 'Late', note: null, idempotencyKey: null })).toMatchObject({
      cancellation: { note: null },
    });
  });

  test('OrderItemNotFound', async () => {
    const id = randomUUID();
    expect(await refused({ id, reason: 'Late' })).toEqual({
      __typename: 'OrderItemNotFound',
      message: 'Order item with provided UUID was not found.',
      id,
    });
  });

  test.each([
    ['not pre-ordered', { isPreOrder: false }, [NOT_PRE_ORDERED]],
    ['complete', { status: 'complete' }, [TERMINAL_STATUS]],
    ['cancelled', { status: 'cancelled' }, [TERMINAL_STATUS]],
    ['returned', { status: 'returned' }, [TERMINAL_STATUS]],
    ['both', { isPreOrder: false, status: 'returned' }, [NOT_PRE_ORDERED, TERMINAL_STATUS]],
  ] as const)('OrderItemNotCancelable: %s', async (_, given, blockers) => {
    const id = await anOrderItem(dataSource, given);
    const status = ('status' in given ? given.status : 'pending').toUpperCase();
    expect(await refused({ id, reason: 'Late' })).toEqual({
      __typename: 'OrderItemNotCancelable',
      message: blockers[0].message,
      blockers,
      orderItem: { id, status },
    });
  });

  test.each([
    ['id malformed', 'id', { id: 'nonsense' }, 'the order item id is not a valid UUID.'],
    ['id with NUL', 'id', { id: '\0' }, 'the order item id is not a valid UUID.'],
    ['reason empty', 'reason', { reason: '' }, "'reason' is empty."],
    ['reason blank', 'reason', { reason: ' \n' }, "'reason' is empty."],
    ['reason too long', 'reason', { reason: 'x'.repeat(501) }, "'reason' is longer than 500 characters."],
    ['reason with NUL', 'reason', { reason: 'a\0b' }, `'reason' ${NOT_ALLOWED}`],
    ['reason with a lone surrogate', 'reason', { reason: 'a\ud800b' }, `'reason' ${NOT_ALLOWED}`],
    ['note too long', 'note', { note: 'x'.repeat(2_001) }, "'note' is longer than 2000 characters."],
    ['note with a lone surrogate', 'note', { note: '\udfff' }, `'note' ${NOT_ALLOWED}`],
    ['key empty', 'idempotencyKey', { idempotencyKey: '' }, BAD_KEY],
    ['key too long', 'idempotencyKey', { idempotencyKey: 'k'.repeat(256) }, BAD_KEY],
  ])('InvalidCancelRequest: %s', async (_, field, defect, message) => {
    const id = await anOrderItem(dataSource);
    expect(await refused({ id, reason: 'Late', ...defect })).toEqual({
      __typename: 'InvalidCancelRequest',
      message: VALIDATION + message,
      field,
    });
  });

  test('IdempotencyKeyReused comes before existence; a repeat gets the first answer', async () => {
    const id = await anOrderItem(dataSource);
    const input = { id, reason: 'Late', idempotencyKey: randomUUID() };
    const first = await cancel(input);
    expect(await refused(input)).toEqual(first);
    const message = 'The idempotency key was already used for another request.';
    for (const other of [{ id: randomUUID() }, { reason: 'Later' }, { note: 'x' }]) {
      expect(await refused({ ...input, ...other })).toEqual({ __typename: 'IdempotencyKeyReused', message });
    }
  });

  test('has the same messages as the REST path', async () => {
    const cases = [
      [await anOrderItem(dataSource, { isPreOrder: false }), 'Late'],
      [await anOrderItem(dataSource, { status: 'returned' }), 'Late'],
      [await anOrderItem(dataSource), ''],
      [randomUUID(), 'Late'],
      ['nonsense', 'Late'],
    ] as const;
    for (const [id, reason] of cases) {
      const { body } = await service.cancelByRest(id, { body: { reason } });
      expect((await refused({ id, reason })).message).toBe(body.message);
    }
  });
});

describe('cancelOrderItems', () => {
  async function cancelAll(input: object): Promise<GraphQLAnswer['data']> {
    return dataOf(await service.graphql(CANCEL_ALL, { input })).cancelOrderItems;
  }

  test('returns one result per id, in order: a refusal of one does not affect the others', async () => {
    const [first, blocked, last] = [
      await anOrderItem(dataSource),
      await anOrderItem(dataSource, { isPreOrder: false }),
      await anOrderItem(dataSource),
    ];
    const unknown = randomUUID();
    expect(await cancelAll({ ids: [last, 'nonsense', blocked, unknown, first, last], reason: 'Late' })).toMatchObject([
      { __typename: 'CancelOrderItemSuccess', orderItem: { id: last, status: 'CANCELLED' } },
      { __typename: 'InvalidCancelRequest', field: 'id' },
      { __typename: 'OrderItemNotCancelable', message: NOT_PRE_ORDERED.message },
      { __typename: 'OrderItemNotFound', id: unknown },
      { __typename: 'CancelOrderItemSuccess', orderItem: { id: first } },
      {
        __typename: 'OrderItemNotCancelable',
        message: TERMINAL_STATUS.message,
        orderItem: { id: last, status: 'CANCELLED' },
      },
    ]);
    expect(await findCancellations(dataSource, [first, blocked, last])).toHaveLength(2);
    expect((await findOrderItem(dataSource, blocked))?.status).toBe('pending');
  });

  test('accepts 100 ids', async () => {
    const ids = await insertOrderItems(
      dataSource,
      Array.from({ length: 100 }, () => ({})),
    );
    const results = await cancelAll({ ids, reason: 'Late' });
    expect(results.map(({ orderItem }: { orderItem: { id: string } }) => orderItem.id)).toEqual(ids);
  });

  test('an invalid reason gives one InvalidCancelRequest per id', async () => {
    const ids = [await anOrderItem(dataSource), randomUUID()];
    const results = await expectNothingWritten(dataSource, () => cancelAll({ ids, reason: ' ' }));
    expect(results).toEqual(
      ids.map(() => ({
        __typename: 'InvalidCancelRequest',
        message: `${VALIDATION}'reason' is empty.`,
        field: 'reason',
      })),
    );
  });

  test('a repeat gets the same results; the same ids in another order are a different request', async () => {
    const ids = await insertOrderItems(dataSource, [{}, {}]);
    const input = { ids, reason: 'Late', idempotencyKey: randomUUID() };
    const first = await cancelAll(input);
    expect(await expectNothingWritten(dataSource, () => cancelAll(input))).toEqual(first);
    const others = await expectNothingWritten(dataSource, () => cancelAll({ ...input, ids: ids.toReversed() }));
    expect(others).toMatchObject([{ __typename: 'IdempotencyKeyReused' }, { __typename: 'IdempotencyKeyReused' }]);
  });
});

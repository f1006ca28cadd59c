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

/** Expects an answer without errors and returns its data. */
function expectData({ status, errors, data }: GraphQLAnswer): GraphQLAnswer['data'] {
  expect({ status, errors }).toEqual({ status: 200, errors: [] });
  return data;
}

async function cancel(input: object): Promise<GraphQLAnswer['data']> {
  return expectData(await service.graphql(CANCEL, { input })).cancelOrderItem;
}

async function cancelAndExpectNoWrite(input: object): Promise<GraphQLAnswer['data']> {
  return expectNothingWritten(dataSource, () => cancel(input));
}

describe('cancelOrderItem', () => {
  test('succeeds and returns the cancellation that it recorded', async () => {
    const id = await anOrderItem(dataSource, { status: 'on_hold' });
    const answer = await service.graphql(CANCEL, { input: { id, reason: ' Late ', note: 'By phone' } });
    const requestId = answer.headers.get('x-request-id');
    const [row] = await findCancellations(dataSource, [id]);
    expect(expectData(answer).cancelOrderItem).toEqual({
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

  test('takes a null note and a null key as absent', async () => {
    const id = await anOrderItem(dataSource);
    expect(await cancel({ id, reason: 'Late', note: null, idempotencyKey: null })).toMatchObject({
      cancellation: { note: null },
    });
  });

  test('returns OrderItemNotFound for an unknown id and writes nothing', async () => {
    const id = randomUUID();
    expect(await cancelAndExpectNoWrite({ id, reason: 'Late' })).toEqual({
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
    ['not pre-ordered and returned', { isPreOrder: false, status: 'returned' }, [NOT_PRE_ORDERED, TERMINAL_STATUS]],
  ] as const)(
    'returns OrderItemNotCancelable for an item that is %s and writes nothing',
    async (_, given, blockers) => {
      const id = await anOrderItem(dataSource, given);
      const status = ('status' in given ? given.status : 'pending').toUpperCase();
      expect(await cancelAndExpectNoWrite({ id, reason: 'Late' })).toEqual({
        __typename: 'OrderItemNotCancelable',
        message: blockers[0].message,
        blockers,
        orderItem: { id, status },
      });
    },
  );

  test.each([
    ['a malformed id', 'id', { id: 'nonsense' }, 'the order item id is not a valid UUID.'],
    ['an id with NUL', 'id', { id: '\0' }, 'the order item id is not a valid UUID.'],
    ['an empty reason', 'reason', { reason: '' }, "'reason' is empty."],
    ['a blank reason', 'reason', { reason: ' \n' }, "'reason' is empty."],
    ['a reason that is too long', 'reason', { reason: 'x'.repeat(501) }, "'reason' is longer than 500 characters."],
    ['a reason with NUL', 'reason', { reason: 'a\0b' }, `'reason' ${NOT_ALLOWED}`],
    ['a reason with a lone surrogate', 'reason', { reason: 'a\ud800b' }, `'reason' ${NOT_ALLOWED}`],
    ['a note that is too long', 'note', { note: 'x'.repeat(2_001) }, "'note' is longer than 2000 characters."],
    ['a note with a lone surrogate', 'note', { note: '\udfff' }, `'note' ${NOT_ALLOWED}`],
    ['an empty key', 'idempotencyKey', { idempotencyKey: '' }, BAD_KEY],
    ['a key that is too long', 'idempotencyKey', { idempotencyKey: 'k'.repeat(256) }, BAD_KEY],
  ])('returns InvalidCancelRequest for %s and writes nothing', async (_, field, defect, message) => {
    const id = await anOrderItem(dataSource);
    expect(await cancelAndExpectNoWrite({ id, reason: 'Late', ...defect })).toEqual({
      __typename: 'InvalidCancelRequest',
      message: VALIDATION + message,
      field,
    });
  });

  test('returns the first answer to a repeat, and IdempotencyKeyReused before it looks for the item', async () => {
    const id = await anOrderItem(dataSource);
    const input = { id, reason: 'Late', idempotencyKey: randomUUID() };
    const first = await cancel(input);
    expect(await cancelAndExpectNoWrite(input)).toEqual(first);
    const message = 'The idempotency key was already used for another request.';
    for (const other of [{ id: randomUUID() }, { reason: 'Later' }, { note: 'x' }]) {
      expect(await cancelAndExpectNoWrite({ ...input, ...other })).toEqual({
        __typename: 'IdempotencyKeyReused',
        message,
      });
    }
  });

  test('refuses with the same messages as REST', async () => {
    const cases = [
      [await anOrderItem(dataSource, { isPreOrder: false }), 'Late'],
      [await anOrderItem(dataSource, { status: 'returned' }), 'Late'],
      [await anOrderItem(dataSource), ''],
      [randomUUID(), 'Late'],
      ['nonsense', 'Late'],
    ] as const;
    for (const [id, reason] of cases) {
      const { body } = await service.cancelByRest(id, { body: { reason } });
      expect((await cancelAndExpectNoWrite({ id, reason })).message).toBe(body.message);
    }
  });
});

describe('cancelOrderItems', () => {
  async function cancelAll(input: object): Promise<GraphQLAnswer['data']> {
    return expectData(await service.graphql(CANCEL_ALL, { input })).cancelOrderItems;
  }

  test('returns one result for each id, in order, and a refusal leaves the others unaffected', async () => {
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

  test('returns one InvalidCancelRequest for each id when the reason is invalid', async () => {
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

  test('returns the first results to a repeat, and IdempotencyKeyReused for the ids in another order', async () => {
    const ids = await insertOrderItems(dataSource, [{}, {}]);
    const input = { ids, reason: 'Late', idempotencyKey: randomUUID() };
    const first = await cancelAll(input);
    expect(await expectNothingWritten(dataSource, () => cancelAll(input))).toEqual(first);
    const others = await expectNothingWritten(dataSource, () => cancelAll({ ...input, ids: ids.toReversed() }));
    expect(others).toMatchObject([{ __typename: 'IdempotencyKeyReused' }, { __typename: 'IdempotencyKeyReused' }]);
  });
});

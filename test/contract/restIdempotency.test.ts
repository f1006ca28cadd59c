import { randomUUID } from 'node:crypto';
import { documentedExample } from '../support/openApi.ts';
import { anOrderItem, findCancellations } from '../support/orderItems.ts';
import { expectNothingWritten } from '../support/nothingWritten.ts';
import { cancel, CANCEL, expectError, VALIDATION_FAILED } from '../support/restContract.ts';
import { type RestAnswer, type RestRequest, startTestService } from '../support/testService.ts';

const service = await startTestService();
const { dataSource } = service;

const CANCEL_ITEM = `mutation($input: CancelOrderItemInput!) {
  cancelOrderItem(input: $input) {
    __typename
    ... on CancelOrderItemSuccess { cancellation { requestId channel cancelledAt } }
    ... on CancelOrderItemRefusal { message }
    ... on InvalidCancelRequest { field }
  }
}`;
const REUSED = 'The idempotency key was already used for another request.';

/** Builds the header with the key in UTF-8. `fetch` sends each character of a header as one Latin-1 byte. */
function buildKeyHeader(key: string): Record<string, string> {
  return { 'idempotency-key': Buffer.from(key).toString('latin1') };
}

function withKey(key: string, body?: object, headers: Record<string, string> = {}): RestRequest {
  return { headers: { ...buildKeyHeader(key), ...headers }, ...(body === undefined ? {} : { body }) };
}

/** Repeats a cancel that succeeded. Expects the first answer again and no further writes. */
async function expectRepeat(first: RestAnswer, id: string, request: RestRequest): Promise<void> {
  const repeat = await expectNothingWritten(dataSource, () => cancel(service, id, request));
  expect(repeat.status).toBe(200);
  expect(repeat.body).toEqual(first.body);
  expect(repeat.headers.get('x-request-id')).not.toBe(first.headers.get('x-request-id'));
}

describe('200: a repeat with the same key', () => {
  test.each([
    ['without a body', undefined, undefined],
    ['with the same reason', { reason: 'Late' }, { reason: 'Late' }],
    ['with white space around the same reason', { reason: 'Late' }, { reason: ' Late\n' }],
    ['without the blank note of the first request', { reason: 'Late', note: ' ' }, { reason: 'Late' }],
    ['with other unknown members', { reason: 'Late', attempt: 1 }, { reason: 'Late', attempt: 2 }],
  ])('gets the first answer again %s', async (_, firstBody, repeatBody) => {
    const id = await anOrderItem(dataSource);
    const key = randomUUID();
    const first = await cancel(service, id, withKey(key, firstBody));
    expect(first.status).toBe(200);
    expect(first.body.request_id).toBe(first.headers.get('x-request-id'));
    await expectRepeat(first, id, withKey(key, repeatBody));
    await expectRepeat(first, id, withKey(key, repeatBody));
    expect(await findCancellations(dataSource, [id])).toMatchObject([
      { idempotency_key: key, request_id: first.body.request_id },
    ]);
  });

  test('gets the first answer again with the id in another case', async () => {
    const id = await anOrderItem(dataSource);
    const key = randomUUID();
    const first = await cancel(service, id, withKey(key));
    await expectRepeat(first, id.toUpperCase(), withKey(key));
  });

  test('gets the first answer again with another token of the same subject', async () => {
    const id = await anOrderItem(dataSource);
    const key = randomUUID();
    const first = await cancel(service, id, withKey(key));
    await expectRepeat(first, id, { ...withKey(key), token: await service.token({ scope: 'order-items:cancel' }) });
  });

  test('gets the result of a REST cancel through GraphQL', async () => {
    const id = await anOrderItem(dataSource);
    const key = `ключ ${randomUUID()} \u{1F511}`;
    const first = await cancel(service, id, withKey(key, { reason: 'Late' }));
    const { data } = await expectNothingWritten(dataSource, () =>
      service.graphql(CANCEL_ITEM, { input: { id, reason: 'Late', idempotencyKey: key } }),
    );
    expect(data.cancelOrderItem).toEqual({
      __typename: 'CancelOrderItemSuccess',
      cancellation: { requestId: first.body.request_id, channel: 'REST', cancelledAt: first.body.cancelled_at },
    });
  });
});

describe('422: a key that was used for another request', () => {
  const first = { reason: 'Late', note: 'By phone' };
  test.each([
    ['another reason', { ...first, reason: 'Later' }],
    ['another note', { ...first, note: 'By mail' }],
    ['no note', { reason: first.reason }],
    ['no body', undefined],
  ])('refuses the same item with %s', async (_, body) => {
    const id = await anOrderItem(dataSource);
    const key = randomUUID();
    expect((await cancel(service, id, withKey(key, first))).status).toBe(200);
    const answer = await expectNothingWritten(dataSource, () => cancel(service, id, withKey(key, body)));
    expectError(answer, 422, 'idempotency_key_reused', REUSED);
  });

  test.each([
    ['another item', () => anOrderItem(dataSource)],
    ['an item that is not cancelable', () => anOrderItem(dataSource, { isPreOrder: false, status: 'complete' })],
    ['an item that does not exist', () => Promise.resolve(randomUUID())],
  ])('refuses %s', async (_, arrangeOther) => {
    const id = await anOrderItem(dataSource);
    const otherId = await arrangeOther();
    const key = randomUUID();
    await cancel(service, id, withKey(key));
    const answer = await expectNothingWritten(dataSource, () => cancel(service, otherId, withKey(key)));
    expectError(answer, 422, 'idempotency_key_reused', REUSED);
    expect(documentedExample('POST', CANCEL, 422, 'idempotencyKeyReused')).toMatchObject({ message: REUSED });
  });

  test('refuses a REST cancel whose key was used through GraphQL', async () => {
    const [id, otherId] = [await anOrderItem(dataSource), await anOrderItem(dataSource)];
    const key = randomUUID();
    await service.graphql(CANCEL_ITEM, { input: { id, reason: 'Late', idempotencyKey: key } });
    const answer = await expectNothingWritten(dataSource, () =>
      cancel(service, otherId, withKey(key, { reason: 'Late' })),
    );
    expectError(answer, 422, 'idempotency_key_reused', REUSED);
  });
});

describe('the scope of a key', () => {
  test('is one caller: another subject can use the same key', async () => {
    const [id, otherId] = [await anOrderItem(dataSource), await anOrderItem(dataSource)];
    const key = randomUUID();
    const token = await service.token({ subject: 'somebody-else' });
    expect((await cancel(service, id, withKey(key))).status).toBe(200);
    expect((await cancel(service, otherId, { ...withKey(key), token })).status).toBe(200);
  });

  test('is the exact text: keys differ by case and by inner white space', async () => {
    const key = randomUUID();
    for (const each of [`a ${key}`, `A ${key}`, `a  ${key}`]) {
      expect((await cancel(service, await anOrderItem(dataSource), withKey(each))).status).toBe(200);
    }
  });

  test('keeps keys with different invalid UTF-8 apart', async () => {
    for (const byte of ['\xe8', '\xe9']) {
      const answer = await cancel(service, await anOrderItem(dataSource), {
        headers: { 'idempotency-key': `key-${byte}` },
      });
      expect([200, 400]).toContain(answer.status);
    }
  });

  test('covers successes only: a repeat of a refusal is judged again', async () => {
    const id = await anOrderItem(dataSource, { isPreOrder: false });
    const otherId = await anOrderItem(dataSource);
    const key = randomUUID();
    expectError(await cancel(service, id, withKey(key)), 400, 'bad_request');
    await dataSource.query('UPDATE order_item SET is_pre_order = true WHERE id = $1', [id]);
    expect((await cancel(service, id, withKey(key))).status).toBe(200);
    expectError(await cancel(service, otherId, withKey(key)), 422, 'idempotency_key_reused');
  });

  test('leaves a key free for another request after a refusal', async () => {
    const key = randomUUID();
    expectError(await cancel(service, randomUUID(), withKey(key)), 404, 'not_found');
    expect((await cancel(service, await anOrderItem(dataSource), withKey(key))).status).toBe(200);
  });
});

describe('400: a key that does not have 1 to 255 printable characters', () => {
  const defect = `${VALIDATION_FAILED}the idempotency key does not have 1 to 255 printable characters.`;

  test.each([
    ['a key of 1 character', 'k'],
    ['a key of 255 characters', 'k'.repeat(255)],
    ['a key of 255 astral characters', '\u{1F511}'.repeat(255)],
  ])('accepts %s', async (_, key) => {
    const id = await anOrderItem(dataSource);
    expect((await cancel(service, id, withKey(key))).status).toBe(200);
    expect(await findCancellations(dataSource, [id])).toMatchObject([{ idempotency_key: key }]);
  });

  test.each([
    ['an empty key', ''],
    ['a key of 256 characters', 'k'.repeat(256)],
    ['a key of 256 astral characters', '\u{1F511}'.repeat(256)],
    ['a key with a tab', 'a\tb'],
    ['a key with a C1 control character', 'a\u0085b'],
  ])('refuses %s and writes nothing', async (_, key) => {
    const id = await anOrderItem(dataSource);
    const answer = await expectNothingWritten(dataSource, () => cancel(service, id, withKey(key)));
    expectError(answer, 400, 'bad_request', defect);
    expect(documentedExample('POST', CANCEL, 400, 'idempotencyKeyInvalid')).toMatchObject({ message: defect });
  });

  // HTTP headers cannot carry these keys. GraphQL can, and refuses them with the same message.
  test.each([
    ['a key with NUL', 'a\0b'],
    ['a key with a line feed', 'a\nb'],
    ['a key with DEL', 'a\x7fb'],
    ['a key with a lone surrogate', 'a\ud800b'],
    ['an empty key', ''],
  ])('refuses %s through GraphQL with the same message', async (_, idempotencyKey) => {
    const id = await anOrderItem(dataSource);
    const { data } = await expectNothingWritten(dataSource, () =>
      service.graphql(CANCEL_ITEM, { input: { id, reason: 'Late', idempotencyKey } }),
    );
    expect(data.cancelOrderItem).toEqual({
      __typename: 'InvalidCancelRequest',
      message: defect,
      field: 'idempotencyKey',
    });
  });
});

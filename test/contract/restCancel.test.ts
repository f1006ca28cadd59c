import { randomUUID } from 'node:crypto';
import { toIsoString } from '../../src/order-items/instant.ts';
import { documentedExample, isDocumentedCancelBody } from '../support/openApi.ts';
import { anOrderItem, findCancellations, findOrderItem, type GivenItem } from '../support/orderItems.ts';
import { expectNothingWritten } from '../support/nothingWritten.ts';
import { cancel, CANCEL, expectError, VALIDATION_FAILED } from '../support/restContract.ts';
import { type RestRequest, startTestService } from '../support/testService.ts';

const service = await startTestService();
const { dataSource } = service;

const ASTRAL = '\u{1F4E6}';
const NOT_ALLOWED = 'has a character that is not allowed (NUL or half of a surrogate pair).';

const json = { 'content-type': 'application/json' };

describe('200: a cancel that succeeds', () => {
  const accepted: [string, RestRequest, { reason: string | null; note: string | null }][] = [
    ['without a body', {}, { reason: null, note: null }],
    ['with an empty body of type JSON', { headers: json, body: '' }, { reason: null, note: null }],
    [
      'with an empty body of type text',
      { headers: { 'content-type': 'text/plain' }, body: '' },
      { reason: null, note: null },
    ],
    ['with a reason', { body: { reason: 'Changed my mind' } }, { reason: 'Changed my mind', note: null }],
    ['with a reason and a note', { body: { reason: 'Late', note: 'By phone' } }, { reason: 'Late', note: 'By phone' }],
    [
      'with unknown members',
      { body: { reason: 'Late', refund: true, status: 'complete' } },
      { reason: 'Late', note: null },
    ],
    [
      'with white space around the reason and the note',
      { body: { reason: ' \n Late\t', note: ' By phone ' } },
      { reason: 'Late', note: 'By phone' },
    ],
    ['with a blank note', { body: { reason: 'Late', note: ' \n' } }, { reason: 'Late', note: null }],
    ['with a reason of 1 character', { body: { reason: 'x' } }, { reason: 'x', note: null }],
    ['with a reason of 500 characters', { body: { reason: 'x'.repeat(500) } }, { reason: 'x'.repeat(500), note: null }],
    [
      'with a reason of 500 astral characters',
      { body: { reason: ASTRAL.repeat(500) } },
      { reason: ASTRAL.repeat(500), note: null },
    ],
    [
      'with a reason of 500 characters between white space',
      { body: { reason: `  ${'x'.repeat(500)}  ` } },
      { reason: 'x'.repeat(500), note: null },
    ],
    [
      'with a note of 2,000 astral characters',
      { body: { reason: 'x', note: ASTRAL.repeat(2_000) } },
      { reason: 'x', note: ASTRAL.repeat(2_000) },
    ],
    [
      'with the JSON content type in another case and with a charset',
      { headers: { 'content-type': 'Application/JSON; charset=UTF-8' }, body: '{"reason":"Späť"}' },
      { reason: 'Späť', note: null },
    ],
  ];
  test.each(accepted)('cancels %s and records who, why and when', async (_, request, stated) => {
    const id = await anOrderItem(dataSource, { status: 'on_hold' });
    const answer = await cancel(service, id, request);
    const [row, ...others] = await findCancellations(dataSource, [id]);
    const item = await findOrderItem(dataSource, id);

    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      id,
      status: 'cancelled',
      quantity: 1,
      remaining: 0,
      cancelled_at: toIsoString(item?.updatedAt ?? ''),
      request_id: answer.headers.get('x-request-id'),
    });
    expect(item).toMatchObject({ status: 'cancelled', version: 2 });
    expect(others).toEqual([]);
    expect(row).toMatchObject({
      ...stated,
      order_item_id: id,
      previous_status: 'on_hold',
      cancelled_at: new Date(answer.body.cancelled_at ?? ''),
      cancelled_by: 'developer',
      channel: 'rest',
      request_id: answer.body.request_id,
      idempotency_key: null,
    });
  });

  test.each(['pending', 'on_hold', 'in_fulfillment'] as const)(
    'cancels a pre-ordered item that is %s',
    async (status) => {
      const id = await anOrderItem(dataSource, { status });
      expect((await cancel(service, id)).status).toBe(200);
      expect((await findOrderItem(dataSource, id))?.status).toBe('cancelled');
    },
  );

  test('accepts an id in upper case and answers in lower case', async () => {
    const id = await anOrderItem(dataSource, { id: 'abcdef00-0000-4000-8000-00000000000a' });
    expect((await cancel(service, id.toUpperCase())).body).toMatchObject({ id, status: 'cancelled' });
  });
});

describe('400: a body that breaks a rule', () => {
  const rejected: [string, NonNullable<RestRequest['body']>, string, string][] = [
    ['incomplete JSON', '{"reason":', 'the body is not valid JSON.', 'invalidJson'],
    ['a body of white space', ' ', 'the body is not valid JSON.', 'invalidJson'],
    ['two JSON values', '{"reason":"x"}{"reason":"x"}', 'the body is not valid JSON.', 'invalidJson'],
    [
      'invalid UTF-8',
      new Uint8Array([...Buffer.from('{"reason":"'), 0xc3, 0x28, ...Buffer.from('"}')]),
      'the body is not valid JSON.',
      'invalidJson',
    ],
    ['UTF-16', Buffer.from('{"reason":"x"}', 'utf16le'), 'the body is not valid JSON.', 'invalidJson'],
    ['a raw NUL in a string', '{"reason":"a\0b"}', 'the body is not valid JSON.', 'invalidJson'],
    ['an array', '[{"reason":"x"}]', 'the body is not a JSON object.', 'notAnObject'],
    ['null', 'null', 'the body is not a JSON object.', 'notAnObject'],
    ['a string', '"reason"', 'the body is not a JSON object.', 'notAnObject'],
    ['a number', '1', 'the body is not a JSON object.', 'notAnObject'],
    ['a body without a reason', {}, "'reason' is a required property.", 'reasonMissing'],
    ['a body with a note and no reason', { note: 'x' }, "'reason' is a required property.", 'reasonMissing'],
    ['a reason in __proto__ only', '{"__proto__":{"reason":"x"}}', "'reason' is a required property.", 'reasonMissing'],
    ['a reason that is null', { reason: null }, "'reason' is not a string.", 'reasonNotString'],
    ['a reason that is a number', { reason: 1 }, "'reason' is not a string.", 'reasonNotString'],
    ['a reason that is an array', { reason: ['x'] }, "'reason' is not a string.", 'reasonNotString'],
    ['an empty reason', { reason: '' }, "'reason' is empty.", 'reasonEmpty'],
    ['a blank reason', { reason: ' \t\n\u00a0\u2003' }, "'reason' is empty.", 'reasonEmpty'],
    [
      'a reason of 501 characters',
      { reason: 'x'.repeat(501) },
      "'reason' is longer than 500 characters.",
      'reasonTooLong',
    ],
    [
      'a reason of 501 astral characters',
      { reason: ASTRAL.repeat(501) },
      "'reason' is longer than 500 characters.",
      'reasonTooLong',
    ],
    [
      'a reason of 100,000 characters',
      { reason: 'x'.repeat(100_000) },
      "'reason' is longer than 500 characters.",
      'reasonTooLong',
    ],
    ['a reason with NUL', { reason: 'a\0b' }, `'reason' ${NOT_ALLOWED}`, 'reasonNotStorable'],
    ['a reason with a lone high surrogate', '{"reason":"a\\ud800b"}', `'reason' ${NOT_ALLOWED}`, 'reasonNotStorable'],
    ['a reason with a lone low surrogate', '{"reason":"a\\udc00b"}', `'reason' ${NOT_ALLOWED}`, 'reasonNotStorable'],
    ['a note that is null', { reason: 'x', note: null }, "'note' is not a string.", 'noteNotString'],
    ['a note that is an object', { reason: 'x', note: {} }, "'note' is not a string.", 'noteNotString'],
    [
      'a note of 2,001 characters',
      { reason: 'x', note: 'x'.repeat(2_001) },
      "'note' is longer than 2000 characters.",
      'noteTooLong',
    ],
    [
      'a note of 2,001 astral characters',
      { reason: 'x', note: ASTRAL.repeat(2_001) },
      "'note' is longer than 2000 characters.",
      'noteTooLong',
    ],
    ['a note with NUL', { reason: 'x', note: '\0' }, `'note' ${NOT_ALLOWED}`, 'noteNotStorable'],
    ['a note with a lone surrogate', '{"reason":"x","note":"\\udfff"}', `'note' ${NOT_ALLOWED}`, 'noteNotStorable'],
  ];
  test.each(rejected)('refuses %s and writes nothing', async (_, body, defect, example) => {
    const id = await anOrderItem(dataSource);
    const answer = await expectNothingWritten(dataSource, () => cancel(service, id, { body, headers: json }));
    expectError(answer, 400, 'bad_request', VALIDATION_FAILED + defect);
    expect(documentedExample('POST', CANCEL, 400, example)).toMatchObject({ message: VALIDATION_FAILED + defect });
  });

  test('answers a missing reason with the documented message, to the letter', async () => {
    const id = await anOrderItem(dataSource);
    expect((await cancel(service, id, { body: {} })).body.message).toBe(
      "Validation of cancel order request failed with error: 'reason' is a required property.",
    );
  });

  test('is forbidden by the OpenAPI schema, too, where a schema can express the rule', () => {
    const parsed = rejected.flatMap(([name, body]) =>
      typeof body === 'object' && !(body instanceof Uint8Array) && !name.endsWith('NUL') ? [body] : [],
    );
    expect(parsed.length).toBeGreaterThan(12);
    expect(parsed.filter(isDocumentedCancelBody)).toEqual([]);
  });
});

describe('400: a path without a UUID', () => {
  test.each([
    ['a single word', 'nonsense'],
    ['a UUID without hyphens', '0198c0de7a1b7c3d9e4f5a6b7c8d9e0f'],
    ['a UUID with a digit too few', '0198c0de-7a1b-7c3d-9e4f-5a6b7c8d9e0'],
    ['a UUID with a digit too many', '0198c0de-7a1b-7c3d-9e4f-5a6b7c8d9e0f0'],
    ['a UUID with a letter that is not hexadecimal', '0198c0de-7a1b-7c3d-9e4f-5a6b7c8d9e0g'],
    ['a UUID in braces', '%7B0198c0de-7a1b-7c3d-9e4f-5a6b7c8d9e0f%7D'],
    ['a UUID as a URN', 'urn:uuid:0198c0de-7a1b-7c3d-9e4f-5a6b7c8d9e0f'],
    ['a UUID with a space after it', '0198c0de-7a1b-7c3d-9e4f-5a6b7c8d9e0f%20'],
    ['a UUID with a line feed after it', '0198c0de-7a1b-7c3d-9e4f-5a6b7c8d9e0f%0A'],
    ['NUL', '%00'],
    ['SQL', "'%20OR%20true--"],
    ['a UUID with an encoded slash', '0198c0de-7a1b-7c3d-9e4f%2F5a6b7c8d9e0f'],
    ['a UUID with a digit that is not ASCII', '%D9%A0198c0de-7a1b-7c3d-9e4f-5a6b7c8d9e0f'],
    ['an id of 10,000 characters', 'a'.repeat(10_000)],
  ])('refuses %s and writes nothing', async (_, id) => {
    const answer = await expectNothingWritten(dataSource, () => cancel(service, id));
    expectError(answer, 400, 'bad_request', `${VALIDATION_FAILED}the order item id is not a valid UUID.`);
    expect(documentedExample('POST', CANCEL, 400, 'invalidUuid')).toMatchObject({ message: answer.body.message });
  });

  test.each([
    ['not hexadecimal', '%zz'],
    ['truncated', '%4'],
    ['not UTF-8', '%ED%A0%80'],
  ])('refuses percent-encoding that is %s', async (_, id) => {
    const answer = await expectNothingWritten(dataSource, () => cancel(service, id));
    expectError(answer, 400, 'bad_request', 'The request is malformed.');
    expect(documentedExample('POST', CANCEL, 400, 'malformedPath')).toMatchObject({ message: answer.body.message });
  });
});

describe('400: an item that is not cancelable', () => {
  const notPreOrdered = { message: "The Order item can't be canceled.", example: 'notPreOrdered' };
  const terminal = { message: 'Order item is no longer cancelable.', example: 'terminalStatus' };
  const blocked: [string, GivenItem, typeof terminal][] = [
    ['not pre-ordered', { isPreOrder: false }, notPreOrdered],
    ['not pre-ordered and in fulfillment', { isPreOrder: false, status: 'in_fulfillment' }, notPreOrdered],
    ['complete', { status: 'complete' }, terminal],
    ['cancelled', { status: 'cancelled' }, terminal],
    ['returned', { status: 'returned' }, terminal],
    ['not pre-ordered and complete', { isPreOrder: false, status: 'complete' }, notPreOrdered],
  ];
  test.each(blocked)('refuses an item that is %s and writes nothing', async (_, given, { message, example }) => {
    const id = await anOrderItem(dataSource, given);
    for (const request of [{}, { body: { reason: 'Changed my mind' } }]) {
      const answer = await expectNothingWritten(dataSource, () => cancel(service, id, request));
      expectError(answer, 400, 'bad_request', message);
    }
    expect(documentedExample('POST', CANCEL, 400, example)).toMatchObject({ error_code: 'bad_request', message });
  });

  test('refuses an item that the same caller has just cancelled', async () => {
    const id = await anOrderItem(dataSource);
    await cancel(service, id);
    const answer = await expectNothingWritten(dataSource, () => cancel(service, id));
    expectError(answer, 400, 'bad_request', terminal.message);
  });
});

describe('404: an item that does not exist', () => {
  test.each([
    ['an unknown UUID', randomUUID()],
    ['the nil UUID', '00000000-0000-0000-0000-000000000000'],
    ['a UUID without a version', 'ffffffff-ffff-ffff-ffff-ffffffffffff'],
  ])('refuses %s', async (_, id) => {
    const answer = await expectNothingWritten(dataSource, () => cancel(service, id, { body: { reason: 'Late' } }));
    expectError(answer, 404, 'not_found', 'Order item with provided UUID was not found.');
    expect(documentedExample('POST', CANCEL, 404, 'lineItemNotFound')).toMatchObject({ message: answer.body.message });
  });
});

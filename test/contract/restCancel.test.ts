import { randomUUID } from 'node:crypto';
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

describe('200 cancelled', () => {
  const accepted: [string, RestRequest, { reason: string | null; note: string | null }][] = [
    ['without a body', {}, { reason: null, note: null }],
    ['with an empty body said to be JSON', { headers: json, body: '' }, { reason: null, note: null }],
    [
      'with an empty body said to be text',
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
      'with white space around',
      { body: { reason: ' \n Late\t', note: ' By phone ' } },
      { reason: 'Late', note: 'By phone' },
    ],
    ['with a note of white space', { body: { reason: 'Late', note: ' \n' } }, { reason: 'Late', note: null }],
    ['with a reason of 1 character', { body: { reason: 'x' } }, { reason: 'x', note: null }],
    ['with 500 characters of a reason', { body: { reason: 'x'.repeat(500) } }, { reason: 'x'.repeat(500), note: null }],
    [
      'with 500 astral characters of a reason',
      { body: { reason: ASTRAL.repeat(500) } },
      { reason: ASTRAL.repeat(500), note: null },
    ],
    [
      'with 500 characters of a reason between white space',
      { body: { reason: `  ${'x'.repeat(500)}  ` } },
      { reason: 'x'.repeat(500), note: null },
    ],
    [
      'with 2,000 astral characters of a note',
      { body: { reason: 'x', note: ASTRAL.repeat(2_000) } },
      { reason: 'x', note: ASTRAL.repeat(2_000) },
    ],
    [
      'with JSON in another spelling of its type',
      { headers: { 'content-type': 'Application/JSON; charset=UTF-8' }, body: '{"reason":"Späť"}' },
      { reason: 'Späť', note: null },
    ],
  ];
  test.each(accepted)('%s', async (_, request, stated) => {
    const id = await anOrderItem(dataSource, { status: 'on_hold' });
    const answer = await cancel(service, id, request);
    const [row, ...others] = await findCancellations(dataSource, [id]);
    const item = await findOrderItem(dataSource, id);

    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      id,
      status: 'cancelled',
      cancelled_at: item?.updatedAt.toISOString(),
      request_id: answer.headers.get('x-request-id'),
    });
    expect(item).toMatchObject({ status: 'cancelled', version: 2 });
    expect(others).toEqual([]);
    expect(row).toMatchObject({
      ...stated,
      order_item_id: id,
      previous_status: 'on_hold',
      cancelled_at: item?.updatedAt,
      cancelled_by: 'developer',
      channel: 'rest',
      request_id: answer.body.request_id,
      idempotency_key: null,
    });
  });

  test.each(['pending', 'on_hold', 'in_fulfillment'] as const)('a pre-ordered item that is %s', async (status) => {
    const id = await anOrderItem(dataSource, { status });
    expect((await cancel(service, id)).status).toBe(200);
    expect((await findOrderItem(dataSource, id))?.status).toBe('cancelled');
  });

  test('an id in upper case, answered in lower case', async () => {
    const id = await anOrderItem(dataSource, { id: 'abcdef00-0000-4000-8000-00000000000a' });
    expect((await cancel(service, id.toUpperCase())).body).toMatchObject({ id, status: 'cancelled' });
  });
});

describe('400 the body breaks a rule', () => {
  const rejected: [string, NonNullable<RestRequest['body']>, string, string][] = [
    ['bad JSON', '{"reason":', 'the body is not valid JSON.', 'invalidJson'],
    ['white space alone', ' ', 'the body is not valid JSON.', 'invalidJson'],
    ['two values', '{"reason":"x"}{"reason":"x"}', 'the body is not valid JSON.', 'invalidJson'],
    [
      'invalid UTF-8',
      new Uint8Array([...Buffer.from('{"reason":"'), 0xc3, 0x28, ...Buffer.from('"}')]),
      'the body is not valid JSON.',
      'invalidJson',
    ],
    ['UTF-16', Buffer.from('{"reason":"x"}', 'utf16le'), 'the body is not valid JSON.', 'invalidJson'],
    ['NUL, raw', '{"reason":"a\0b"}', 'the body is not valid JSON.', 'invalidJson'],
    ['array', '[{"reason":"x"}]', 'the body is not a JSON object.', 'notAnObject'],
    ['null', 'null', 'the body is not a JSON object.', 'notAnObject'],
    ['string', '"reason"', 'the body is not a JSON object.', 'notAnObject'],
    ['number', '1', 'the body is not a JSON object.', 'notAnObject'],
    ['reason missing', {}, "'reason' is a required property.", 'reasonMissing'],
    ['reason missing, note there', { note: 'x' }, "'reason' is a required property.", 'reasonMissing'],
    [
      'reason missing, inherited members aside',
      '{"__proto__":{"reason":"x"}}',
      "'reason' is a required property.",
      'reasonMissing',
    ],
    ['reason null', { reason: null }, "'reason' is not a string.", 'reasonNotString'],
    ['reason a number', { reason: 1 }, "'reason' is not a string.", 'reasonNotString'],
    ['reason an array', { reason: ['x'] }, "'reason' is not a string.", 'reasonNotString'],
    ['reason empty', { reason: '' }, "'reason' is empty.", 'reasonEmpty'],
    ['reason blank', { reason: ' \t\n\u00a0\u2003' }, "'reason' is empty.", 'reasonEmpty'],
    [
      'reason of 501 characters',
      { reason: 'x'.repeat(501) },
      "'reason' is longer than 500 characters.",
      'reasonTooLong',
    ],
    [
      'reason of 501 astral characters',
      { reason: ASTRAL.repeat(501) },
      "'reason' is longer than 500 characters.",
      'reasonTooLong',
    ],
    [
      'reason of 100,000 characters',
      { reason: 'x'.repeat(100_000) },
      "'reason' is longer than 500 characters.",
      'reasonTooLong',
    ],
    ['reason with NUL', { reason: 'a\0b' }, `'reason' ${NOT_ALLOWED}`, 'reasonNotStorable'],
    ['reason with a lone high surrogate', '{"reason":"a\\ud800b"}', `'reason' ${NOT_ALLOWED}`, 'reasonNotStorable'],
    ['reason with a lone low surrogate', '{"reason":"a\\udc00b"}', `'reason' ${NOT_ALLOWED}`, 'reasonNotStorable'],
    ['note null', { reason: 'x', note: null }, "'note' is not a string.", 'noteNotString'],
    ['note an object', { reason: 'x', note: {} }, "'note' is not a string.", 'noteNotString'],
    [
      'note of 2,001 characters',
      { reason: 'x', note: 'x'.repeat(2_001) },
      "'note' is longer than 2000 characters.",
      'noteTooLong',
    ],
    [
      'note of 2,001 astral characters',
      { reason: 'x', note: ASTRAL.repeat(2_001) },
      "'note' is longer than 2000 characters.",
      'noteTooLong',
    ],
    ['note with NUL', { reason: 'x', note: '\0' }, `'note' ${NOT_ALLOWED}`, 'noteNotStorable'],
    ['note with a lone surrogate', '{"reason":"x","note":"\\udfff"}', `'note' ${NOT_ALLOWED}`, 'noteNotStorable'],
  ];
  test.each(rejected)('%s', async (_, body, defect, example) => {
    const id = await anOrderItem(dataSource);
    const answer = await expectNothingWritten(dataSource, () => cancel(service, id, { body, headers: json }));
    expectError(answer, 400, 'bad_request', VALIDATION_FAILED + defect);
    expect(documentedExample('POST', CANCEL, 400, example)).toMatchObject({ message: VALIDATION_FAILED + defect });
  });

  test('a missing reason has the exact documented message', async () => {
    const id = await anOrderItem(dataSource);
    expect((await cancel(service, id, { body: {} })).body.message).toBe(
      "Validation of cancel order request failed with error: 'reason' is a required property.",
    );
  });

  test('the OpenAPI schema forbids each of these bodies', () => {
    const parsed = rejected.flatMap(([name, body]) =>
      typeof body === 'object' && !(body instanceof Uint8Array) && !name.endsWith('NUL') ? [body] : [],
    );
    expect(parsed.length).toBeGreaterThan(12);
    expect(parsed.filter(isDocumentedCancelBody)).toEqual([]);
  });
});

describe('400 the path does not hold a UUID', () => {
  test.each([
    ['a word', 'nonsense'],
    ['no hyphens', '0198c0de7a1b7c3d9e4f5a6b7c8d9e0f'],
    ['a digit too few', '0198c0de-7a1b-7c3d-9e4f-5a6b7c8d9e0'],
    ['a digit too many', '0198c0de-7a1b-7c3d-9e4f-5a6b7c8d9e0f0'],
    ['a letter that is no digit', '0198c0de-7a1b-7c3d-9e4f-5a6b7c8d9e0g'],
    ['braces', '%7B0198c0de-7a1b-7c3d-9e4f-5a6b7c8d9e0f%7D'],
    ['a URN', 'urn:uuid:0198c0de-7a1b-7c3d-9e4f-5a6b7c8d9e0f'],
    ['a space after it', '0198c0de-7a1b-7c3d-9e4f-5a6b7c8d9e0f%20'],
    ['a line feed after it', '0198c0de-7a1b-7c3d-9e4f-5a6b7c8d9e0f%0A'],
    ['NUL', '%00'],
    ['SQL', "'%20OR%20true--"],
    ['a slash', '0198c0de-7a1b-7c3d-9e4f%2F5a6b7c8d9e0f'],
    ['digits that are not ASCII', '%D9%A0198c0de-7a1b-7c3d-9e4f-5a6b7c8d9e0f'],
    ['10,000 characters', 'a'.repeat(10_000)],
  ])('%s', async (_, id) => {
    const answer = await expectNothingWritten(dataSource, () => cancel(service, id));
    expectError(answer, 400, 'bad_request', `${VALIDATION_FAILED}the order item id is not a valid UUID.`);
    expect(documentedExample('POST', CANCEL, 400, 'invalidUuid')).toMatchObject({ message: answer.body.message });
  });

  test.each([
    ['not hexadecimal', '%zz'],
    ['cut short', '%4'],
    ['not UTF-8', '%ED%A0%80'],
  ])('percent-encoding that is %s', async (_, id) => {
    const answer = await expectNothingWritten(dataSource, () => cancel(service, id));
    expectError(answer, 400, 'bad_request', 'The request is malformed.');
    expect(documentedExample('POST', CANCEL, 400, 'malformedPath')).toMatchObject({ message: answer.body.message });
  });
});

describe('400 the item is not cancelable', () => {
  const notPreOrdered = { message: "The Order item can't be canceled.", example: 'notPreOrdered' };
  const terminal = { message: 'Order item is no longer cancelable.', example: 'terminalStatus' };
  const blocked: [string, GivenItem, typeof terminal][] = [
    ['not pre-ordered', { isPreOrder: false }, notPreOrdered],
    ['not pre-ordered, in fulfillment', { isPreOrder: false, status: 'in_fulfillment' }, notPreOrdered],
    ['complete', { status: 'complete' }, terminal],
    ['cancelled', { status: 'cancelled' }, terminal],
    ['returned', { status: 'returned' }, terminal],
    ['not pre-ordered and complete', { isPreOrder: false, status: 'complete' }, notPreOrdered],
  ];
  test.each(blocked)('%s', async (_, given, { message, example }) => {
    const id = await anOrderItem(dataSource, given);
    for (const request of [{}, { body: { reason: 'Changed my mind' } }]) {
      const answer = await expectNothingWritten(dataSource, () => cancel(service, id, request));
      expectError(answer, 400, 'bad_request', message);
    }
    expect(documentedExample('POST', CANCEL, 400, example)).toMatchObject({ error_code: 'bad_request', message });
  });

  test('cancelled a moment ago', async () => {
    const id = await anOrderItem(dataSource);
    await cancel(service, id);
    const answer = await expectNothingWritten(dataSource, () => cancel(service, id));
    expectError(answer, 400, 'bad_request', terminal.message);
  });
});

describe('404 the item does not exist', () => {
  test.each([
    ['unknown', randomUUID()],
    ['the nil UUID', '00000000-0000-0000-0000-000000000000'],
    ['of no version', 'ffffffff-ffff-ffff-ffff-ffffffffffff'],
  ])('%s', async (_, id) => {
    const answer = await expectNothingWritten(dataSource, () => cancel(service, id, { body: { reason: 'Late' } }));
    expectError(answer, 404, 'not_found', 'Order item with provided UUID was not found.');
    expect(documentedExample('POST', CANCEL, 404, 'lineItemNotFound')).toMatchObject({ message: answer.body.message });
  });
});

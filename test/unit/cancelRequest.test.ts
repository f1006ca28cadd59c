import { parseCancelReason as parse } from '../../src/order-items/cancelRequest.ts';
import { DEFAULT_REASON_CODES, parseReasonCodes } from '../../src/order-items/reasonCodes.ts';

const parseCancelReason = (given: Parameters<typeof parse>[0], key: string | undefined) =>
  parse(given, key, DEFAULT_REASON_CODES);

const PREFIX = 'Validation of cancel order request failed with error:';

describe('the texts of a cancel', () => {
  test('are trimmed', () => {
    expect(parseCancelReason({ reason: ' late \n', note: '\t see mail ' }, 'key 1')).toEqual({
      reason: 'late',
      reasonCode: null,
      note: 'see mail',
      quantity: null,
      idempotencyKey: 'key 1',
    });
  });

  test('need no reason without a body', () => {
    expect(parseCancelReason(null, undefined)).toEqual({
      reason: null,
      reasonCode: null,
      note: null,
      quantity: null,
      idempotencyKey: null,
    });
  });

  test('treat an empty note as missing', () => {
    expect(parseCancelReason({ reason: 'late', note: '  ' }, undefined)).toMatchObject({ note: null });
  });

  test('count code points: 500 emoji are a valid reason, 501 are not', () => {
    expect(parseCancelReason({ reason: '🙂'.repeat(500) }, undefined)).toMatchObject({ reason: '🙂'.repeat(500) });
    expect(parseCancelReason({ reason: '🙂'.repeat(501) }, undefined)).toMatchObject({ field: 'reason' });
  });

  test('accept a note of 2,000 characters and refuse 2,001', () => {
    expect(parseCancelReason({ reason: 'late', note: 'x'.repeat(2_000) }, undefined)).toMatchObject({
      note: 'x'.repeat(2_000),
    });
    expect(parseCancelReason({ reason: 'late', note: 'x'.repeat(2_001) }, undefined)).toMatchObject({
      field: 'note',
    });
  });

  test.each([
    ['no reason', {}, 'reason', `${PREFIX} 'reason' is a required property.`],
    ['a number', { reason: 5 }, 'reason', `${PREFIX} 'reason' is not a string.`],
    ['null', { reason: null }, 'reason', `${PREFIX} 'reason' is not a string.`],
    ['white space', { reason: ' \t\n ' }, 'reason', `${PREFIX} 'reason' is empty.`],
    ['a long reason', { reason: 'x'.repeat(501) }, 'reason', `${PREFIX} 'reason' is longer than 500 characters.`],
    [
      'a NUL',
      { reason: 'a\0b' },
      'reason',
      `${PREFIX} 'reason' has a character that is not allowed (NUL or half of a surrogate pair).`,
    ],
    [
      'half of a surrogate pair',
      { reason: 'late', note: '\ud83d' },
      'note',
      `${PREFIX} 'note' has a character that is not allowed (NUL or half of a surrogate pair).`,
    ],
    ...[0, -1, 1.5, 2_147_483_648, '2', null, true, NaN].map((quantity): [string, object, string, string] => [
      `the quantity ${JSON.stringify(quantity)}`,
      { reason: 'late', quantity },
      'quantity',
      `${PREFIX} 'quantity' is not an integer from 1 to 2147483647.`,
    ]),
    [
      'a code that is null',
      { reason: 'late', reasonCode: null },
      'reasonCode',
      `${PREFIX} the reason code is not a string.`,
    ],
    ...['', ' other', 'Other', 'otherwise', 'other\0'].map((reasonCode): [string, object, string, string] => [
      `the code ${JSON.stringify(reasonCode)}`,
      { reason: 'late', reasonCode },
      'reasonCode',
      `${PREFIX} the reason code is not one of: changed_mind, ordered_by_mistake, found_elsewhere, release_delayed, payment_failed, out_of_stock, fraud, other.`,
    ]),
    ['a note that is an object', { reason: 'late', note: {} }, 'note', `${PREFIX} 'note' is not a string.`],
  ])('name the defect of %s', (_, given, field, message) => {
    expect(parseCancelReason(given, undefined)).toEqual({ code: 'INVALID_CANCEL_REQUEST', field, message });
  });

  test.each([['a'], ['x'.repeat(255)], ['ключ-1 «é»'], ['~!@ #"']])('accept the idempotency key %j', (key) => {
    expect(parseCancelReason({ reason: 'late' }, key)).toMatchObject({ idempotencyKey: key });
  });

  test.each([[''], ['x'.repeat(256)], ['a\tb'], ['a\0'], ['\u0085'], ['\ud800'], ['\u200b']])(
    'refuses the idempotency key %j',
    (key) => {
      expect(parseCancelReason({ reason: 'late' }, key)).toEqual({
        code: 'INVALID_CANCEL_REQUEST',
        field: 'idempotencyKey',
        message: `${PREFIX} the idempotency key does not have 1 to 255 printable characters.`,
      });
    },
  );
});

describe('the codes for reasons', () => {
  test('are read with their labels, in their order', () => {
    expect(parseReasonCodes('late=Delivered too late, wrong = Ordered = by mistake,x')).toEqual([
      { code: 'late', label: 'Delivered too late' },
      { code: 'wrong', label: 'Ordered = by mistake' },
      { code: 'x', label: 'x' },
    ]);
  });

  test.each(['', ',', 'a,,b', 'a=1,a=2', 'ä=Late', 'two words=Late', `${'x'.repeat(65)}=Late`, '*,a'])(
    'are refused as %j',
    (text) => {
      expect(parseReasonCodes(text)).toBeNull();
    },
  );

  test('are any with a star, of 1 to 64 characters', () => {
    const codes = parseReasonCodes('*') ?? [];
    expect(parse({ reason: 'late', reasonCode: 'A.b_c-9' }, undefined, codes)).toMatchObject({ reasonCode: 'A.b_c-9' });
    expect(parse({ reason: 'late', reasonCode: 'x'.repeat(65) }, undefined, codes)).toMatchObject({
      field: 'reasonCode',
      message: `${PREFIX} the reason code does not have 1 to 64 letters, digits, dots, hyphens or underscores.`,
    });
  });
});

test.each([1, 2_147_483_647])('the quantity %d is accepted', (quantity) => {
  expect(parseCancelReason({ reason: 'late', quantity }, undefined)).toMatchObject({ quantity });
});

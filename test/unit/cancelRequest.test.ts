import { parseCancelReason } from '../../src/order-items/cancelRequest.ts';

const PREFIX = 'Validation of cancel order request failed with error:';

describe('the texts of a cancel', () => {
  test('are trimmed', () => {
    expect(parseCancelReason({ reason: ' late \n', note: '\t see mail ' }, 'key 1')).toEqual({
      reason: 'late',
      note: 'see mail',
      idempotencyKey: 'key 1',
    });
  });

  test('need no reason without a body', () => {
    expect(parseCancelReason(null, undefined)).toEqual({ reason: null, note: null, idempotencyKey: null });
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

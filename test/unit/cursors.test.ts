import { decodeCursor, encodeCursor } from '../../src/order-items/cursors.ts';

const PLACE = { at: '2010-12-01T08:26:00.123456Z', id: '0b5c3f5e-8f0a-5b0e-9d63-0123456789ab' };

test('a cursor decodes to its place, with microseconds', () => {
  expect(decodeCursor(encodeCursor(PLACE))).toEqual(PLACE);
});

test.each([
  ['nothing', ''],
  ['other text', 'abc'],
  ['a date only', Buffer.from('2010-12-01').toString('base64url')],
  ['a 31 February', encodeCursor({ ...PLACE, at: '2010-02-31T08:26:00.123456Z' })],
  ['the year 0', encodeCursor({ ...PLACE, at: '0000-01-01T00:00:00.000000Z' })],
  ['24 o’clock', encodeCursor({ ...PLACE, at: '2010-12-01T24:00:00.000000Z' })],
  ['a month 13', encodeCursor({ ...PLACE, at: '2010-13-01T08:26:00.123456Z' })],
  ['an id that is no UUID', encodeCursor({ ...PLACE, id: "' OR true" })],
  ['an id in upper case', encodeCursor({ ...PLACE, id: PLACE.id.toUpperCase() })],
  ['something behind it', `${encodeCursor(PLACE)}=`],
  ['a NUL', Buffer.from(`${PLACE.at}\0 ${PLACE.id}`).toString('base64url')],
])('%s is not a cursor', (_, cursor) => {
  expect(decodeCursor(cursor)).toBeNull();
});

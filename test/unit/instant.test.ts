import { toExactIsoString, toIsoString } from '../../src/order-items/instant.ts';

describe('an instant of PostgreSQL', () => {
  test.each([
    ['2026-03-04 05:06:07+00', '2026-03-04T05:06:07.000Z', '2026-03-04T05:06:07.000000Z'],
    ['2026-03-04 05:06:07.1+00', '2026-03-04T05:06:07.100Z', '2026-03-04T05:06:07.100000Z'],
    ['2026-03-04 05:06:07.000999+00', '2026-03-04T05:06:07.000Z', '2026-03-04T05:06:07.000999Z'],
    ['1969-12-31 23:59:59.999999+00', '1969-12-31T23:59:59.999Z', '1969-12-31T23:59:59.999999Z'],
    ['0001-01-01 00:00:00+00', '0001-01-01T00:00:00.000Z', '0001-01-01T00:00:00.000000Z'],
  ])('%s is written with milliseconds and with microseconds', (instant, milliseconds, microseconds) => {
    expect(toIsoString(instant)).toBe(milliseconds);
    expect(toExactIsoString(instant)).toBe(microseconds);
  });

  test.each([
    'infinity',
    '-infinity',
    '0044-03-15 12:00:00+00 BC',
    '10000-01-01 00:00:00+00',
    '2026-03-04 05:06:07+01',
  ])('%s is refused', (instant) => {
    expect(() => toIsoString(instant)).toThrow(RangeError);
    expect(() => toExactIsoString(instant)).toThrow(RangeError);
  });
});

import { createCancellationWindows, type WindowLengths } from '../../src/order-items/cancellationWindows.ts';
import { findBlockers, NOTHING_CLOSED } from '../../src/order-items/eligibility.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

function blockersAt(
  instant: string,
  lengths: Partial<WindowLengths>,
  { createdAt = '2024-01-01 00:00:00+00', releaseDate = null as string | null },
): string[] {
  const windows = createCancellationWindows({ windowMs: null, cutoffMs: null, timeZone: 'UTC', ...lengths });
  const item = {
    isPreOrder: true,
    status: 'pending' as const,
    quantity: 1,
    cancelledQuantity: 0,
    createdAt,
    releaseDate,
  };
  return findBlockers(item, windows.closedAt(Date.parse(instant))).map(({ code }) => code);
}

describe('cancellation windows', () => {
  test('that are off close nothing', () => {
    const windows = createCancellationWindows({ windowMs: null, cutoffMs: null, timeZone: 'UTC' });
    expect(windows.closedAt(Date.now())).toBe(NOTHING_CLOSED);
  });

  test.each([
    ['2024-02-28T00:00:00.122Z', []],
    ['2024-02-28T00:00:00.123Z', ['WINDOW_CLOSED']],
  ])('count the creation in whole milliseconds, at %s', (instant, codes) => {
    const createdAt = '2024-02-14 00:00:00.123999+00';
    expect(blockersAt(instant, { windowMs: 14 * DAY_MS }, { createdAt })).toEqual(codes);
  });

  test.each([
    // The clocks go forward at 00:00, so the day begins at 01:00 local time, and the offset before counts: -3.
    ['America/Sao_Paulo', '2018-11-04', '2018-11-04T03:00:00.000Z'],
    ['Africa/Cairo', '2024-04-26', '2024-04-25T22:00:00.000Z'],
    // At 00:00 the clocks go back to 23:00 of the day before, so the day begins an hour later.
    ['America/Sao_Paulo', '2018-02-18', '2018-02-18T03:00:00.000Z'],
    // The clocks go back at 01:00, and at 00:01, so 00:00 comes twice: the second counts.
    ['America/Havana', '2023-11-05', '2023-11-05T05:00:00.000Z'],
    ['America/St_Johns', '2010-11-07', '2010-11-07T03:30:00.000Z'],
    // This day was left out.
    ['Pacific/Apia', '2011-12-30', '2011-12-30T10:00:00.000Z'],
    ['Pacific/Apia', '2011-12-31', '2011-12-30T10:00:00.000Z'],
    ['Europe/Berlin', '2024-02-29', '2024-02-28T23:00:00.000Z'],
    ['Europe/Berlin', '2024-04-01', '2024-03-31T22:00:00.000Z'],
    ['Asia/Kathmandu', '2024-07-01', '2024-06-30T18:15:00.000Z'],
    ['UTC', '9999-12-31', '9999-12-31T00:00:00.000Z'],
    ['UTC', '0001-01-01', '0001-01-01T00:00:00.000Z'],
  ])('cut off where the day begins: in %s, %s begins at %s', (timeZone, releaseDate, start) => {
    const last = new Date(Date.parse(start) - 1).toISOString();
    for (const cutoffMs of [0, 36 * HOUR_MS]) {
      const at = (instant: string): string => new Date(Date.parse(instant) - cutoffMs).toISOString();
      expect(blockersAt(at(last), { cutoffMs, timeZone }, { releaseDate })).toEqual([]);
      expect(blockersAt(at(start), { cutoffMs, timeZone }, { releaseDate })).toEqual(['PAST_CUTOFF']);
    }
  });

  test('cut off nothing without a release date', () => {
    expect(blockersAt('2024-01-01T00:00:00Z', { cutoffMs: Infinity }, { releaseDate: null })).toEqual([]);
  });

  test('of any length have an answer', () => {
    const far = { createdAt: '0001-01-01 00:00:00+00', releaseDate: '9999-12-31' };
    const now = '2024-01-01T00:00:00Z';
    expect(blockersAt(now, { windowMs: Infinity, cutoffMs: Infinity }, far)).toEqual(['PAST_CUTOFF']);
    expect(blockersAt(now, { windowMs: 1e30, cutoffMs: 1e30 }, far)).toEqual(['PAST_CUTOFF']);
    expect(blockersAt(now, { windowMs: 0, cutoffMs: 0 }, far)).toEqual(['WINDOW_CLOSED']);
  });
});

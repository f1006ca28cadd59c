import fc from 'fast-check';
import pg from 'pg';
import { bindClosedWindows, createCancellationWindows } from '../../src/order-items/cancellationWindows.ts';
import { findBlockers, type JudgedItem, writeNotCancelableSql } from '../../src/order-items/eligibility.ts';
import { ORDER_ITEM_STATUSES } from '../../src/order-items/orderItem.ts';
import { createZonedDays, writeDay } from '../../src/order-items/zonedDays.ts';
import { createTestDatabase } from '../support/testDatabase.ts';

/* The windows as docs/configuration.md defines them, in PostgreSQL's arithmetic, against the policy and its SQL form. */

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const database = await createTestDatabase({ migrated: false });
const client = new pg.Client(database.url);

beforeAll(async () => {
  await client.connect();
  await client.query('SET jit = off');
});
afterAll(async () => {
  await client.end();
  await database.drop();
});

/** A time with microseconds, which `Date` does not have. */
interface ExactTime {
  readonly ms: number;
  /** From 0 to 999. */
  readonly microseconds: number;
}

function writeExact({ ms, microseconds }: ExactTime): string {
  return new Date(ms).toISOString().replace('Z', `${String(microseconds).padStart(3, '0')}Z`);
}

/** The first and the last instant that `order_item.created_at` can have. */
const FIRST: ExactTime = { ms: Date.parse('0001-01-01T00:00:00Z'), microseconds: 0 };
const LAST: ExactTime = { ms: Date.parse('9999-12-30T23:59:59.999Z'), microseconds: 999 };

/** Judges items at an instant in three ways. The time zone of the session is another one than that of the windows. */
const JUDGE = (notCancelable: string): string => `
  SELECT is_pre_order AS "isPreOrder", status, release_date::text AS "releaseDate",
    (created_at AT TIME ZONE 'UTC')::text || '+00' AS "createdAt",
    ${notCancelable} AS "sqlBlocks",
    coalesce(moment.at >= date_trunc('milliseconds', created_at) + $3::float8 * interval '1 millisecond', false)
      AS "windowClosed",
    coalesce(moment.at >= release_date::timestamp AT TIME ZONE $4 - $5::float8 * interval '1 millisecond', false)
      AS "pastCutoff"
  FROM jsonb_to_recordset($1::jsonb) AS order_item(is_pre_order boolean, status text, created_at timestamptz, release_date date),
    (SELECT $2::timestamptz AS at) AS moment`;

interface Judged extends JudgedItem {
  readonly sqlBlocks: boolean;
  readonly windowClosed: boolean;
  readonly pastCutoff: boolean;
}

/** The days around changes of the clocks, of every kind, and others. */
const DAYS: readonly (readonly [string, string])[] = [
  ['America/Sao_Paulo', '2018-11-04'],
  ['America/Sao_Paulo', '2018-02-18'],
  ['America/Havana', '2023-11-05'],
  ['America/Havana', '2024-03-10'],
  ['America/St_Johns', '2010-11-07'],
  ['Africa/Cairo', '2024-04-26'],
  ['Africa/Cairo', '2024-11-01'],
  ['Africa/Casablanca', '2024-03-10'],
  ['Asia/Beirut', '2024-03-31'],
  ['Australia/Lord_Howe', '2024-04-07'],
  ['Europe/Berlin', '2024-03-31'],
  ['Europe/Berlin', '2024-10-27'],
  ['Europe/Dublin', '2024-10-27'],
  ['Pacific/Apia', '2011-12-30'],
  ['Pacific/Chatham', '2024-09-29'],
  ['Asia/Kathmandu', '2024-07-01'],
  ['UTC', '2024-02-29'],
  ['UTC', '9999-12-31'],
  ['UTC', '0001-01-01'],
  ['America/New_York', '2000-02-29'],
  ['Pacific/Kiritimati', '2100-02-28'],
];

const lengthMs = fc.oneof(
  fc.constantFrom(0, 1, HOUR_MS, DAY_MS, 36 * HOUR_MS, 14 * DAY_MS, 36_500 * DAY_MS),
  fc.integer({ min: 0, max: 400 * DAY_MS }),
);
/** Distances from an edge, in milliseconds. */
const nearby = fc.oneof(
  fc.constantFrom(-1, 0, 1, -1_000, 1_000, -HOUR_MS, HOUR_MS, -HOUR_MS / 2, HOUR_MS / 2, -HOUR_MS - 1, DAY_MS),
  fc.integer({ min: -2 * DAY_MS, max: 2 * DAY_MS }),
);
const microseconds = fc.oneof(fc.constantFrom(0, 1, 999), fc.integer({ min: 0, max: 999 }));

test('the policy and its SQL form agree with the definition at every edge, in any time zone of the session', async () => {
  let judgements = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        zoned: fc.constantFrom(...DAYS),
        sessionTimeZone: fc.constantFrom('UTC', 'America/New_York', 'Asia/Kolkata', 'Pacific/Apia', 'Europe/London'),
        windowMs: fc.option(lengthMs),
        cutoffMs: fc.option(lengthMs),
        fromStart: nearby,
        items: fc.array(
          fc.record({
            isPreOrder: fc.boolean(),
            status: fc.constantFrom(...ORDER_ITEM_STATUSES),
            fromWindow: fc.option(nearby),
            microseconds,
            isFirst: fc.boolean(),
            daysLater: fc.option(fc.integer({ min: -2, max: 2 })),
          }),
          { minLength: 10, maxLength: 30 },
        ),
      }),
      async ({ zoned: [timeZone, date], sessionTimeZone, windowMs, cutoffMs, fromStart, items }) => {
        const day = Date.parse(date) / DAY_MS;
        const instantMs = createZonedDays(timeZone).findStart(day) - (cutoffMs ?? 0) + fromStart;
        // PostgreSQL and JavaScript write other years differently.
        fc.pre(instantMs >= FIRST.ms && instantMs <= LAST.ms + DAY_MS);
        const rows = items.map((item) => {
          const edgeMs = instantMs - (windowMs ?? 0) + (item.fromWindow ?? 0);
          const created = { ms: edgeMs, microseconds: item.microseconds };
          const farthest = item.isFirst ? FIRST : LAST;
          const isOutside = edgeMs < FIRST.ms || edgeMs > LAST.ms;
          const released = item.daysLater === null ? null : writeDay(day + item.daysLater);
          return {
            is_pre_order: item.isPreOrder,
            status: item.status,
            created_at: writeExact(item.fromWindow === null || isOutside ? farthest : created),
            release_date: released?.includes('infinity') === true ? date : released,
          };
        });
        const closed = createCancellationWindows({ windowMs, cutoffMs, timeZone }).closedAt(instantMs);
        const parameters: unknown[] = [
          JSON.stringify(rows),
          new Date(instantMs).toISOString(),
          windowMs,
          timeZone,
          cutoffMs,
        ];
        const bound = bindClosedWindows(closed, (value) => `$${parameters.push(value)}`);
        await client.query(`SET TimeZone = '${sessionTimeZone}'`);
        const { rows: judged } = await client.query<Judged>(
          JUDGE(writeNotCancelableSql(bound, 'checked by the table')),
          parameters,
        );
        for (const { sqlBlocks, windowClosed, pastCutoff, ...item } of judged) {
          const codes = findBlockers(item, closed).map(({ code }) => code);
          expect({ ...item, sqlBlocks, codes }).toEqual({
            ...item,
            sqlBlocks: codes.length > 0,
            codes: [
              ...(item.isPreOrder ? [] : ['NOT_PRE_ORDERED']),
              ...(['complete', 'cancelled', 'returned'].includes(item.status) ? ['TERMINAL_STATUS'] : []),
              ...(windowClosed ? ['WINDOW_CLOSED'] : []),
              ...(pastCutoff ? ['PAST_CUTOFF'] : []),
            ],
          });
          judgements += 1;
        }
      },
    ),
    { numRuns: 500 },
  );
  expect(judgements).toBeGreaterThan(5_000);
});

/**
 * PostgreSQL and Node bring time zone data of their own, and governments change the rules for the future. Of these years,
 * all versions in use know the same.
 */
const YEARS = ['2010-01-01', '2020-12-31'];

test('a day begins when PostgreSQL says so, in every time zone, around each day that has not 24 hours', async () => {
  const zones = Intl.supportedValuesOf('timeZone');
  const { rows } = await client.query<{ zone: string; day: number; start: number; next: number }>(
    `SELECT zone, day, extract(epoch FROM start)::float8 * 1000 AS start, extract(epoch FROM next)::float8 * 1000 AS next
     FROM unnest($1::text[]) AS zone, generate_series($2::date - 'epoch'::date, $3::date - 'epoch'::date) AS day,
       LATERAL (SELECT ('epoch'::date + day)::timestamp AT TIME ZONE zone AS start,
         ('epoch'::date + day + 1)::timestamp AT TIME ZONE zone AS next OFFSET 0) AS zoned
     WHERE next - start <> interval '24 hours'`,
    [zones, ...YEARS],
  );
  const daysOf = new Map(zones.map((zone) => [zone, createZonedDays(zone)]));
  const found = rows.map(({ zone, day }) => {
    const days = daysOf.get(zone);
    return { zone, day, start: days?.findStart(day), next: days?.findStart(day + 1) };
  });
  expect(found).toEqual(rows);
  expect(rows.length).toBeGreaterThan(3_000);
});

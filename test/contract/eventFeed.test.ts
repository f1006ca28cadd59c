import { FEED, readFeed } from '../support/eventFeed.ts';
import { openApi } from '../support/openApi.ts';
import { anOrderItem } from '../support/orderItems.ts';
import { insertEvents, waitForPositions } from '../support/outbox.ts';
import { CANCEL, expectError } from '../support/restContract.ts';
import { startTestService } from '../support/testService.ts';

/* Each test begins with an empty outbox. */

const service = await startTestService();
const { dataSource } = service;
beforeEach(() => dataSource.query('TRUNCATE order_item_event'));

const EXPIRED = 'The events after this cursor are no longer kept. Begin again without a cursor.';

/** Encodes what a cursor of the feed would be, if its text is as given. */
function encode(text: string): string {
  return Buffer.from(text).toString('base64url');
}

describe('GET /v0/events', () => {
  test('answers with the event of a cancel through each door', async () => {
    const [byRest, byGraphql] = [await anOrderItem(dataSource, { quantity: 3 }), await anOrderItem(dataSource)];
    const cancelled = await service.cancelByRest(byRest, { body: { reason: 'Fewer', quantity: 2 } });
    await service.graphql('mutation($input: CancelOrderItemInput!) { cancelOrderItem(input: $input) { __typename } }', {
      input: { id: byGraphql, reason: 'Late' },
    });
    await waitForPositions(dataSource, 2);
    const { status, headers, body } = await readFeed(service, '', {
      token: await service.token({ scope: 'order-items:events' }),
    });
    expect({ status, type: headers.get('content-type'), id: body.request_id }).toEqual({
      status: 200,
      type: 'application/json; charset=utf-8',
      id: headers.get('x-request-id'),
    });
    expect(body.events).toMatchObject([
      {
        source: '/order-items',
        type: 'order_item.partially_cancelled',
        subject: byRest,
        time: cancelled.body.cancelled_at,
        data: { remaining: 1, channel: 'rest', requestId: cancelled.body.request_id },
      },
      { type: 'order_item.cancelled', subject: byGraphql, data: { remaining: 0, channel: 'graphql' } },
    ]);
    // Free texts are for endpoints that ask for them.
    expect(JSON.stringify(body)).not.toMatch(/Fewer|Late/);
  });

  test('goes on from its cursor, also from an empty page', async () => {
    const { body: empty } = await readFeed(service);
    expect(empty.events).toEqual([]);
    await insertEvents(
      dataSource,
      Array.from({ length: 5 }, () => ({})),
    );
    const ids = (await waitForPositions(dataSource, 5)).map(({ id }) => id);
    const seen: string[] = [];
    let { next } = empty;
    for (let page = 0; page < 4; page += 1) {
      const { body } = await readFeed(service, `?limit=2&after=${next}`);
      seen.push(...body.events.map(({ id }: { id: string }) => id));
      ({ next } = body);
    }
    expect(seen).toEqual(ids);
    expect((await readFeed(service, `?after=${next}`)).body).toMatchObject({ events: [], next });
  });

  test('has 100 events in a page, and up to 1,000 if the limit says so', async () => {
    await insertEvents(
      dataSource,
      Array.from({ length: 1_001 }, () => ({})),
    );
    await waitForPositions(dataSource, 1_001);
    expect((await readFeed(service)).body.events).toHaveLength(100);
    expect((await readFeed(service, '?limit=1000')).body.events).toHaveLength(1_000);
  });

  test('answers 410 to a cursor before the oldest event that is kept, and goes on without one', async () => {
    await insertEvents(dataSource, [{}, {}, {}]);
    await waitForPositions(dataSource, 3);
    const { body: first } = await readFeed(service, '?limit=1');
    const { body: second } = await readFeed(service, `?limit=1&after=${first.next}`);
    await dataSource.query('DELETE FROM order_item_event WHERE position <= 2');
    expectError(await readFeed(service, `?after=${first.next}`), 410, 'cursor_expired', EXPIRED);
    expect((await readFeed(service, `?after=${second.next}`)).body.events).toHaveLength(1);
    expect((await readFeed(service)).body.events).toHaveLength(1);
  });

  test('answers 410 to a cursor of events that the database has lost', async () => {
    await insertEvents(dataSource, [{}]);
    await waitForPositions(dataSource, 1);
    for (const position of ['2', '9007199254740991']) {
      const answer = await readFeed(service, `?wait=30&after=${encode(`event ${position}`)}`);
      expectError(answer, 410, 'cursor_expired', EXPIRED);
    }
  });

  test.each([
    ['after', `after=`],
    ['after', 'after=5'],
    ['after', `after=${encode('event 05')}`],
    ['after', `after=${encode('event -1')}`],
    ['after', `after=${encode('event 1e3')}`],
    ['after', `after=${encode('event 9007199254740992')}`],
    ['after', `after=${encode('event 99999999999999999999')}`],
    ['after', `after=${encode('event 1')}=`],
    ['after', `after=${encode("event 1' OR true --")}`],
    ['after', `after=${encode('event 1')}&after=${encode('event 1')}`],
    ['after', 'after=%00'],
    ['after', `after=${'A'.repeat(10_000)}`],
    ['limit', 'limit='],
    ['limit', 'limit=0'],
    ['limit', 'limit=1001'],
    ['limit', 'limit=-1'],
    ['limit', 'limit=1e2'],
    ['limit', 'limit=1.5'],
    ['limit', 'limit=ten'],
    ['limit', 'limit=1&limit=2'],
    ['wait', 'wait=31'],
    ['wait', 'wait=-1'],
    ['wait', 'wait=0.5'],
    ['wait', 'wait=Infinity'],
    ['wait', 'wait=1&wait=1'],
    ['wait', 'wait=99999999999'],
  ])('answers 400 to a malformed %s: %s', async (parameter, query) => {
    const answer = await readFeed(service, `?${query}`);
    expectError(answer, 400, 'bad_request', expect.stringContaining(`The parameter '${parameter}' is not `));
  });

  test('ignores parameters that it does not know', async () => {
    expect((await readFeed(service, '?since=yesterday')).status).toBe(200);
  });

  test('needs the scope for events, before it looks at the parameters', async () => {
    expectError(await readFeed(service, '?limit=0', { token: null }), 401, 'unauthorized');
    const token = await service.token({ scope: 'order-items:read order-items:cancel' });
    const forbidden = await readFeed(service, '?limit=0', { token });
    expectError(forbidden, 403, 'forbidden', 'The token lacks the scope order-items:events.');
    expect(forbidden.headers.get('www-authenticate')).toContain('scope="order-items:events"');
  });

  test.each(['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])(
    'answers %s with 405 and the methods it takes',
    async (method) => {
      const answer = await readFeed(service, '', { method });
      expectError(answer, 405, 'method_not_allowed');
      expect(answer.headers.get('allow')).toBe('GET, HEAD');
    },
  );

  test('answers HEAD like GET, without a body', async () => {
    await insertEvents(dataSource, [{}]);
    await waitForPositions(dataSource, 1);
    const answer = await readFeed(service, '?wait=30', { method: 'HEAD' });
    expect([answer.status, answer.body]).toEqual([200, null]);
    expect(Number(answer.headers.get('content-length'))).toBeGreaterThan(300);
  });

  test('is described by the document', async () => {
    const { paths } = openApi as { readonly paths: object };
    // Readers of the document meet the cancel first.
    expect(Object.keys(paths)).toEqual(expect.arrayContaining([CANCEL, FEED]));
    expect(Object.keys(paths)[0]).toBe(CANCEL);
  });
});

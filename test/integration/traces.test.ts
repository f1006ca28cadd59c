import { untilMetric } from '../support/exposition.ts';
import { lockItem } from '../support/lockedItem.ts';
import { anOrderItem, insertOrderItems } from '../support/orderItems.ts';
import { findChildren, toLink, only, openTraces } from '../support/traces.ts';

const SERVER = 2;
const CLIENT = 3;
const ERROR = 2;
const CANCEL =
  'mutation Late($input: CancelOrderItemInput!) { cancelOrderItem(input: $input) { ... on CancelOrderItemSuccess { orderItem { id } } } }';

const { dataSource, databaseUrl, token, trace } = await openTraces();

describe('a request', () => {
  test('is one trace through each door: request, batch and statements', async () => {
    const [id, otherId] = [await anOrderItem(dataSource), await anOrderItem(dataSource)];
    const ids: string[] = [];
    const { spans, lines, collector } = await trace(async (service) => {
      ids.push(await service.graphql(CANCEL, { input: { id, reason: 'Late' } }));
      ids.push(await service.post(`/v0/line_item/${otherId}/cancel`));
    });
    for (const [position, name] of ['POST /graphql', 'POST /v0/line_item/:uuid/cancel'].entries()) {
      const ofTrace = spans.filter(({ traceId }) => traceId === ids[position]);
      const request = only(ofTrace.filter(({ kind }) => kind === SERVER));
      expect(request).toMatchObject({ name, parentSpanId: '', status: 0, resource: { 'service.name': 'order-items' } });
      expect(request.attributes).toMatchObject({
        'http.request.method': 'POST',
        'http.route': name.slice('POST '.length),
        'http.response.status_code': 200,
        'order_items.outcome': 'CANCELLED',
      });
      const batch = only(findChildren(ofTrace, request));
      expect(batch).toMatchObject({ name: 'batch cancel_order_items', attributes: { 'order_items.batch.size': 1 } });
      expect(batch.links).toEqual([toLink(request)]);
      const statement = only(findChildren(ofTrace, batch));
      expect(statement).toMatchObject({ name: 'cancel_order_items', kind: CLIENT });
      expect(statement.attributes).toMatchObject({
        'db.system.name': 'postgresql',
        'db.query.summary': 'cancel_order_items',
        'db.query.text': expect.stringContaining('$1'),
      });
      expect(ofTrace).toHaveLength(3);
      expect(request.durationMs).toBeGreaterThanOrEqual(statement.durationMs);
      expect(lines[position]).toMatchObject({
        requestId: ids[position],
        trace_id: request.traceId,
        span_id: request.spanId,
        statements: 1,
      });
    }
    expect(only(spans.filter(({ name }) => name === 'POST /graphql')).attributes).toMatchObject({
      'graphql.operation.name': 'Late',
      'graphql.operation.type': 'mutation',
    });
    expect(collector.requests[0]).toMatchObject({
      path: '/v1/traces',
      headers: { 'content-type': 'application/x-protobuf' },
    });
  });

  test('with a transaction has a span per statement', async () => {
    const [id, otherId] = [await anOrderItem(dataSource), await anOrderItem(dataSource)];
    const query = 'mutation($input: CancelOrderItemsInput!) { cancelOrderItems(input: $input) { __typename } }';
    const { spans, lines } = await trace((service) =>
      service.graphql(query, { input: { ids: [id, otherId], reason: 'Late' } }),
    );
    const batch = only(spans.filter(({ name }) => name.startsWith('batch')));
    const statements = findChildren(spans, batch).map(({ name }) => name);
    expect(statements.at(0)).toBe('START');
    expect(statements.at(-1)).toBe('COMMIT');
    expect(statements).toContain('cancel_order_items');
    expect(lines[0]).toMatchObject({ statements: statements.length });
  });

  test('continues the caller’s trace and its sampling', async () => {
    const id = await anOrderItem(dataSource);
    const [sampled, unsampled] = ['4bf92f3577b34da6a3ce929d0e0e4736', '0af7651916cd43dd8448eb211c80319c'];
    const { spans, lines } = await trace(async (service) => {
      await service.read(id, { traceparent: `00-${sampled}-00f067aa0ba902b7-01`, tracestate: 'shop=1' });
      await service.read(id, { traceparent: `00-${unsampled}-00f067aa0ba902b7-00` });
    });
    const request = only(spans.filter(({ kind }) => kind === SERVER));
    expect(request).toMatchObject({ traceId: sampled, parentSpanId: '00f067aa0ba902b7', traceState: 'shop=1' });
    expect(spans).toHaveLength(3);
    expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([sampled]));
    expect(lines).toMatchObject([{ trace_id: sampled, span_id: request.spanId }, { trace_id: unsampled }]);
    expect(lines[1]).not.toHaveProperty('span_id');
  });

  test('that fails after a wait for a lock shows the wait, and is marked as failed', async () => {
    const id = await anOrderItem(dataSource);
    const lock = await lockItem(databaseUrl, id);
    // The lock queue tries every 20 ms, so a slow machine makes three tries, too.
    const { spans } = await trace((service) => service.post(`/v0/line_item/${id}/cancel`), { LOCK_TIMEOUT_MS: '2000' });
    await lock.release();
    const request = only(spans.filter(({ kind }) => kind === SERVER));
    expect(request).toMatchObject({ status: ERROR, attributes: { 'error.type': '503' } });
    expect(findChildren(spans, request).filter(({ name }) => name === 'batch locked').length).toBeGreaterThan(2);
  });

  test('without a route has a span without its path', async () => {
    const { spans } = await trace(async (service) => {
      await fetch(`${service.url}/nowhere/planted?planted=1`, { method: 'PROPFIND' });
      await fetch(`${service.url}/graphql`, { method: 'POST' });
    });
    expect(spans).toMatchObject([
      { name: 'HTTP', attributes: { 'http.request.method': '_OTHER', 'http.response.status_code': 404 } },
      { name: 'POST /graphql', attributes: { 'http.response.status_code': 401 } },
    ]);
  });

  test('is traced or not, as the sampler decides', async () => {
    const id = await anOrderItem(dataSource);
    const { spans } = await trace(
      async (service) => {
        for (let request = 0; request < 60; request += 1) await service.read(id);
      },
      { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.5' },
    );
    const traced = spans.filter(({ kind }) => kind === SERVER).length;
    expect(traced).toBeGreaterThan(5);
    expect(traced).toBeLessThan(55);
    expect(spans).toHaveLength(traced * 3);
  });
});

test('links connect a batch with each of its requests', async () => {
  const count = 20;
  const ids = await insertOrderItems(
    dataSource,
    Array.from({ length: count + 2 }, () => ({})),
  );
  const requestIds: string[] = [];
  const { spans } = await trace(async (service) => {
    const untilQueue = (name: string, value: number): Promise<void> =>
      untilMetric(service.url, name, { queue: 'read_order_items' }, value);
    const answers = await dataSource.transaction(async (manager) => {
      await manager.query('LOCK TABLE order_item IN ACCESS EXCLUSIVE MODE');
      const sent = [service.read(ids[0] ?? '')];
      await untilQueue('order_items_batches_under_way', 1);
      sent.push(service.read(ids[1] ?? ''));
      await untilQueue('order_items_batches_under_way', 2);
      // Both slots are taken, so the other reads gather in one batch.
      sent.push(...ids.slice(2).map((id) => service.read(id)));
      await untilQueue('order_items_queue_waiting', count);
      return sent;
    });
    requestIds.push(...(await Promise.all(answers)));
  });
  const batch = only(spans.filter(({ links }) => links.length > 1));
  expect(batch).toMatchObject({ name: 'batch read_order_items', attributes: { 'order_items.batch.size': count } });
  const served = requestIds.slice(2).map((id) => only(spans.filter((s) => s.traceId === id && s.kind === SERVER)));
  expect(batch.links).toHaveLength(count);
  expect(batch.links).toEqual(expect.arrayContaining(served.map(toLink)));
  expect(batch).toMatchObject({ parentSpanId: '' });
  expect(requestIds).not.toContain(batch.traceId);
  for (const request of served) expect(request.links).toEqual([toLink(batch)]);
  expect(only(findChildren(spans, batch))).toMatchObject({ name: 'read_order_items', kind: CLIENT });
});

test('sends no confidential texts of callers to the collector', async () => {
  const [id, otherId] = [await anOrderItem(dataSource), await anOrderItem(dataSource)];
  const stated = { reason: 'planted-reason', note: 'planted-note' };
  const { spans, collector } = await trace(async (service) => {
    const headers = { 'idempotency-key': 'planted-key', cookie: 'planted-cookie', 'user-agent': 'planted-agent' };
    await service.post(`/v0/line_item/${id}/cancel?planted=query`, stated, headers);
    await service.graphql(CANCEL, { input: { id: otherId, ...stated, idempotencyKey: 'planted-key-2' } }, headers);
    await service.post('/v0/line_item/planted-id/cancel', stated);
    await dataSource.query('ALTER TABLE order_item_cancellation ADD CONSTRAINT fault CHECK (false) NOT VALID');
    const third = await anOrderItem(dataSource);
    await service.post(`/v0/line_item/${third}/cancel`, stated);
    await service.graphql(CANCEL, { input: { id: third, ...stated } });
    await dataSource.query('ALTER TABLE order_item_cancellation DROP CONSTRAINT fault');
  });
  const failed = spans.filter(({ status, kind }) => status === ERROR && kind === SERVER);
  expect(failed.map(({ attributes }) => attributes['error.type'])).toEqual(['500', 'INTERNAL_SERVER_ERROR']);
  expect(spans).toContainEqual(
    expect.objectContaining({ kind: CLIENT, attributes: expect.objectContaining({ 'error.type': '23514' }) }),
  );
  const bytes = Buffer.concat(collector.bodies).toString('latin1');
  expect(bytes).toContain('cancel_order_items');
  for (const secret of ['planted', token, token.split('.')[2] ?? token, id, otherId]) {
    expect(bytes).not.toContain(secret);
  }
});

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { openDevelopmentIssuer } from '../../src/auth/developmentIssuer.ts';
import { lockItem } from '../support/lockedItem.ts';
import { anOrderItem, insertOrderItems } from '../support/orderItems.ts';
import { type OtlpCollector, startOtlpCollector } from '../support/otlpCollector.ts';
import type { ExportedSpan } from '../support/otlpSpans.ts';
import { killServiceProcesses, startServiceProcess } from '../support/serviceProcess.ts';
import { createTestDatabase } from '../support/testDatabase.ts';

const SERVER = 2;
const CLIENT = 3;
const ERROR = 2;
const CANCEL =
  'mutation Late($input: CancelOrderItemInput!) { cancelOrderItem(input: $input) { ... on CancelOrderItemSuccess { orderItem { id } } } }';

const dataDir = await mkdtemp(path.join(tmpdir(), 'order-items-traces-'));
const database = await createTestDatabase();
const dataSource = await new DataSource({ type: 'postgres', url: database.url }).initialize();
const token = await (await openDevelopmentIssuer(dataDir)).issueToken();

afterEach(killServiceProcesses);
afterAll(async () => {
  await dataSource.destroy();
  await database.drop();
  await rm(dataDir, { recursive: true });
});

type Headers = Readonly<Record<string, string>>;

/** A service that is asked for something, as its callers ask. */
class Asked {
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  /** @returns the request id of the answer. */
  async post(pathname: string, body?: object, headers: Headers = {}): Promise<string> {
    const response = await fetch(`${this.url}${pathname}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    await response.text();
    return response.headers.get('x-request-id') ?? '';
  }

  graphql(query: string, variables: object = {}, headers: Headers = {}): Promise<string> {
    return this.post('/graphql', { query, variables }, headers);
  }

  read(id: string, headers: Headers = {}): Promise<string> {
    return this.graphql(`query Reads { orderItem(id: "${id}") { status } }`, {}, headers);
  }
}

interface Traced {
  readonly spans: readonly ExportedSpan[];
  readonly collector: OtlpCollector;
  readonly output: string;
  /** The lines of the log for requests. */
  readonly lines: readonly Record<string, unknown>[];
}

/** Everything that a service tells of itself when it is asked, and then ended. */
async function trace(act: (service: Asked) => Promise<unknown>, environment: Headers = {}): Promise<Traced> {
  const collector = await startOtlpCollector();
  const service = startServiceProcess({
    DATABASE_URL: database.url,
    DATA_DIR: dataDir,
    PLAYGROUND: 'false',
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    ...environment,
  });
  await act(new Asked(await service.url));
  service.child.kill('SIGTERM');
  expect(await service.exit).toBe(0);
  const output = service.output();
  const lines = output
    .split('\n')
    .filter((line) => line.includes('"msg":"request"'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { spans: collector.spans, collector, output, lines };
}

function only<T>(found: readonly T[]): T {
  expect(found).toHaveLength(1);
  return found[0] as T;
}

function childrenOf(spans: readonly ExportedSpan[], { traceId, spanId }: ExportedSpan): ExportedSpan[] {
  return spans.filter((span) => span.traceId === traceId && span.parentSpanId === spanId);
}

const idsOf = ({ traceId, spanId }: ExportedSpan): object => ({ traceId, spanId });

describe('a request', () => {
  test('is one trace through each door: its span, that of its batch, those of its statements', async () => {
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
        'order_items.outcome': position === 0 ? 'CANCELLED' : 'CANCELLED',
      });
      const batch = only(childrenOf(ofTrace, request));
      expect(batch).toMatchObject({ name: 'batch cancel_order_items', attributes: { 'order_items.batch.size': 1 } });
      expect(batch.links).toEqual([idsOf(request)]);
      const statement = only(childrenOf(ofTrace, batch));
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

  test('that takes a transaction has a span for each of its statements', async () => {
    const [id, otherId] = [await anOrderItem(dataSource), await anOrderItem(dataSource)];
    const query = 'mutation($input: CancelOrderItemsInput!) { cancelOrderItems(input: $input) { __typename } }';
    const { spans, lines } = await trace((service) =>
      service.graphql(query, { input: { ids: [id, otherId], reason: 'Late' } }),
    );
    const batch = only(spans.filter(({ name }) => name.startsWith('batch')));
    const statements = childrenOf(spans, batch).map(({ name }) => name);
    expect(statements.at(0)).toBe('START');
    expect(statements.at(-1)).toBe('COMMIT');
    expect(statements).toContain('cancel_order_items');
    expect(lines[0]).toMatchObject({ statements: statements.length });
  });

  test('continues the trace that it comes from, as that was sampled', async () => {
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

  test('that waits for a locked item and fails shows what it waited for, and is marked', async () => {
    const id = await anOrderItem(dataSource);
    const lock = await lockItem(database.url, id);
    const { spans } = await trace((service) => service.post(`/v0/line_item/${id}/cancel`), { LOCK_TIMEOUT_MS: '200' });
    await lock.release();
    const request = only(spans.filter(({ kind }) => kind === SERVER));
    expect(request).toMatchObject({ status: ERROR, attributes: { 'error.type': '503' } });
    expect(childrenOf(spans, request).filter(({ name }) => name === 'batch locked').length).toBeGreaterThan(2);
  });

  test('that never reaches a route has its span, without its path', async () => {
    const { spans } = await trace(async (service) => {
      await fetch(`${service.url}/nowhere/planted?planted=1`, { method: 'PROPFIND' });
      await fetch(`${service.url}/graphql`, { method: 'POST' });
    });
    expect(spans).toMatchObject([
      { name: 'HTTP', attributes: { 'http.request.method': '_OTHER', 'http.response.status_code': 404 } },
      { name: 'POST /graphql', attributes: { 'http.response.status_code': 401 } },
    ]);
  });

  test('is traced or not as the sampler has it', async () => {
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

test('a batch links to every request that it serves, and each of them to it', async () => {
  const count = 20;
  const ids = await insertOrderItems(
    dataSource,
    Array.from({ length: count + 2 }, () => ({})),
  );
  const requestIds: string[] = [];
  const { spans } = await trace(async (service) => {
    const waiting = async (): Promise<number> => {
      const text = await (await fetch(`${service.url}/metrics`)).text();
      return Number(/^order_items_queue_waiting\{queue="read_order_items"\} (\d+)$/m.exec(text)?.[1]);
    };
    await dataSource.transaction(async (manager) => {
      await manager.query('LOCK TABLE order_item IN ACCESS EXCLUSIVE MODE');
      const answers = [service.read(ids[0] ?? '')];
      await sleep(100);
      answers.push(service.read(ids[1] ?? ''));
      await sleep(100);
      // Both batches are under way, so that what comes now gathers.
      answers.push(...ids.slice(2).map((id) => service.read(id)));
      while ((await waiting()) < count) await sleep(20);
      setTimeout(() => void Promise.all(answers).then((all) => requestIds.push(...all)), 0);
    });
    while (requestIds.length < count + 2) await sleep(20);
  });
  const batch = only(spans.filter(({ links }) => links.length > 1));
  expect(batch).toMatchObject({ name: 'batch read_order_items', attributes: { 'order_items.batch.size': count } });
  const served = requestIds.slice(2).map((id) => only(spans.filter((s) => s.traceId === id && s.kind === SERVER)));
  expect(batch.links).toHaveLength(count);
  expect(batch.links).toEqual(expect.arrayContaining(served.map(idsOf)));
  expect(batch).toMatchObject({ parentSpanId: '' });
  expect(requestIds).not.toContain(batch.traceId);
  for (const request of served) expect(request.links).toEqual([idsOf(batch)]);
  expect(only(childrenOf(spans, batch))).toMatchObject({ name: 'read_order_items', kind: CLIENT });
});

test('nothing that callers say in confidence gets to the collector', async () => {
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

describe('a collector', () => {
  test.each(['is not there', 'takes everything and never answers'])('that %s delays nobody', async (behaviour) => {
    const hanging = await startOtlpCollector({ answers: false });
    const endpoint = behaviour === 'is not there' ? 'http://127.0.0.1:9' : hanging.url;
    const id = await anOrderItem(dataSource);
    let stoppedAt = 0;
    const { output, lines } = await trace(
      async (service) => {
        // More than one batch of spans, so that some are on their way.
        for (let round = 0; round < 10; round += 1) {
          await Promise.all(Array.from({ length: 60 }, () => service.read(id)));
        }
        stoppedAt = performance.now();
      },
      { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, RATE_LIMIT_PER_MINUTE: '0' },
    );
    expect(performance.now() - stoppedAt).toBeLessThan(5_000);
    expect(lines).toHaveLength(600);
    expect(lines.every(({ status, durationMs }) => status === 200 && Number(durationMs) < 2_000)).toBe(true);
    const complaints = output.split('\n').filter((line) => line.includes('"level":"warn"'));
    expect(complaints.length).toBeLessThan(4);
    expect(complaints.join('\n')).toContain('the collector did not take the last spans');
  });
});

describe('what traces', () => {
  /** Tells on standard error what the process loads of OpenTelemetry, and for whom. */
  const probe = `import { registerHooks } from 'node:module';
    registerHooks({ resolve(specifier, context, next) {
      const found = next(specifier, context);
      if (/node_modules.@opentelemetry|telemetry.openTelemetry/.test(found.url))
        process.stderr.write('\\nloaded ' + found.url + ' for ' + context.parentURL + '\\n');
      return found;
    } });`;

  async function loadedWith(environment: Headers): Promise<string[]> {
    const service = startServiceProcess({ DATABASE_URL: database.url, DATA_DIR: dataDir, ...environment }, [
      process.execPath,
      '--import',
      `data:text/javascript,${encodeURIComponent(probe)}`,
      'src/main.ts',
    ]);
    await new Asked(await service.url).read(await anOrderItem(dataSource));
    service.child.kill('SIGTERM');
    expect(await service.exit).toBe(0);
    return service
      .output()
      .split('\n')
      .filter((line) => line.startsWith('loaded '));
  }

  test('is loaded only where there is a collector', async () => {
    const { url } = await startOtlpCollector();
    const isOfTracing = (line: string): boolean =>
      // The metrics' library brings the API, which does nothing by itself.
      !/for \S+node_modules.(prom-client|@opentelemetry.api)\b/.test(line);
    const without = await loadedWith({});
    expect(without.filter(isOfTracing)).toEqual([]);
    for (const variable of ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']) {
      const loaded = (await loadedWith({ [variable]: url })).filter(isOfTracing);
      for (const name of ['openTelemetry.ts', '@opentelemetry/sdk-trace/', '@opentelemetry/exporter-trace-otlp-proto/'])
        expect(loaded.filter((line) => line.includes(name))).not.toEqual([]);
    }
    const disabled = await loadedWith({ OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_SDK_DISABLED: 'TRUE' });
    expect(disabled.filter(isOfTracing)).toEqual([]);
  });
});

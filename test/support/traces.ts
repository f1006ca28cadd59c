import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DataSource } from 'typeorm';
import { openDevelopmentIssuer } from '../../src/auth/developmentIssuer.ts';
import { type OtlpCollector, startOtlpCollector, stopOtlpCollectors } from './otlpCollector.ts';
import type { ExportedSpan } from './otlpSpans.ts';
import { killServiceProcesses, startServiceProcess } from './serviceProcess.ts';
import { createTestDatabase } from './testDatabase.ts';

type Texts = Readonly<Record<string, string>>;

/** A traced service, as its callers see it. */
export interface TracedService {
  readonly url: string;
  /** @returns the request id of the answer. */
  readonly post: (pathname: string, body?: object, headers?: Texts) => Promise<string>;
  readonly graphql: (query: string, variables?: object, headers?: Texts) => Promise<string>;
  readonly read: (id: string, headers?: Texts) => Promise<string>;
}

/** Everything that a service has reported. */
export interface Traced {
  readonly spans: readonly ExportedSpan[];
  readonly collector: OtlpCollector;
  readonly output: string;
  /** The log lines of requests. */
  readonly lines: readonly Record<string, unknown>[];
}

export interface Traces {
  readonly dataSource: DataSource;
  readonly databaseUrl: string;
  readonly token: string;
  /**
   * Starts a service, runs requests against it, and stops it.
   *
   * @param nodeArguments precede the program.
   */
  readonly trace: (
    act: (service: TracedService) => Promise<unknown>,
    environment?: Texts,
    nodeArguments?: readonly string[],
  ) => Promise<Traced>;
}

/** Opens a database and a token for traced services. The end of the test file cleans up. */
export async function openTraces(): Promise<Traces> {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'order-items-traces-'));
  const database = await createTestDatabase();
  const dataSource = await new DataSource({ type: 'postgres', url: database.url }).initialize();
  const token = await (await openDevelopmentIssuer(dataDir)).issueToken();
  afterEach(killServiceProcesses);
  afterEach(stopOtlpCollectors);
  afterAll(async () => {
    await dataSource.destroy();
    await database.drop();
    await rm(dataDir, { recursive: true });
  });
  return {
    dataSource,
    databaseUrl: database.url,
    token,
    trace: async (act, environment = {}, nodeArguments = []) => {
      const collector = await startOtlpCollector();
      const service = startServiceProcess(
        {
          DATABASE_URL: database.url,
          DATA_DIR: dataDir,
          PLAYGROUND: 'false',
          RATE_LIMIT_PER_MINUTE: '0',
          OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
          ...environment,
        },
        [process.execPath, ...nodeArguments, 'src/main.ts'],
      );
      await act(askedAt(await service.url, token));
      service.child.kill('SIGTERM');
      expect(await service.exit).toBe(0);
      const output = service.output();
      const lines = output
        .split('\n')
        .filter((line) => line.includes('"msg":"request"'))
        .map((line) => JSON.parse(line) as Record<string, unknown>);
      return { spans: collector.spans, collector, output, lines };
    },
  };
}

function askedAt(url: string, token: string): TracedService {
  const post: TracedService['post'] = async (pathname, body, headers = {}) => {
    const response = await fetch(`${url}${pathname}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    await response.text();
    return response.headers.get('x-request-id') ?? '';
  };
  const graphql: TracedService['graphql'] = (query, variables = {}, headers = {}) =>
    post('/graphql', { query, variables }, headers);
  return {
    url,
    post,
    graphql,
    read: (id, headers = {}) => graphql(`query Reads { orderItem(id: "${id}") { status } }`, {}, headers),
  };
}

export function only<T>(found: readonly T[]): T {
  expect(found).toHaveLength(1);
  return found[0] as T;
}

export function findChildren(spans: readonly ExportedSpan[], { traceId, spanId }: ExportedSpan): ExportedSpan[] {
  return spans.filter((span) => span.traceId === traceId && span.parentSpanId === spanId);
}

/** Returns a span's ids in the form of a link. */
export function toLink({ traceId, spanId }: ExportedSpan): object {
  return { traceId, spanId };
}

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { DataSource } from 'typeorm';
import type { TokenClaims } from '../../src/auth/developmentIssuer.ts';
import { readConfig } from '../../src/config.ts';
import { startService } from '../../src/service.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { createTestDatabase } from './testDatabase.ts';

export interface TestService {
  readonly url: string;
  readonly databaseUrl: string;
  /** The data source of the service. */
  readonly dataSource: DataSource;
  /** Issues a token of the development issuer, by default with every scope. */
  readonly token: (claims?: TokenClaims) => Promise<string>;
  readonly graphql: (document: string, variables?: object, token?: string) => Promise<GraphQLAnswer>;
  /** `POST /v0/line_item/{id}/cancel`. */
  readonly cancelByRest: (id: string, request?: RestRequest) => Promise<RestAnswer>;
}

export interface GraphQLAnswer {
  readonly status: number;
  readonly headers: Headers;
  // Tests assert what they read, so a wrong shape fails there.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly data: any;
  readonly errors: { message: string; path?: (string | number)[]; extensions: Record<string, unknown> }[];
}

export interface RestRequest {
  readonly body?: string | Uint8Array<ArrayBuffer> | object;
  readonly headers?: Record<string, string>;
  readonly token?: string | null;
}

export interface RestAnswer {
  readonly status: number;
  readonly headers: Headers;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly body: any;
}

/**
 * Starts the real service. The end of the test file stops it.
 *
 * @param environment configures it. Without `DATABASE_URL`, it gets a new, migrated database.
 */
export async function startTestService(environment: Record<string, string> = {}): Promise<TestService> {
  const given = environment['DATABASE_URL'];
  const database = given === undefined ? await createTestDatabase() : { url: given, drop: () => Promise.resolve() };
  const dataDir = await mkdtemp(path.join(tmpdir(), 'order-items-service-'));
  const config = readConfig({
    PORT: '0',
    DATABASE_URL: database.url,
    DATA_DIR: dataDir,
    LOG_LEVEL: 'silent',
    RATE_LIMIT_PER_MINUTE: '0',
    PLAYGROUND: 'false',
    ...environment,
  });
  const service = await startService(config, { logger: createLogger(config.logLevel) });
  afterAll(async () => {
    await service.stop();
    await database.drop();
    await rm(dataDir, { recursive: true });
  });

  const token = (claims?: TokenClaims): Promise<string> => {
    if (service.developmentIssuer === null) throw new Error('This service takes the tokens of another issuer.');
    return service.developmentIssuer.issueToken(claims);
  };
  const ownToken = service.developmentIssuer === null ? '' : await token();
  return {
    url: service.url,
    databaseUrl: database.url,
    dataSource: service.dataSource,
    token,
    graphql: (document, variables = {}, bearer = ownToken) => graphql(service.url, document, variables, bearer),
    cancelByRest: (id, { body, headers = {}, token: bearer = ownToken } = {}) =>
      readRestAnswer(
        fetch(`${service.url}/v0/line_item/${id}/cancel`, {
          method: 'POST',
          headers: {
            ...(bearer === null ? {} : { authorization: `Bearer ${bearer}` }),
            ...(body === undefined ? {} : { 'content-type': 'application/json' }),
            ...headers,
          },
          ...(body === undefined ? {} : { body: isRaw(body) ? body : JSON.stringify(body) }),
        }),
      ),
  };
}

async function graphql(url: string, query: string, variables: object, bearer: string): Promise<GraphQLAnswer> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors = [] } = (await response.json()) as Partial<GraphQLAnswer>;
  return { status: response.status, headers: response.headers, data, errors };
}

/** Reads an answer of the REST path. */
export async function readRestAnswer(sent: Promise<Response>): Promise<RestAnswer> {
  const response = await sent;
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === '' ? null : JSON.parse(text) };
}

function isRaw(body: string | Uint8Array<ArrayBuffer> | object): body is string | Uint8Array<ArrayBuffer> {
  return typeof body === 'string' || body instanceof Uint8Array;
}

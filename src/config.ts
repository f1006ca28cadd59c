import { z } from 'zod';
import type { AuthConfig } from './auth/issuerKeys.ts';
import type { NatsServers } from './events/natsUrls.ts';
import type { DocumentLimits } from './graphql/documentLimits.ts';
import { duration, reasonCodes, timeZone } from './cancellationVariables.ts';
import { DEFAULT_RETRY_SCHEDULE, type RetrySchedule } from './events/webhooks/retrySchedule.ts';
import type { WindowLengths } from './order-items/cancellationWindows.ts';
import type { CacheScope } from './order-items/graphql/cacheTags.ts';
import { DEFAULT_REASON_CODES, type ReasonCodes } from './order-items/reasonCodes.ts';
import {
  databaseUrl,
  databaseUrls,
  flag,
  natsStream,
  natsUrls,
  origins,
  retrySchedule,
  uriReference,
  url,
  wholeNumber,
} from './variableFormats.ts';
import { findMisspelledVariables } from './misspelledVariables.ts';
import type { LogLevel } from './telemetry/logger.ts';
import { readTracing, type TracingConfig, TRACING_VARIABLES } from './telemetry/tracingConfig.ts';
import { OperatorError } from './work/operatorError.ts';

/** The configuration. docs/configuration.md describes each variable with its default. */
export interface Config {
  readonly port: number;
  readonly host: string;
  /** Null: an embedded PostgreSQL in `dataDir`. */
  readonly databaseUrl: string | null;
  readonly dataDir: string;
  readonly databasePoolSize: number;
  /** The URLs of standbys that can answer reads. */
  readonly databaseReadUrls: readonly string[];
  /** Whether a pooler assigns a session of the database to each transaction. */
  readonly pooled: boolean;
  /** Whether a start runs pending migrations. If not, it refuses a database that lacks one. */
  readonly migrateOnStart: boolean;
  /** Null: the service issues its own tokens, for development. */
  readonly auth: AuthConfig | null;
  /** The claim of a token that names the customer whose items the `:own` scopes allow. */
  readonly customerClaim: string;
  readonly routerSecret: string | null;
  readonly introspection: boolean;
  /** Whether the service has pages for people. */
  readonly playground: boolean;
  readonly logLevel: LogLevel;
  readonly lockTimeoutMs: number;
  readonly requestTimeoutMs: number;
  /** The limit of each caller. 0 means no limit. */
  readonly rateLimitPerMinute: number;
  readonly maxConcurrentRequests: number;
  /** Readers that wait for events. */
  readonly maxEventReaders: number;
  readonly limits: Limits;
  /** The codes for reasons that cancels can state. */
  readonly reasonCodes: ReasonCodes;
  readonly cancellationWindows: WindowLengths;
  /** The origins of web pages that can call the service from a browser. */
  readonly corsOrigins: readonly string[];
  /** How long routers can cache answers to queries, in seconds. 0 means never. */
  readonly cacheMaxAgeS: number;
  /** Whether a cache can show an answer to other callers. */
  readonly cacheScope: CacheScope;
  /** The `source` of the events, a URI reference. */
  readonly eventsSource: string;
  /** How long events are kept. */
  readonly eventRetentionDays: number;
  /** The stream of NATS JetStream that gets the events. Null: none. */
  readonly eventsNats: { readonly servers: NatsServers; readonly stream: string } | null;
  /** Whether webhooks can go to private addresses and over HTTP. */
  readonly webhookAllowPrivate: boolean;
  readonly webhookRetrySchedule: RetrySchedule;
  /** Null turns tracing off. */
  readonly tracing: TracingConfig | null;
  readonly production: boolean;
}

/** The limits of one request. */
export interface Limits extends DocumentLimits {
  readonly bodyBytes: number;
  readonly bulkIds: number;
  /** GraphQL operations in one HTTP request. 0 refuses batches. */
  readonly batchedOperations: number;
}

const LOG_LEVELS: readonly LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];
const CACHE_SCOPES: readonly CacheScope[] = ['private', 'public'];

const POOLINGS = ['session', 'transaction'] as const;
/** How long a pooler assigns a session of the database to a connection. */
type DatabasePooling = (typeof POOLINGS)[number];

const ENVIRONMENTS: readonly string[] = ['development', 'test', 'production'];
const LOOPBACK_HOSTS: readonly string[] = ['127.0.0.1', '::1', 'localhost'];

/** Lists all defects of the environment, so that an operator can fix them in one go. */
export class InvalidConfig extends OperatorError {
  readonly defects: readonly string[];

  constructor(defects: readonly string[]) {
    super(`The configuration is not usable:\n${defects.map((defect) => `  - ${defect}`).join('\n')}`);
    this.name = 'InvalidConfig';
    this.defects = defects;
  }
}

function isCacheScope(value: unknown): value is CacheScope {
  return CACHE_SCOPES.some((scope) => scope === value);
}

function isPooling(value: unknown): value is DatabasePooling {
  return POOLINGS.some((pooling) => pooling === value);
}

function isLogLevel(value: unknown): value is LogLevel {
  return LOG_LEVELS.some((level) => level === value);
}

const environment = z.object({
  NODE_ENV: z
    .string()
    .refine((value) => ENVIRONMENTS.includes(value), `must be one of ${ENVIRONMENTS.join(', ')}`)
    .default('development'),
  PORT: wholeNumber(0, 65_535).default(4001),
  HOST: z.string().default('127.0.0.1'),
  DATABASE_URL: databaseUrl.nullable().default(null),
  DATA_DIR: z.string().default('.data'),
  MIGRATE_ON_START: flag.default(true),
  DATABASE_POOL_SIZE: wholeNumber(1, 1_000).default(10),
  DATABASE_READ_URLS: databaseUrls.default([]),
  DATABASE_POOLING: z.custom<DatabasePooling>(isPooling, `must be one of ${POOLINGS.join(', ')}`).default('session'),
  AUTH_ISSUER: url('https:', 'http:').nullable().default(null),
  AUTH_AUDIENCE: z.string().nullable().default(null),
  AUTH_JWKS_URL: url('https:', 'http:').nullable().default(null),
  AUTH_CUSTOMER_CLAIM: z.string().default('sub'),
  // A header can carry printable ASCII without spaces around it.
  ROUTER_SECRET: z
    .string()
    .regex(/^[!-~][ -~]{14,}[!-~]$/, 'must have at least 16 characters, all of them printable ASCII')
    .nullable()
    .default(null),
  INTROSPECTION: flag.optional(),
  PLAYGROUND: flag.optional(),
  LOG_LEVEL: z.custom<LogLevel>(isLogLevel, `must be one of ${LOG_LEVELS.join(', ')}`).default('info'),
  LOCK_TIMEOUT_MS: wholeNumber(1, 60_000).default(2_000),
  REQUEST_TIMEOUT_MS: wholeNumber(100, 600_000).default(10_000),
  RATE_LIMIT_PER_MINUTE: wholeNumber(0, 10_000_000).default(6_000),
  MAX_CONCURRENT_REQUESTS: wholeNumber(1, 1_000_000).default(2_000),
  MAX_EVENT_READERS: wholeNumber(0, 1_000_000).default(1_000),
  MAX_BODY_BYTES: wholeNumber(1_024, 104_857_600).default(1_048_576),
  // Reading a document recurses. More tokens could nest deeper than the stack.
  MAX_DOCUMENT_TOKENS: wholeNumber(100, 7_500).default(5_000),
  MAX_DEPTH: wholeNumber(1, 1_000).default(15),
  MAX_ALIASES: wholeNumber(0, 15_000).default(200),
  MAX_ROOT_FIELDS: wholeNumber(1, 15_000).default(50),
  MAX_DIRECTIVES: wholeNumber(0, 15_000).default(50),
  MAX_COST: wholeNumber(1, 1_000_000_000).default(250_000),
  // The schema's default for `first` is 20.
  MAX_PAGE_SIZE: wholeNumber(20, 10_000).default(100),
  MAX_BULK_IDS: wholeNumber(1, 1_000).default(100),
  MAX_REPRESENTATIONS: wholeNumber(1, 100_000).default(1_000),
  MAX_BATCHED_OPERATIONS: wholeNumber(0, 1_000).default(0),
  CANCELLATION_REASON_CODES: reasonCodes.default(DEFAULT_REASON_CODES),
  CANCELLATION_WINDOW: duration.nullable().default(null),
  CANCELLATION_CUTOFF: duration.nullable().default(null),
  CANCELLATION_TIME_ZONE: timeZone.default('UTC'),
  CORS_ORIGINS: origins.default([]),
  CACHE_MAX_AGE_S: wholeNumber(0, 86_400).default(0),
  EVENT_RETENTION_DAYS: wholeNumber(1, 36_500).default(30),
  EVENTS_SOURCE: uriReference.default('/order-items'),
  EVENTS_NATS_URL: natsUrls.nullable().default(null),
  EVENTS_NATS_STREAM: natsStream.default('ORDER_ITEMS'),
  WEBHOOK_ALLOW_PRIVATE: flag.default(false),
  WEBHOOK_RETRY_SCHEDULE: retrySchedule.default(DEFAULT_RETRY_SCHEDULE),
  CACHE_SCOPE: z.custom<CacheScope>(isCacheScope, `must be one of ${CACHE_SCOPES.join(', ')}`).default('private'),
});

/** Finds settings that are valid alone but not together. */
function defectsBetween(given: Readonly<Record<string, string>>): string[] {
  const { AUTH_ISSUER, AUTH_AUDIENCE, AUTH_JWKS_URL, NODE_ENV, HOST, DATABASE_URL, DATABASE_READ_URLS } = given;
  const defects: string[] = [];
  // If the secret with the URL is missing, production must not serve from a new, empty database.
  if (NODE_ENV === 'production' && DATABASE_URL === undefined && given['DATA_DIR'] === undefined) {
    defects.push('DATABASE_URL must be set when NODE_ENV is production, or DATA_DIR for an embedded database');
  }
  if (DATABASE_READ_URLS !== undefined && DATABASE_URL === undefined) {
    defects.push('DATABASE_READ_URLS needs DATABASE_URL');
  }
  if (given['EVENTS_NATS_STREAM'] !== undefined && given['EVENTS_NATS_URL'] === undefined) {
    defects.push('EVENTS_NATS_STREAM needs EVENTS_NATS_URL');
  }
  if (AUTH_ISSUER !== undefined) {
    if (AUTH_AUDIENCE === undefined) defects.push('AUTH_AUDIENCE must be set when AUTH_ISSUER is');
    return defects;
  }
  if (NODE_ENV === 'production') {
    defects.push('AUTH_ISSUER must be set when NODE_ENV is production');
  } else if (HOST !== undefined && !LOOPBACK_HOSTS.includes(HOST)) {
    // The development issuer gives its tokens to anyone who can reach the service.
    defects.push(`HOST must be one of ${LOOPBACK_HOSTS.join(', ')} as long as AUTH_ISSUER is not set`);
  }
  if (AUTH_AUDIENCE !== undefined) defects.push('AUTH_AUDIENCE needs AUTH_ISSUER');
  if (AUTH_JWKS_URL !== undefined) defects.push('AUTH_JWKS_URL needs AUTH_ISSUER');
  if (given['AUTH_CUSTOMER_CLAIM'] !== undefined) defects.push('AUTH_CUSTOMER_CLAIM needs AUTH_ISSUER');
  return defects;
}

/**
 * Reads the configuration.
 *
 * @param env the environment; a variable that is empty counts as not set.
 * @throws InvalidConfig naming every bad value.
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const given: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) if (value !== undefined && value !== '') given[name] = value;
  const parsed = environment.safeParse(given);
  const defects = (parsed.error?.issues ?? []).map((issue) => `${issue.path.join('.')} ${issue.message}`);
  const { tracing, defects: defectsOfTracing } = readTracing(given);
  defects.push(...defectsBetween(given), ...defectsOfTracing);
  if (!parsed.success || defects.length > 0) throw new InvalidConfig(defects);
  const values = parsed.data;
  const production = values.NODE_ENV === 'production';
  return Object.freeze({
    port: values.PORT,
    host: values.HOST,
    databaseUrl: values.DATABASE_URL,
    dataDir: values.DATA_DIR,
    databasePoolSize: values.DATABASE_POOL_SIZE,
    databaseReadUrls: Object.freeze(values.DATABASE_READ_URLS),
    pooled: values.DATABASE_POOLING === 'transaction',
    migrateOnStart: values.MIGRATE_ON_START,
    auth:
      values.AUTH_ISSUER === null || values.AUTH_AUDIENCE === null
        ? null
        : Object.freeze({
            issuer: values.AUTH_ISSUER,
            audience: values.AUTH_AUDIENCE,
            jwksUrl: values.AUTH_JWKS_URL,
          }),
    customerClaim: values.AUTH_CUSTOMER_CLAIM,
    routerSecret: values.ROUTER_SECRET,
    introspection: values.INTROSPECTION ?? !production,
    playground: values.PLAYGROUND ?? !production,
    logLevel: values.LOG_LEVEL,
    lockTimeoutMs: values.LOCK_TIMEOUT_MS,
    requestTimeoutMs: values.REQUEST_TIMEOUT_MS,
    rateLimitPerMinute: values.RATE_LIMIT_PER_MINUTE,
    maxConcurrentRequests: values.MAX_CONCURRENT_REQUESTS,
    maxEventReaders: values.MAX_EVENT_READERS,
    limits: Object.freeze({
      bodyBytes: values.MAX_BODY_BYTES,
      documentTokens: values.MAX_DOCUMENT_TOKENS,
      depth: values.MAX_DEPTH,
      aliases: values.MAX_ALIASES,
      rootFields: values.MAX_ROOT_FIELDS,
      directives: values.MAX_DIRECTIVES,
      cost: values.MAX_COST,
      pageSize: values.MAX_PAGE_SIZE,
      bulkIds: values.MAX_BULK_IDS,
      representations: values.MAX_REPRESENTATIONS,
      batchedOperations: values.MAX_BATCHED_OPERATIONS,
    }),
    cancellationWindows: Object.freeze({
      windowMs: values.CANCELLATION_WINDOW,
      cutoffMs: values.CANCELLATION_CUTOFF,
      timeZone: values.CANCELLATION_TIME_ZONE,
    }),
    corsOrigins: Object.freeze(values.CORS_ORIGINS),
    cacheMaxAgeS: values.CACHE_MAX_AGE_S,
    reasonCodes: values.CANCELLATION_REASON_CODES,
    cacheScope: values.CACHE_SCOPE,
    eventsSource: values.EVENTS_SOURCE,
    eventRetentionDays: values.EVENT_RETENTION_DAYS,
    eventsNats:
      values.EVENTS_NATS_URL === null
        ? null
        : Object.freeze({ servers: values.EVENTS_NATS_URL, stream: values.EVENTS_NATS_STREAM }),
    webhookAllowPrivate: values.WEBHOOK_ALLOW_PRIVATE,
    webhookRetrySchedule: values.WEBHOOK_RETRY_SCHEDULE,
    tracing,
    production,
  });
}

/**
 * Finds variables whose names are nearly those of this service.
 *
 * @param env the environment.
 * @returns one sentence for each, with the name that was probably meant.
 */
export function findMisspellings(env: Readonly<Record<string, string | undefined>>): string[] {
  return findMisspelledVariables(Object.keys(env), [...Object.keys(environment.shape), ...TRACING_VARIABLES]);
}

import { InvalidConfig, readConfig } from '../../src/config.ts';
import { DEFAULT_RETRY_SCHEDULE } from '../../src/events/webhooks/retrySchedule.ts';
import { DEFAULT_REASON_CODES } from '../../src/order-items/reasonCodes.ts';

function readDefects(environment: Record<string, string>): readonly string[] {
  try {
    readConfig(environment);
  } catch (error) {
    if (error instanceof InvalidConfig) return error.defects;
    throw error;
  }
  return [];
}

describe('readConfig', () => {
  test('returns the documented defaults', () => {
    expect(readConfig({})).toEqual({
      port: 4001,
      host: '127.0.0.1',
      databaseUrl: null,
      dataDir: '.data',
      databasePoolSize: 10,
      databaseReadUrls: [],
      pooled: false,
      migrateOnStart: true,
      auth: null,
      customerClaim: 'sub',
      routerSecret: null,
      introspection: true,
      playground: true,
      logLevel: 'info',
      lockTimeoutMs: 2_000,
      requestTimeoutMs: 10_000,
      rateLimitPerMinute: 6_000,
      maxConcurrentRequests: 2_000,
      limits: {
        bodyBytes: 1_048_576,
        documentTokens: 5_000,
        depth: 15,
        aliases: 200,
        rootFields: 50,
        directives: 50,
        cost: 250_000,
        pageSize: 100,
        bulkIds: 100,
        representations: 1_000,
        batchedOperations: 0,
      },
      reasonCodes: DEFAULT_REASON_CODES,
      cancellationWindows: { windowMs: null, cutoffMs: null, timeZone: 'UTC' },
      corsOrigins: [],
      cacheMaxAgeS: 0,
      cacheScope: 'private',
      eventRetentionDays: 30,
      eventsSource: '/order-items',
      maxEventReaders: 1000,
      eventsNats: null,
      webhookAllowPrivate: false,
      webhookRetrySchedule: DEFAULT_RETRY_SCHEDULE,
      tracing: null,
      production: false,
    });
  });

  test('reads the codes for reasons', () => {
    expect(readConfig({ CANCELLATION_REASON_CODES: 'late=Too late' }).reasonCodes).toEqual([
      { code: 'late', label: 'Too late' },
    ]);
    expect(readConfig({ CANCELLATION_REASON_CODES: '*' }).reasonCodes).toBe('any');
    expect(readDefects({ CANCELLATION_REASON_CODES: 'too late' })).toEqual([
      expect.stringContaining('CANCELLATION_REASON_CODES must be codes with labels'),
    ]);
  });

  test('reads the source of events, a URI or a part of one', () => {
    for (const source of ['/shop', 'https://shop.example/items?a=1#b', 'urn:shop:items', 'caf%C3%A9']) {
      expect(readConfig({ EVENTS_SOURCE: source }).eventsSource).toBe(source);
    }
    for (const source of ['a b', 'café', 'http://', '100%', '<shop>']) {
      expect(readDefects({ EVENTS_SOURCE: source })).toEqual([expect.stringContaining('EVENTS_SOURCE must be a URI')]);
    }
  });

  test('treats an empty variable as unset', () => {
    expect(readConfig({ PORT: '', DATABASE_URL: '' })).toMatchObject({ port: 4001, databaseUrl: null });
  });

  test('accepts several servers for writes, standbys for reads, and a transaction pooler', () => {
    const several = 'postgres://a:1,b:2/items?target_session_attrs=read-write';
    const standbys = 'postgres://c/items, postgres://d/items';
    const config = readConfig({ DATABASE_URL: several, DATABASE_READ_URLS: standbys, DATABASE_POOLING: 'transaction' });
    expect(config).toMatchObject({
      databaseUrl: several,
      databaseReadUrls: ['postgres://c/items', 'postgres://d/items'],
      pooled: true,
    });
  });

  test.each([
    [{ DATABASE_URL: 'postgres://a,b/items' }, 'DATABASE_URL must have target_session_attrs=read-write where'],
    [{ DATABASE_READ_URLS: 'postgres://a/items' }, 'DATABASE_READ_URLS needs DATABASE_URL'],
    [{ DATABASE_URL: 'postgres://a/x', DATABASE_READ_URLS: 'postgres://b/x,c' }, 'DATABASE_READ_URLS must be URLs'],
    [{ DATABASE_POOLING: 'statement' }, 'DATABASE_POOLING must be one of session, transaction'],
  ])('refuses %j', (environment, defect) => {
    expect(readDefects(environment)).toEqual([expect.stringContaining(defect)]);
  });

  test('reads the servers of NATS without their credentials in the URLs', () => {
    const read = (url: string): unknown => readConfig({ EVENTS_NATS_URL: url }).eventsNats;
    const login = { user: 'shop', pass: 'p@ss,word' };
    expect(read('nats://shop:p%40ss%2Cword@one:4222, nats://shop:p%40ss%2Cword@two')).toEqual({
      servers: { urls: ['nats://one:4222', 'nats://two'], credentials: login },
      stream: 'ORDER_ITEMS',
    });
    expect(read('tls://token@[::1]:4222')).toMatchObject({
      servers: { urls: ['tls://[::1]:4222'], credentials: { token: 'token' } },
    });
    expect(readConfig({ EVENTS_NATS_URL: 'nats://one', EVENTS_NATS_STREAM: 'SHOP' }).eventsNats).toEqual({
      servers: { urls: ['nats://one'], credentials: null },
      stream: 'SHOP',
    });
  });

  test.each([
    ['http://one', 'must be URLs such as nats://'],
    ['one:4222', 'must be URLs such as nats://'],
    ['nats://', 'must be URLs such as nats://'],
    ['nats://one/path', 'must be URLs such as nats://'],
    ['nats://a:secret@one,nats://two', 'must have the same user and password'],
    ['nats://a:secret%@one', 'must have what is special in a password percent-encoded'],
    ['nats://:secret@one', 'must name the user of the password'],
  ])('refuses %s for NATS without repeating it', (url, defect) => {
    const defects = readDefects({ EVENTS_NATS_URL: url });
    expect(defects).toEqual([expect.stringMatching(`^EVENTS_NATS_URL ${defect}`)]);
    expect(defects.join()).not.toContain('secret');
  });

  test.each(['ORDER.ITEMS', 'order items', '*', 'a/b'])('refuses the name %s of a stream', (name) => {
    expect(readDefects({ EVENTS_NATS_URL: 'nats://one', EVENTS_NATS_STREAM: name })).toEqual([
      'EVENTS_NATS_STREAM must have letters, digits, - and _ only',
    ]);
    expect(readDefects({ EVENTS_NATS_STREAM: 'SHOP' })).toEqual(['EVENTS_NATS_STREAM needs EVENTS_NATS_URL']);
  });

  test('returns a frozen object', () => {
    expect(Object.isFrozen(readConfig({}))).toBe(true);
  });

  test('reports every invalid value at once', () => {
    const defects = readDefects({ PORT: '70000', LOG_LEVEL: 'loud', LOCK_TIMEOUT_MS: '2s', DATABASE_URL: 'mysql://x' });
    expect(defects).toHaveLength(4);
    for (const variable of ['PORT', 'LOG_LEVEL', 'LOCK_TIMEOUT_MS', 'DATABASE_URL']) {
      expect(defects.filter((defect) => defect.startsWith(`${variable} `))).toHaveLength(1);
    }
  });

  test('reports invalid values together with settings that contradict each other', () => {
    expect(
      readDefects({ HOST: '0.0.0.0', LOG_LEVEL: 'loud', AUTH_AUDIENCE: 'x', INTROSPECTION: 'maybe' }),
    ).toHaveLength(4);
  });

  test.each(['too short', ' a secret with a space before', 'ein Geheimnis für später'])(
    'refuses the router secret %j, which a caller could guess or no header could carry',
    (secret) => {
      expect(readDefects({ ROUTER_SECRET: secret })).toEqual([
        'ROUTER_SECRET must have at least 16 characters, all of them printable ASCII',
      ]);
    },
  );

  test('reads the pauses of webhooks in seconds', () => {
    expect(readConfig({ WEBHOOK_RETRY_SCHEDULE: '0.25, 1,86400' }).webhookRetrySchedule).toEqual([
      250, 1_000, 86_400_000,
    ]);
  });

  test.each(['0', '1,', '-1', '1e3', '86401', '1;2'])('refuses the pauses %j of webhooks', (pauses) => {
    expect(readDefects({ WEBHOOK_RETRY_SCHEDULE: pauses })).toEqual([
      'WEBHOOK_RETRY_SCHEDULE must be pauses in seconds, such as 0.5,30,3600, separated by commas, each up to 86400',
    ]);
  });

  test('refuses production without an issuer and without a database', () => {
    expect(readDefects({ NODE_ENV: 'production', DATABASE_URL: '' })).toEqual([
      'DATABASE_URL must be set when NODE_ENV is production, or DATA_DIR for an embedded database',
      'AUTH_ISSUER must be set when NODE_ENV is production',
    ]);
    expect(readDefects({ NODE_ENV: 'production', DATA_DIR: 'data' })).toHaveLength(1);
  });

  test('refuses a public HOST with the development issuer', () => {
    expect(readDefects({ HOST: '0.0.0.0' })).toEqual([
      'HOST must be one of 127.0.0.1, ::1, localhost as long as AUTH_ISSUER is not set',
    ]);
  });

  test('refuses an issuer without an audience', () => {
    expect(readDefects({ AUTH_ISSUER: 'https://issuer.example' })).toEqual([
      'AUTH_AUDIENCE must be set when AUTH_ISSUER is',
    ]);
  });

  test('turns introspection and the pages off in production unless the variables turn them on', () => {
    const production = {
      NODE_ENV: 'production',
      DATABASE_URL: 'postgres://database/order_items',
      AUTH_ISSUER: 'https://issuer.example',
      AUTH_AUDIENCE: 'order-items',
      HOST: '0.0.0.0',
    };
    expect(readConfig(production).introspection).toBe(false);
    expect(readConfig({ ...production, INTROSPECTION: 'true' }).introspection).toBe(true);
    expect(readConfig(production).playground).toBe(false);
    expect(readConfig({ ...production, PLAYGROUND: 'true' }).playground).toBe(true);
    expect(readConfig({ PLAYGROUND: 'false' }).playground).toBe(false);
  });

  test.each([
    ['PT0S', 0],
    ['PT36H', 129_600_000],
    ['P1W2DT3H4M5.678S', 788_645_678],
    ['P14D', 1_209_600_000],
    ['P007D', 604_800_000],
    ['PT1,5S', 1_500],
  ])('reads the duration %s as %d ms', (text, milliseconds) => {
    const given = { CANCELLATION_WINDOW: text, CANCELLATION_CUTOFF: text, CANCELLATION_TIME_ZONE: 'Europe/Berlin' };
    expect(readConfig(given).cancellationWindows).toEqual({
      windowMs: milliseconds,
      cutoffMs: milliseconds,
      timeZone: 'Europe/Berlin',
    });
  });

  test.each(['P', 'PT', 'P1', '14D', 'P1DT', 'PT1D', 'p1d', '-P1D', 'P-1D', 'P1.5D', 'PT1.2345S', 'P1D ', '86400'])(
    'refuses the duration %j',
    (text) => {
      expect(readDefects({ CANCELLATION_WINDOW: text })).toEqual([
        'CANCELLATION_WINDOW must be an ISO 8601 duration of weeks, days, hours, minutes and seconds, such as P14D or PT36H',
      ]);
    },
  );

  test.each(['P1M', 'P1Y', 'P1Y2M3D', 'P1Y1DT1H'])('refuses the duration %s, whose length varies', (text) => {
    expect(readDefects({ CANCELLATION_CUTOFF: text })).toEqual([
      'CANCELLATION_CUTOFF must not have years or months, because their lengths vary. Use days of 24 hours, such as P30D',
    ]);
  });

  test.each(['Mars/Olympus', '+01:00', 'GMT+1', 'Berlin'])('refuses the time zone %s', (name) => {
    expect(readDefects({ CANCELLATION_TIME_ZONE: name, CANCELLATION_WINDOW: 'P1M', CANCELLATION_CUTOFF: '1' })).toEqual(
      [
        expect.stringContaining('CANCELLATION_WINDOW'),
        expect.stringContaining('CANCELLATION_CUTOFF'),
        'CANCELLATION_TIME_ZONE must be the name of a time zone, such as Europe/Berlin',
      ],
    );
  });

  test('traces only with a collector endpoint', () => {
    const readTracing = (environment: Record<string, string>): unknown => readConfig(environment).tracing;
    const collector = { OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector.example:4318/' };
    const everything = { sampler: 'parentbased_always_on', ratio: 1 };
    expect(readTracing(collector)).toEqual({ endpoint: 'https://collector.example:4318/v1/traces', ...everything });
    expect(readTracing({ ...collector, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://traces.example/take' })).toEqual({
      endpoint: 'http://traces.example/take',
      ...everything,
    });
    const tenth = { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.1' };
    expect(readTracing({ ...collector, ...tenth })).toMatchObject({ sampler: 'traceidratio', ratio: 0.1 });
    expect(readTracing({ ...collector, OTEL_SDK_DISABLED: 'True' })).toBeNull();
    expect(readTracing({ ...collector, OTEL_TRACES_EXPORTER: 'none' })).toBeNull();
    expect(readTracing({ OTEL_TRACES_SAMPLER: 'xray', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' })).toBeNull();
  });

  test('refuses tracing settings that it cannot apply', () => {
    const defects = readDefects({
      OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4317',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
      OTEL_TRACES_SAMPLER: 'xray',
      OTEL_TRACES_SAMPLER_ARG: '2',
    });
    expect(defects).toHaveLength(4);
    expect(defects).toContain('OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf');
    expect(defects).toContain('OTEL_EXPORTER_OTLP_ENDPOINT must be a URL that starts with http:// or https://');
  });
});

import { findMisspellings } from '../../src/config.ts';

describe('a variable that is nearly one of this service', () => {
  test.each([
    ['LOCK_TIMEOUT', 'LOCK_TIMEOUT_MS'],
    ['AUTH_AUDIANCE', 'AUTH_AUDIENCE'],
    ['REQUEST_TIMEOUT_S', 'REQUEST_TIMEOUT_MS'],
    ['DATABASE_POOL', 'DATABASE_POOL_SIZE'],
    ['DATABASE_READ_URL', 'DATABASE_READ_URLS'],
    ['AUTH_ISSUER_URL', 'AUTH_ISSUER'],
    ['DATABASE_URL_FILE', 'DATABASE_URL'],
    ['database_url', 'DATABASE_URL'],
    ['PORTS', 'PORT'],
    ['OTEL_EXPORTER_OTLP_ENDPONT', 'OTEL_EXPORTER_OTLP_ENDPOINT'],
  ])('%s is told with %s', (name, meant) => {
    expect(findMisspellings({ [name]: 'x' })).toEqual([
      `${name} is not a variable of this service. Did you mean ${meant}?`,
    ]);
  });

  test.each(['PATH', 'HOME', 'HOSTNAME', 'NODE', 'POSTGRES_URL', 'REDIS_PORT', 'OTEL_METRICS_EXPORTER', 'LOG_FORMAT'])(
    '%s is of other programs',
    (name) => {
      expect(findMisspellings({ [name]: 'x' })).toEqual([]);
    },
  );

  test('a variable of this service is not', () => {
    expect(findMisspellings({ PORT: '1', LOCK_TIMEOUT_MS: '1', OTEL_TRACES_EXPORTER: 'none' })).toEqual([]);
  });
});

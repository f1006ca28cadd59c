/** What every project shares. */
const common = {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': '<rootDir>/test/support/stripTypes.js' },
};

/** The projects that need PostgreSQL share one server: Jest runs a global setup once, however many projects name it. */
const withPostgres = {
  ...common,
  globalSetup: '<rootDir>/test/support/startPostgres.ts',
  globalTeardown: '<rootDir>/test/support/stopPostgres.ts',
};

/**
 * @param {string[]} folders
 * @returns {string[]} the tests in these folders of `test`.
 */
function testsIn(...folders) {
  return folders.map((folder) => `<rootDir>/test/${folder}/**/*.test.ts`);
}

/** These tests need the nodes of Citus that `npm run test:citus` names. Options of Jest cannot let them in again. */
const withoutCitus = process.env['CITUS_URL'] === undefined ? ['!**/citus.test.ts'] : [];

export default {
  projects: [
    // Functions only: no process, no database.
    { ...common, displayName: 'unit', testMatch: testsIn('unit') },
    // The service over HTTP, on PostgreSQL.
    {
      ...withPostgres,
      displayName: 'service',
      testMatch: [...testsIn('integration', 'contract', 'attacks', 'federation'), ...withoutCitus],
      testPathIgnorePatterns: ['\\.slow\\.test\\.ts$'],
    },
    // Browsers, second servers, service processes, faults, the compiler, and tests that take a fixed time.
    {
      ...withPostgres,
      displayName: 'system',
      testMatch: [
        ...testsIn('browser', 'servers', 'lifecycle', 'faults', 'tooling'),
        '<rootDir>/test/**/*.slow.test.ts',
      ],
    },
  ],
  testSequencer: '<rootDir>/test/support/fastFirst.js',
  // Modules of finished test files stay in a worker's heap.
  workerIdleMemoryLimit: '400MB',
  // A test that hangs fails. The limit is far above what a slow machine needs.
  testTimeout: 120_000,
};

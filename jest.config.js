export default {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': '<rootDir>/test/support/stripTypes.js' },
  testSequencer: '<rootDir>/test/support/fastFirst.js',
  globalSetup: '<rootDir>/test/support/startPostgres.ts',
  globalTeardown: '<rootDir>/test/support/stopPostgres.ts',
  maxWorkers: 2,
  // Of the modules of a test file, something always stays behind.
  workerIdleMemoryLimit: '400MB',
  // A test that hangs fails; none fails for the machine that it runs on.
  testTimeout: 120_000,
};

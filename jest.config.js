export default {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': '<rootDir>/test/support/stripTypes.js' },
  testSequencer: '<rootDir>/test/support/fastFirst.js',
  globalSetup: '<rootDir>/test/support/startPostgres.ts',
  globalTeardown: '<rootDir>/test/support/stopPostgres.ts',
  maxWorkers: 2,
  testTimeout: 30_000,
};

/** Unit tests are transpiled to CommonJS; end-to-end suites drive the built dist/ as child processes. */
const swc = ['@swc/jest', { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'commonjs' }, sourceMaps: 'inline' }];
module.exports = {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  extensionsToTreatAsEsm: [],
  // unixcrypt comes as ES modules only.
  transform: { '^.+\\.ts$': swc, '/unixcrypt/.+\\.js$': swc },
  transformIgnorePatterns: ['/node_modules/(?!unixcrypt/)'],
  moduleNameMapper: { '^unixcrypt$': '<rootDir>/node_modules/unixcrypt/dist/index.js', '^(\\.{1,2}/.*)\\.js$': '$1' },
  testTimeout: 30000,
};

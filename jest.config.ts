/** @jest-config-loader esbuild-register */
import type { Config } from 'jest';

// BUILT=1 runs the same tests against the built package instead of the sources.
const target = process.env.BUILT ? '<rootDir>/dist/cjs/$1.js' : '<rootDir>/src/$1';

const config: Config = {
  testEnvironment: 'node',
  // Ends a test that hangs. The limit is generous because the machine may be slow and busy.
  testTimeout: 60_000,
  roots: ['<rootDir>/__tests__'],
  globalSetup: '<rootDir>/__tests__/helpers/find-servers.ts',
  // Mutation testing names the tests that are about what it mutates.
  // The slow tests (`npm run test:slow`) run for minutes, and only by themselves.
  testRegex: process.env.MUTATION_TESTS ?? (process.env.SLOW ? '\\.slow\\.test\\.ts$' : '(?<!\\.slow)\\.test\\.ts$'),
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'commonjs' } },
    ],
  },
  moduleNameMapper: {
    '^(?:\\.\\./)+src/(.*)\\.js$': target,
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
};

export default config;

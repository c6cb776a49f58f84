import { defineConfig } from 'vitest/config';

/**
 * What takes a minute or more of two processors for one proof: the first part of `npm run soak`.
 */
export default defineConfig({
  test: {
    include: ['tests/long/**/*.test.ts'],
    globalSetup: ['tests/support/global-setup.ts'],
    // The built program is run as it is.
    server: { deps: { external: [/\/dist\//] } },
    testTimeout: 900_000,
    hookTimeout: 120_000,
    pool: 'forks',
    // One after the other: each is measured, or has hosts of its own.
    maxWorkers: 1,
  },
});

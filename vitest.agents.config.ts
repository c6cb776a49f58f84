import { defineConfig } from 'vitest/config';

/** Real agent programs, as scripts/install-clis.mjs installs them: `npm run test:agents`. */
export default defineConfig({
  test: {
    include: ['tests/agents-real/**/*.test.ts'],
    testTimeout: 240_000,
    hookTimeout: 180_000,
    pool: 'forks',
    // They wait for each other's processors less than for their own clocks.
    maxWorkers: 4,
  },
});

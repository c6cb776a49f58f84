import { defineConfig } from 'vitest/config';
import { LongFirst } from './tests/support/long-first.ts';

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    // Programs of hundreds of megabytes: npm run test:agents. Minutes for one proof: npm run soak.
    exclude: ['tests/agents-real/**', 'tests/long/**'],
    globalSetup: ['tests/support/global-setup.ts'],
    testTimeout: 240_000,
    hookTimeout: 120_000,
    // The built program is run as it is.
    server: { deps: { external: [/\/dist\//] } },
    pool: 'forks',
    // One more than the processors of a small machine: tests wait for processes, and processes for
    // each other.
    maxWorkers: 3,
    sequence: { sequencer: LongFirst },
  },
});

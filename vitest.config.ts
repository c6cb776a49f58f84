import { defineConfig } from 'vitest/config';
import { LongFirst } from './tests/support/long-first.ts';

/** Nothing of one file is left for the next: these only turn values into values. */
const PURE = ['base', 'protocol', 'workflow'].map((folder) => `tests/${folder}/**/*.test.ts`);

export default defineConfig({
  test: {
    globalSetup: ['tests/support/global-setup.ts'],
    testTimeout: 240_000,
    hookTimeout: 120_000,
    pool: 'forks',
    // Two more than the processors of a small machine: tests wait for processes, and processes for
    // each other.
    maxWorkers: 4,
    sequence: { sequencer: LongFirst },
    projects: [
      {
        extends: true,
        test: {
          name: 'real',
          include: ['tests/**/*.test.ts'],
          // Programs of hundreds of megabytes: npm run test:agents. Minutes for one proof: npm run soak.
          exclude: ['tests/agents-real/**', 'tests/long/**', ...PURE],
          // The built program is run as it is.
          server: { deps: { external: [/\/dist\//] } },
        },
      },
      // A process for each of these files would take longer than the file.
      { extends: true, test: { name: 'pure', include: PURE, isolate: false } },
    ],
  },
});

import { defineConfig } from 'vitest/config';
import { LongFirst } from './tests/support/long-first.ts';

/** Many small files that leave nothing for the next: a process for each takes longer than it. */
const SMALL = [
  ...['agents', 'base', 'cli', 'dispatcher', 'docs', 'local', 'protocol', 'transport', 'web'],
  'workflow',
].map((folder) => `tests/${folder}/**/*.test.ts`);
/**
 * Of those, the ones that are better off alone: they start hundreds of processes, which a process
 * without other files' memory does in a fifth of the time, or leave much memory themselves.
 */
const ALONE = [
  'tests/cli/{answer,archive,care,control,doctor,explain,moved-remotes}.test.ts',
  'tests/cli/{printed-commands,project,trust,workflow}.test.ts',
  'tests/docs/{json,shell,tutorial}.test.ts',
  'tests/web/page.test.ts',
  'tests/dispatcher/fail-the-nth.test.ts',
  'tests/local/git-worktree.test.ts',
  'tests/transport/{git-cache,git-remotes,half-made-cache,partial-cache}.test.ts',
  'tests/transport/{remote-url,what-forges-say}.test.ts',
];

export default defineConfig({
  test: {
    globalSetup: ['tests/support/global-setup.ts'],
    testTimeout: 240_000,
    hookTimeout: 120_000,
    pool: 'forks',
    // Three more than the processors of a small machine: tests wait for processes, and processes
    // for each other.
    maxWorkers: 5,
    sequence: { sequencer: LongFirst },
    // The built program is run as it is.
    server: { deps: { external: [/\/dist\//] } },
    projects: [
      {
        extends: true,
        test: {
          name: 'whole',
          include: ['tests/**/*.test.ts'],
          // Programs of hundreds of megabytes: npm run test:agents. Minutes for one proof:
          // npm run soak.
          exclude: ['tests/agents-real/**', 'tests/long/**', ...SMALL],
        },
      },
      { extends: true, test: { name: 'alone', include: ALONE } },
      { extends: true, test: { name: 'small', include: SMALL, exclude: ALONE, isolate: false } },
    ],
  },
});

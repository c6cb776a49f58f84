/** The files that take longest begin first, so that no worker ends up alone with one of them. */
import type { TestSequencer, TestSpecification } from 'vitest/node';

/** By what they took on two processors, from a minute and a half downwards. */
const LONG = [
  'simulation/simulation.test.ts',
  'fleet/fail-the-nth.test.ts',
  'cli/workflow.test.ts',
  'hostile/leaks.test.ts',
  'docs/shell.test.ts',
  'web/page.test.ts',
  'simulation/guards.test.ts',
  'fleet/soak.test.ts',
  'fleet/workflow-language.test.ts',
  'fleet/workflow.test.ts',
];

/**
 * For `sequence.sequencer` of vitest. Not its own one extended: whoever only reads the
 * configuration need not load vitest.
 */
export class LongFirst implements TestSequencer {
  shard(files: TestSpecification[]): TestSpecification[] {
    return files;
  }

  sort(files: TestSpecification[]): TestSpecification[] {
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = LONG.findIndex((name) => moduleId.endsWith(`/${name}`));
      return at < 0 ? LONG.length : at;
    };
    return [...files].sort((a, b) => rank(a) - rank(b));
  }
}

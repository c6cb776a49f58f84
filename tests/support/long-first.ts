/** The files that take longest begin first, so that no worker ends up alone with one of them. */
import type { TestSequencer, TestSpecification } from 'vitest/node';

/** By what they took on two processors, from a minute downwards. */
const LONG = [
  'docs/shell.test.ts',
  'dispatcher/fail-the-nth.test.ts',
  'simulation/simulation.test.ts',
  'hostile/workflows-and-models.test.ts',
  'cli/printed-commands.test.ts',
  'fleet/limits.test.ts',
  'fleet/fleet.test.ts',
  'fleet/attachments.test.ts',
  'hostile/refs.test.ts',
  'hostile/messages.test.ts',
  'fleet/workflow.test.ts',
];

/**
 * For `sequence.sequencer` of vitest. Not its own one extended: anyone who only reads the
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

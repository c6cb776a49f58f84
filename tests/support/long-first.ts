/** The files that take longest begin first, so that no worker ends up alone with one of them. */
import type { TestSequencer, TestSpecification } from 'vitest/node';

/** By what they took on two processors, from a minute downwards to a quarter of one. */
const LONG = [
  'docs/shell.test.ts',
  'cli/workflow.test.ts',
  'cli/printed-commands.test.ts',
  'fleet/workflow.test.ts',
  'hostile/workflows-and-models.test.ts',
  'web/page.test.ts',
  'docs/tutorial.test.ts',
  'agents/acp.test.ts',
  'simulation/simulation.test.ts',
  'hostile/refs.test.ts',
  'cli/trust.test.ts',
  'fleet/capsules.test.ts',
  'dispatcher/fail-the-nth.test.ts',
  'cli/care.test.ts',
  'cli/explain.test.ts',
  'cli/answer.test.ts',
  'fleet/fleet.test.ts',
  'hostile/hosts.test.ts',
  'hostile/folders.test.ts',
  'transport/git-remotes.test.ts',
  'hostile/growth.test.ts',
  'fleet/limits.test.ts',
  'hostile/messages.test.ts',
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

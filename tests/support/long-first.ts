/** The files that take longest begin first, so that no worker ends up alone with one of them. */
import type { TestSequencer, TestSpecification } from 'vitest/node';

/**
 * Files of twenty seconds and more on two processors, the longest first. Of those that share a
 * process only the longest: the others stay together, or they would not share.
 */
const LONG = [
  'cli/printed-commands.test.ts',
  'cli/workflow.test.ts',
  'docs/shell.test.ts',
  'web/page.test.ts',
  'simulation/simulation.test.ts',
  'cli/trust.test.ts',
  'hostile/growth.test.ts',
  'docs/tutorial.test.ts',
  'dispatcher/fail-the-nth.test.ts',
  'fleet/workflow.test.ts',
  'hostile/workflows-and-models.test.ts',
  'cli/control.test.ts',
  'agents/acp.test.ts',
  'cli/care.test.ts',
  'fleet/capsules.test.ts',
  'cli/explain.test.ts',
  'cli/doctor.test.ts',
  'fleet/attachments.test.ts',
  'docs/json.test.ts',
  'cli/answer.test.ts',
  'cli/moved-remotes.test.ts',
  'cli/archive.test.ts',
  'hostile/refs.test.ts',
  'fleet/limits.test.ts',
  'simulation/hosted.test.ts',
  'cli/project.test.ts',
  'hostile/messages.test.ts',
  'contract/git-repository.test.ts',
  'fleet/fleet.test.ts',
  'transport/git-remotes.test.ts',
  'transport/git-cache.test.ts',
  'hostile/hosts.test.ts',
  'fleet/ask.test.ts',
  'fleet/wake.test.ts',
  'hostile/folders.test.ts',
  'hostile/generated-pushes.test.ts',
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

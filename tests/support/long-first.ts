/** The files that take longest begin first, so that no worker ends up alone with one of them. */
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** By what they took on two processors, from a minute and a half downwards. */
const LONG = [
  'simulation/simulation.test.ts',
  'fleet/fail-the-nth.test.ts',
  'cli/workflow.test.ts',
  'simulation/simulation-b.test.ts',
  'hostile/leaks.test.ts',
  'docs/shell.test.ts',
  'web/page.test.ts',
  'simulation/guards.test.ts',
  'fleet/soak.test.ts',
  'fleet/workflow-language.test.ts',
  'fleet/workflow.test.ts',
];

/** For `sequence.sequencer` of vitest. */
export class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = LONG.findIndex((name) => moduleId.endsWith(`/${name}`));
      return at < 0 ? LONG.length : at;
    };
    const sorted = await super.sort(files);
    return sorted.sort((a, b) => rank(a) - rank(b));
  }
}

/** All seeds as one test: what some seed has to exercise is judged over all of them. */
import { describe, expect, it } from 'vitest';
import { describeFailure, judgeSeeds, MUST_HAPPEN } from './judge-seeds.ts';
import { planOf } from './plan.ts';
import { runSeed } from './run-seed.ts';

const SEEDS = Number(process.env['SEEDS'] ?? 150);
const SEED = process.env['SEED'];
/** Fewer seeds than this cannot be expected to exercise everything. */
const SEEDS_THAT_COVER = 150;
const HOURS = 6 * 3_600_000;

/** The first SEEDS seeds, or with SEED the one that it names. */
export function describeSeeds(): void {
  if (SEED !== undefined) {
    it(`seed ${SEED} keeps every promise`, () => replay(Number(SEED)), HOURS);
    return;
  }
  const seeds = Array.from({ length: SEEDS }, (_, index) => index + 1);
  describe(`${seeds.length} simulated lives of a transport`, () => {
    it(
      'keep every promise, and leave no fault and no branch of a claim untried',
      async () => {
        const { failures, coverage } = await judgeSeeds(seeds);
        expect(failures.join('\n\n')).toBe('');
        if (seeds.length >= SEEDS_THAT_COVER)
          expect(MUST_HAPPEN.filter((what) => !coverage.has(what))).toEqual([]);
      },
      HOURS,
    );
  });
}

async function replay(seed: number): Promise<void> {
  const traced =
    process.env['TRACE'] === undefined
      ? {}
      : { onTrace: (line: string) => void process.stdout.write(`${line}\n`) };
  const result = await runSeed(planOf(seed), traced);
  if (result.problems.length > 0) expect.fail(await describeFailure(result, true));
}

/**
 * The real dispatcher in a world of faults. `SEEDS=50000` runs more of them, `SEED=123` runs one
 * and prints its trace with `TRACE=1`.
 */
import { describe, expect, it } from 'vitest';
import { describeSeeds } from './seeds.ts';
import { planOf } from './plan.ts';
import { runRewrite } from './rewrite.ts';
import { runSeed } from './run-seed.ts';

describeSeeds();

describe('a seed', () => {
  it('gives the same trace byte for byte, every time', async () => {
    for (const seed of [3, 4])
      expect((await runSeed(planOf(seed))).digest).toBe((await runSeed(planOf(seed))).digest);
  });
});

describe('when the branch is wound back', () => {
  it.each([1, 2, 3, 4, 5])(
    'every host halts and starts nothing until a person accepts it (seed %i)',
    async (seed) => {
      const { problems, startedBefore } = await runRewrite(planOf(seed));
      expect(startedBefore).toBeGreaterThan(0);
      expect(problems).toEqual([]);
    },
  );
});

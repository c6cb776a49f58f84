import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ancestorsOf } from '../../src/workflow/language/reach.ts';
import type { Step } from '../../src/workflow/language/plan.ts';
import { outcome } from '../../src/workflow/run/fold-context.ts';
import { usedBefore } from '../../src/workflow/run/used-before.ts';
import { sumUse } from '../../src/protocol/usage.ts';

/** Steps by what each needs, as numbers of steps before it. */
const NEEDS = fc
  .integer({ min: 1, max: 12 })
  .chain((count) =>
    fc.tuple(
      ...Array.from({ length: count }, (_, at) =>
        at === 0 ? fc.constant([]) : fc.uniqueArray(fc.nat(at - 1), { maxLength: 3 }),
      ),
    ),
  );

it('counts whatever is before a step once, in whichever order it is asked', () => {
  fc.assert(
    fc.property(NEEDS, fc.infiniteStream(fc.nat()), (all, random) => {
      const steps = all.map(
        (needs, at) =>
          ({ id: `s${at}`, needs: needs.map((need) => `s${need}`) }) as unknown as Step,
      );
      const outcomes = new Map(
        steps.map(({ id }, at) => [
          id,
          outcome('succeeded', 0, { usd: 2 ** at / 8, tokens: 2 ** at }),
        ]),
      );
      const numbers = random[Symbol.iterator]();
      const asked = steps
        .map((step) => [Number(numbers.next().value), step] as const)
        .sort(([a], [b]) => a - b);
      for (const [, step] of asked) {
        const before = [...ancestorsOf(step.id, steps)].flatMap((id) => outcomes.get(id) ?? []);
        expect(usedBefore(step, { steps, outcomes })).toEqual(sumUse(before));
      }
    }),
  );
});

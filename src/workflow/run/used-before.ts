/** What the steps before a step have used. Pure but for the sums that are kept. */
import { byId, closure, isBefore } from '../language/reach.ts';
import type { Step } from '../language/plan.ts';
import { sumUse, type Use } from '../../protocol/usage.ts';
import type { Outcome, Visible } from './fold.ts';

/** Steps of one level, and what they came to. */
interface Folded {
  readonly steps: readonly Step[];
  readonly outcomes: ReadonlyMap<string, Outcome>;
}

/**
 * By the outcome of a step, what it and all before it in its level have used: it is another outcome
 * when one of theirs is.
 */
const sums = new WeakMap<Outcome, Use>();
const sumsOfAll = new WeakMap<Visible, Use>();

/** What all of them have used. They must not change any more. */
export function usedByAll(visible: Visible): Use {
  const known = sumsOfAll.get(visible) ?? sumUse([...visible.entries()].map(([, each]) => each));
  sumsOfAll.set(visible, known);
  return known;
}

/**
 * What the steps before `step` in its level have used. Each sum begins with that of one step it
 * needs, so that in a chain it is one addition.
 */
export function usedBefore(step: Step, folded: Folded): Use {
  const line: Step[] = [];
  let sum: Use = { usd: 0, tokens: 0 };
  for (let at: Step | null = step; at !== null; at = lastNeed(at, folded.steps)) {
    const own = at === step ? undefined : folded.outcomes.get(at.id);
    const known = own === undefined ? undefined : sums.get(own);
    if (known !== undefined) sum = known;
    if (known !== undefined) break;
    line.push(at);
  }
  for (const at of line.reverse()) {
    sum = sumUse([sum, ...besideLast(at, folded)]);
    const own = at === step ? undefined : folded.outcomes.get(at.id);
    if (own === undefined) continue;
    sum = sumUse([sum, own]);
    sums.set(own, sum);
  }
  return sum;
}

/** Of the steps that it needs one that no other of them needs. */
function lastNeed({ needs }: Step, steps: readonly Step[]): Step | null {
  const known = needs.flatMap((need) => byId(steps).get(need) ?? []);
  return known.reduce<Step | null>(
    (last, need) => (last === null || isBefore(last.id, need, steps) ? need : last),
    null,
  );
}

/** What those before a step came to that are neither its `lastNeed` nor before that. */
function besideLast(step: Step, { steps, outcomes }: Folded): readonly Outcome[] {
  const last = lastNeed(step, steps);
  const ids = closure(step.id, (id) =>
    (byId(steps).get(id)?.needs ?? []).filter(
      (need) => last !== null && need !== last.id && !isBefore(need, last, steps),
    ),
  );
  return [...ids].flatMap((id) => outcomes.get(id) ?? []);
}

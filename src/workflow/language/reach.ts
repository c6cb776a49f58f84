/** Who comes before whom among the steps of one level: ancestors, descendants, order, cycles. */
import type { Step } from './plan.ts';

/** All steps that `id` needs, directly or not, among `steps`. A cycle does not hang it. */
export function ancestorsOf(id: string, steps: readonly Step[]): ReadonlySet<string> {
  return closure(id, (each) => steps.find((step) => step.id === each)?.needs ?? []);
}

/** All steps that need `id`, directly or not, without `id` itself. */
export function descendantsOf(id: string, steps: readonly Step[]): ReadonlySet<string> {
  return closure(id, (each) =>
    steps.filter((step) => step.needs.includes(each)).map((step) => step.id),
  );
}

/**
 * The steps so that each stands behind what it needs; among equals the written order stays. Members
 * of a cycle come last.
 */
export function inOrder(steps: readonly Step[]): readonly Step[] {
  const done = new Set<string>();
  const ordered: Step[] = [];
  let left = [...steps];
  for (;;) {
    const next = left.find((step) =>
      step.needs.every((need) => done.has(need) || !steps.some(({ id }) => id === need)),
    );
    if (next === undefined) return [...ordered, ...left];
    done.add(next.id);
    ordered.push(next);
    left = left.filter((step) => step !== next);
  }
}

/** One cycle as `a → b → a`, or null. */
export function findCycle(steps: readonly Step[]): string | null {
  const known = new Map(steps.map((step) => [step.id, step] as const));
  for (const step of steps) {
    if (!ancestorsOf(step.id, steps).has(step.id)) continue;
    const path = [step.id];
    for (;;) {
      const current: Step | undefined = known.get(path.at(-1) ?? '');
      const next = current?.needs.find(
        (need) =>
          need === step.id || (ancestorsOf(need, steps).has(step.id) && !path.includes(need)),
      );
      if (next === undefined) return path.join(' → ');
      path.push(next);
      if (next === step.id) return path.join(' → ');
    }
  }
  return null;
}

function closure(from: string, next: (id: string) => readonly string[]): ReadonlySet<string> {
  const seen = new Set<string>();
  const open = [...next(from)];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (seen.has(id)) continue;
    seen.add(id);
    open.push(...next(id));
  }
  return seen;
}

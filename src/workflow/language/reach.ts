/** Who comes before whom among the steps of one level: ancestors, descendants, order, cycles. */
import type { Step } from './plan.ts';

/** All steps that `id` needs, directly or not, among `steps`. A cycle does not hang it. */
export function ancestorsOf(id: string, steps: readonly Step[]): ReadonlySet<string> {
  const known = byId(steps);
  return closure(id, (each) => known.get(each)?.needs ?? []);
}

const stepsById = new WeakMap<readonly Step[], ReadonlyMap<string, Step>>();

/** Of two steps with one id the first counts. */
export function byId(steps: readonly Step[]): ReadonlyMap<string, Step> {
  const known =
    stepsById.get(steps) ?? new Map([...steps].reverse().map((step) => [step.id, step] as const));
  stepsById.set(steps, known);
  return known;
}

/** Whether `step` needs the step `id`, directly or not. A cycle does not hang it. */
export function isBefore(id: string, step: Step, steps: readonly Step[]): boolean {
  const place = placesOf(steps).get(id);
  const reach = reachOf(steps).get(step.id) ?? 0n;
  return place !== undefined && ((reach >> BigInt(place)) & 1n) === 1n;
}

const reachBySteps = new WeakMap<readonly Step[], ReadonlyMap<string, bigint>>();

/** The ancestors of each step, as bits at their places. */
function reachOf(steps: readonly Step[]): ReadonlyMap<string, bigint> {
  const known = reachBySteps.get(steps);
  if (known !== undefined) return known;
  const places = placesOf(steps);
  const reach = new Map<string, bigint>();
  for (const { id, needs } of inOrder(steps)) {
    const through = needs.map((need) => {
      const place = places.get(need);
      return place === undefined ? 0n : (reach.get(need) ?? 0n) | (1n << BigInt(place));
    });
    reach.set(
      id,
      through.reduce((all, one) => all | one, 0n),
    );
  }
  reachBySteps.set(steps, reach);
  return reach;
}

/** The ancestors of `id` in the order of `inOrder`. */
export function ancestorsInOrder(id: string, steps: readonly Step[]): readonly string[] {
  const places = placesOf(steps);
  return [...ancestorsOf(id, steps)].sort((a, b) => (places.get(a) ?? 0) - (places.get(b) ?? 0));
}

const placesBySteps = new WeakMap<readonly Step[], ReadonlyMap<string, number>>();

function placesOf(steps: readonly Step[]): ReadonlyMap<string, number> {
  const known =
    placesBySteps.get(steps) ?? new Map(inOrder(steps).map(({ id }, at) => [id, at] as const));
  placesBySteps.set(steps, known);
  return known;
}

/** All steps that need `id`, directly or not, without `id` itself. */
export function descendantsOf(id: string, steps: readonly Step[]): ReadonlySet<string> {
  const needing = needingOf(steps);
  return closure(id, (each) => needing.get(each) ?? []);
}

const needingBySteps = new WeakMap<readonly Step[], ReadonlyMap<string, readonly string[]>>();

/** Which steps need a step directly. */
function needingOf(steps: readonly Step[]): ReadonlyMap<string, readonly string[]> {
  const known = needingBySteps.get(steps);
  if (known !== undefined) return known;
  const needing = new Map<string, string[]>();
  for (const { id, needs } of steps)
    for (const need of new Set(needs)) {
      const list = needing.get(need);
      if (list === undefined) needing.set(need, [id]);
      else list.push(id);
    }
  needingBySteps.set(steps, needing);
  return needing;
}

/**
 * The steps so that each stands behind what it needs; among equals the written order stays. Members
 * of a cycle come last.
 */
export function inOrder(steps: readonly Step[]): readonly Step[] {
  const known = byId(steps);
  const missing = steps.map(({ needs }) => new Set(needs.filter((need) => known.has(need))).size);
  const waiting = new Map<string, number[]>();
  steps.forEach(({ needs }, at) => {
    for (const need of new Set(needs)) {
      const list = waiting.get(need);
      if (list === undefined) waiting.set(need, [at]);
      else list.push(at);
    }
  });
  const ordered = new Set<Step>();
  const done = new Set<string>();
  // Numbers of steps that are ready; the smallest is next. Steps that a step sets free stand mostly
  // behind it, so the list is nearly in order and an insertion near its end.
  const ready = missing.flatMap((count, at) => (count === 0 ? [at] : [])).reverse();
  for (let at = ready.pop(); at !== undefined; at = ready.pop()) {
    const step = steps[at];
    if (step === undefined) break;
    ordered.add(step);
    if (done.has(step.id)) continue;
    done.add(step.id);
    for (const next of waiting.get(step.id) ?? []) {
      missing[next] = (missing[next] ?? 0) - 1;
      if (missing[next] === 0) insert(ready, next);
    }
  }
  return [...ordered, ...steps.filter((step) => !ordered.has(step))];
}

/** Into a list that falls. */
function insert(list: number[], value: number): void {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((list[middle] ?? 0) > value) low = middle + 1;
    else high = middle;
  }
  list.splice(low, 0, value);
}

/** One cycle as `a → b → a`, or null. */
export function findCycle(steps: readonly Step[]): string | null {
  const known = new Map(steps.map((step) => [step.id, step] as const));
  if (isInOrder(inOrder(steps))) return null;
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

/** All that is reached from `from`, step by step; `from` only by a cycle. */
export function closure(
  from: string,
  next: (id: string) => readonly string[],
): ReadonlySet<string> {
  const seen = new Set<string>();
  const open = [...next(from)];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (seen.has(id)) continue;
    seen.add(id);
    open.push(...next(id));
  }
  return seen;
}

/** Every step comes after those of its needs that are among them: there is no cycle. */
function isInOrder(ordered: readonly Step[]): boolean {
  const known = byId(ordered);
  const done = new Set<string>();
  return ordered.every(({ id, needs }) => {
    const fits = needs.every((need) => done.has(need) || !known.has(need));
    done.add(id);
    return fits;
  });
}

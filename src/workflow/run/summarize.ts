/** Many outcomes → one: of the items of a list step, of the steps of a group. */
import { isEnded, isUsable, outcome, outcomeValue } from './fold-context.ts';
import type { Item } from './fold-items.ts';
import type { Unit } from './unit.ts';
import type { JsonObject } from '../language/json.ts';
import type { Step } from '../language/plan.ts';
import type { Outcome } from './fold.ts';
import { sumUse } from '../../protocol/usage.ts';

/** An item and what became of it. */
export interface FoldedItem {
  readonly item: Item;
  readonly outcome: Outcome;
}

/** The outcome of a list step: every item in its list, failed when one failed. */
export function summarize(unit: Unit, folded: readonly FoldedItem[]): Outcome {
  const total = {
    ...sumUse(folded.map((each) => each.outcome)),
    text: folded
      .filter((each) => isUsable(each.outcome))
      .map((each) => each.outcome.text)
      .join('\n\n'),
    json: folded.map((each) => each.outcome.json),
    list: folded.map(listed),
  };
  const atMs = Math.max(unit.atMs, ...folded.map((each) => each.outcome.atMs));
  const open = folded.filter((each) => !isEnded(each.outcome));
  if (open.length > 0) {
    const status =
      (['running', 'waiting-human', 'waiting'] as const).find((each) =>
        open.some(({ outcome: of }) => of.status === each),
      ) ?? 'pending';
    return outcome(status, atMs, {
      ...total,
      why: open.find(({ outcome: of }) => of.why !== null)?.outcome.why ?? null,
    });
  }
  const bad = folded.filter(
    (each) => each.outcome.status === 'failed' || each.outcome.status === 'cancelled',
  );
  const [first] = bad;
  if (first !== undefined) {
    const names = bad
      .slice(0, 5)
      .map((each) => each.item.key)
      .join(', ');
    const why = `${String(bad.length)} of ${String(folded.length)} items failed (${names}): ${first.outcome.why ?? first.outcome.status}`;
    return outcome('failed', atMs, { ...total, why });
  }
  const degraded = folded.filter((each) => each.outcome.status === 'degraded');
  return outcome(degraded.length > 0 ? 'degraded' : 'succeeded', atMs, {
    ...total,
    why: degraded[0]?.outcome.why ?? null,
  });
}

/**
 * What expressions see of an item. Most items are as they were in the fold before, so what was made
 * of their outcome is kept with it.
 */
function listed({ item: { key }, outcome: of }: FoldedItem, index: number): JsonObject {
  const known = LISTED.get(of);
  if (known !== undefined && known['key'] === key && known['index'] === index) return known;
  const made = { ...outcomeValue(of), key, index };
  LISTED.set(of, made);
  return made;
}

const LISTED = new WeakMap<Outcome, JsonObject>();

/** The outcome of a group: that of its last step, failed when one of its steps failed. */
export function groupOutcome(
  unit: Unit,
  steps: readonly Step[],
  children: ReadonlyMap<string, Outcome>,
): Outcome {
  const all = [...children.values()];
  const atMs = Math.max(unit.atMs, ...all.map((each) => each.atMs));
  const costs = sumUse(all);
  const open = all.filter((each) => !isEnded(each));
  if (open.length > 0) {
    const status =
      (['running', 'waiting-human', 'waiting'] as const).find((each) =>
        open.some((child) => child.status === each),
      ) ?? 'pending';
    return outcome(status, atMs, {
      ...costs,
      why: open.find((each) => each.status === status)?.why ?? null,
    });
  }
  const last = [...steps]
    .reverse()
    .map((step) => children.get(step.id))
    .find((each) => each !== undefined && isUsable(each));
  const parts = {
    ...costs,
    text: last?.text ?? '',
    json: last?.json ?? null,
    list: last?.list ?? [],
  };
  const failed = [...children].find(
    ([, each]) => each.status === 'failed' || each.status === 'cancelled',
  );
  if (failed !== undefined)
    return outcome('failed', atMs, {
      ...parts,
      why: `${failed[0]}: ${failed[1].why ?? failed[1].status}`,
    });
  if (all.length > 0 && all.every((each) => each.status === 'skipped'))
    return outcome('skipped', atMs, { why: 'every step of the group was skipped' });
  const degraded = all.find((each) => each.status === 'degraded');
  return outcome(degraded === undefined ? 'succeeded' : 'degraded', atMs, {
    ...parts,
    why: degraded?.why ?? null,
  });
}

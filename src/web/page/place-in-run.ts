/**
 * Where a step or task of a run stands: in which item and pass of the groups around it. Read from
 * its path. Pure.
 */
import type { Step, Task } from '../told.ts';
import {
  groupsAround,
  ONLY_KEY,
  parseTurn,
  stepIds,
  taskNumber,
  tellTurn,
  turnOfTask,
} from '../../protocol/run-paths.ts';

/**
 * `login, pass 2` for a step in a group, the outermost group first; empty for a step that stands in
 * none.
 */
export function groupsOf(folder: string): string {
  return groupsAround(folder)
    .map(tellTurn)
    .filter((text) => text !== '')
    .join(' · ');
}

/**
 * What distinguishes a task from others of its name: its groups, its own item, candidate and pass,
 * and which try it is.
 */
export function labelOf({ path, key }: Pick<Task, 'path' | 'key'>): string {
  const { pass, round } = turnOfTask(path);
  const time = taskNumber(path) ?? 1;
  return [
    groupsOf(path),
    key === ONLY_KEY ? '' : key,
    pass === 1 ? '' : `pass ${pass}`,
    round === 1 ? '' : `round ${round}`,
    time === 1 ? '' : `try ${time}`,
  ]
    .filter((part) => part !== '')
    .join(' · ');
}

/** A step as the plan has it: what it is in every item and pass of the groups around it. */
export interface PlanStep {
  /** Ids of the groups around it and its own: `build/test`. */
  readonly id: string;
  readonly group: string | null;
  /** Of each item what its newest pass has. */
  readonly steps: readonly Step[];
  /** Passes and items together, for `steps` leaves out what was repeated. */
  readonly turns: number;
  /** Ids of what comes before it. */
  readonly needs: readonly string[];
}

/** A group around steps. `items` and `passes` count from 1. */
export interface PlanGroup {
  readonly id: string;
  readonly group: string | null;
  readonly step: Step;
  readonly items: number;
  readonly passes: number;
  readonly rounds: number;
}

/** A run as its plan: however many items and passes a group has, each of its steps is one. */
export interface PlanShape {
  readonly steps: readonly PlanStep[];
  readonly groups: readonly PlanGroup[];
}

/**
 * The shape of a run. A need of a group is one of what is last in it; the first steps of a group
 * have the needs of the group.
 */
export function shapeOf(steps: readonly Step[]): PlanShape {
  const byId = new Map<string, Step[]>();
  for (const step of steps) {
    const id = stepIds(step.folder).join('/');
    byId.set(id, [...(byId.get(id) ?? []), step]);
  }
  const inside = (id: string | null): readonly string[] =>
    [...byId.keys()].filter((other) => parentId(other) === id);
  const needsIn = (id: string): readonly string[] => {
    const siblings = inside(parentId(id));
    const named = new Set((byId.get(id) ?? []).flatMap(({ needs }) => needs));
    return siblings.filter((other) => other !== id && isNamed(other, named));
  };
  const lastOf = (id: string): readonly string[] => {
    const inner = inside(id);
    const needed = new Set(inner.flatMap(needsIn));
    return inner.length === 0 ? [id] : inner.filter((one) => !needed.has(one)).flatMap(lastOf);
  };
  const needsOf = (id: string): readonly string[] => {
    const own = needsIn(id).flatMap(lastOf);
    const parent = parentId(id);
    return own.length > 0 || parent === null ? own : needsOf(parent);
  };
  const ids = [...byId.keys()];
  return {
    steps: ids
      .filter((id) => inside(id).length === 0)
      .map((id) => ({
        id,
        group: parentId(id),
        steps: newestOf(byId.get(id) ?? []),
        turns: byId.get(id)?.length ?? 0,
        needs: [...new Set(needsOf(id))],
      })),
    groups: ids
      .filter((id) => inside(id).length > 0)
      .flatMap((id) => groupOf(id, byId, inside(id)[0] ?? '')),
  };
}

function parentId(id: string): string | null {
  const at = id.lastIndexOf('/');
  return at < 0 ? null : id.slice(0, at);
}

function isNamed(id: string, names: ReadonlySet<string>): boolean {
  return names.has(id) || names.has(id.slice(id.lastIndexOf('/') + 1));
}

/** The folders of what is inside show items and passes. */
function groupOf(
  id: string,
  byId: ReadonlyMap<string, readonly Step[]>,
  inner: string,
): readonly PlanGroup[] {
  const [step] = byId.get(id) ?? [];
  if (step === undefined) return [];
  const turns = (byId.get(inner) ?? []).map(({ folder }) =>
    parseTurn(groupsAround(folder).at(-1) ?? ''),
  );
  return [
    {
      id,
      group: parentId(id),
      step,
      items: new Set(turns.map(({ key }) => key)).size,
      passes: Math.max(...turns.map(({ pass }) => pass)),
      rounds: Math.max(...turns.map(({ round }) => round)),
    },
  ];
}

/** The newest round and pass of each item. */
function newestOf(steps: readonly Step[]): readonly Step[] {
  const newest = new Map<string, { readonly step: Step; readonly order: string }>();
  for (const step of steps) {
    const turns = groupsAround(step.folder).map(parseTurn);
    const item = turns.map(({ key }) => key).join('/');
    const order = turns
      .map(({ round, pass }) => [round, pass].map((n) => String(n).padStart(6, '0')).join())
      .join();
    const known = newest.get(item);
    if (known === undefined || known.order <= order) newest.set(item, { step, order });
  }
  return [...newest.values()].map(({ step }) => step);
}

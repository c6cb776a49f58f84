/**
 * Where a step or task of a run stands: in which item and pass of the groups around it. Read from
 * its path. Pure.
 */
import type { GraphNode } from './layout-graph.ts';
import type { Step, Task } from './told.ts';
import {
  groupsAround,
  ONLY_KEY,
  parseTurn,
  taskNumber,
  turnOfTask,
} from '../../protocol/run-paths.ts';

function turnText(name: string): string {
  const { key, pass, round } = parseTurn(name);
  return [
    key === ONLY_KEY ? '' : key,
    pass === 1 ? '' : `pass ${pass}`,
    round === 1 ? '' : `round ${round}`,
  ]
    .filter((part) => part !== '')
    .join(', ');
}

/**
 * `login, pass 2` for a step in a group, the outermost group first; empty for a step that stands in
 * none.
 */
export function groupsOf(folder: string): string {
  return groupsAround(folder)
    .map(turnText)
    .filter((text) => text !== '')
    .join(' · ');
}

/**
 * What tells a task from others of its name: its groups, its own item, candidate and pass, and
 * which try it is.
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

/**
 * The steps as nodes. A need is one of the same item and pass; who needs a group, needs what is
 * last in it; the first steps of a pass hang on the last ones of the pass before, those of the
 * first pass on the group.
 */
export function nodesOf(
  steps: readonly Pick<Step, 'id' | 'folder' | 'needs'>[],
): readonly GraphNode[] {
  const byPlace = new Map<string, (typeof steps)[number][]>();
  for (const step of steps)
    byPlace.set(placeOf(step.folder), [...(byPlace.get(placeOf(step.folder)) ?? []), step]);
  const folders = new Set(steps.map(({ folder }) => folder));
  const beside = (step: (typeof steps)[number], need: string) =>
    (byPlace.get(placeOf(step.folder)) ?? []).find(
      ({ id }) => id === need || id.endsWith(`/${need}`),
    );
  const lastAt = (place: string): readonly string[] => {
    const here = byPlace.get(place) ?? [];
    const needed = new Set(
      here.flatMap((step) => step.needs.flatMap((need) => beside(step, need)?.folder ?? [])),
    );
    return here.filter(({ folder }) => !needed.has(folder)).flatMap(({ folder }) => endsOf(folder));
  };
  const endsOf = (folder: string): readonly string[] => {
    const places = [...byPlace.keys()].filter(
      (place) => place.startsWith(folder) && groupOf(place) === folder,
    );
    const last = places.filter((place) => !places.some((other) => isPassBefore(place, other)));
    return places.length === 0 ? [folder] : last.flatMap(lastAt);
  };
  return steps.map((step) => {
    const needs = step.needs.flatMap((need) => {
      const found = beside(step, need);
      return found === undefined ? [] : endsOf(found.folder);
    });
    const place = placeOf(step.folder);
    const group = groupOf(place);
    if (needs.length > 0 || !folders.has(group)) return { id: step.folder, needs };
    const before = [...byPlace.keys()].find(
      (other) => groupOf(other) === group && isPassBefore(other, place),
    );
    return { id: step.folder, needs: before === undefined ? [group] : lastAt(before) };
  });
}

/** The folder that the steps of one level, item and pass share. */
function placeOf(folder: string): string {
  return folder.replace(/(?<![^/])[^/]+\/$/, '');
}

/** The group whose item and pass a place is. */
function groupOf(place: string): string {
  return place.replace(/(?<![^/])[^/]+\/steps\/$/, '');
}

function turnOfPlace(place: string): ReturnType<typeof parseTurn> {
  return parseTurn(place.split('/').at(-3) ?? '');
}

function isPassBefore(place: string, later: string): boolean {
  if (place === later || groupOf(place) !== groupOf(later)) return false;
  const [a, b] = [turnOfPlace(place), turnOfPlace(later)];
  return (
    a.key === b.key &&
    ((a.round === b.round && a.pass + 1 === b.pass) || (a.round + 1 === b.round && b.pass === 1))
  );
}

/**
 * What is shown where not everything fits: groups by rank, each with as many of its things as the
 * window has rows for. Pure.
 */

import { displayWidth } from '../../base/display-width.ts';

/** Things of one kind, each as its lines; one that is wider than the window takes several rows. */
export interface Group {
  readonly things: readonly (readonly string[])[];
  /** The line that stands for those of them that are left out. */
  readonly more: (count: number) => string;
}

export interface Limits {
  /** Rows that there are for all of it, and how wide they are; infinite: there is no window. */
  readonly rows: number;
  readonly columns: number;
  /** Things of one group that are shown at most. */
  readonly things: number;
  /** The line that stands for whole groups that are left out. */
  readonly rest: (things: number) => string;
}

/**
 * The lines to show, highest rank first: one thing of each group, while rows are left,
 * then as many more of each as fit.
 */
export function fitGroups(groups: readonly Group[], limits: Limits): readonly string[] {
  const shown = groups.map(() => 0);
  const isUnlimited = limits.rows === Number.POSITIVE_INFINITY;
  const grow = (group: Group, at: number): boolean => {
    const count = shown[at] ?? 0;
    if (count >= Math.min(group.things.length, limits.things)) return false;
    shown[at] = count + 1;
    if (isUnlimited || rowsOf(render(groups, shown, limits), limits.columns) <= limits.rows)
      return true;
    shown[at] = count;
    return false;
  };
  // Anyone who had no room for one has none for two.
  while (groups.filter(grow).length > 0);
  return render(groups, shown, limits);
}

/** Rows that lines take. */
export function rowsOf(lines: readonly string[], columns: number): number {
  return lines.reduce((sum, line) => sum + Math.max(1, Math.ceil(displayWidth(line) / columns)), 0);
}

/** Rows that all of it would take. */
export function heightOfAll(groups: readonly Pick<Group, 'things'>[], columns: number): number {
  return rowsOf(
    groups.flatMap(({ things }) => things.flat()),
    columns,
  );
}

function render(
  groups: readonly Group[],
  shown: readonly number[],
  { rest }: Limits,
): readonly string[] {
  const rows: string[] = [];
  let left = 0;
  groups.forEach(({ things, more }, at) => {
    const count = shown[at] ?? 0;
    const missing = things.length - count;
    rows.push(...things.slice(0, count).flat());
    if (count === 0) left += missing;
    else if (missing > 0) rows.push(more(missing));
  });
  return left === 0 ? rows : [...rows, rest(left)];
}

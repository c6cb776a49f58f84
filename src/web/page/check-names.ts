/** Who a message would reach, while its recipients are typed. Pure. */
import type { Names } from '../told.ts';

/** One name of a `to:`, and what is known of it. */
export interface CheckedName {
  /** As it was typed. */
  readonly text: string;
  readonly kind: 'model' | 'person' | 'everybody' | 'workflow' | 'unknown';
  /** It has outside effects, which cannot be undone. */
  readonly isExternal: boolean;
  /** What to know before it is sent; empty = nothing. */
  readonly note: string;
  /** What it was meant to be, probably. */
  readonly near: string | null;
}

/** Each name between the commas. */
export function checkNames(typed: string, names: Names): readonly CheckedName[] {
  return typed
    .split(',')
    .map((text) => text.trim())
    .filter((text) => text !== '')
    .map((text) => checkName(text, names));
}

/** Adds a name, or takes it out. */
export function toggleName(typed: string, name: string): string {
  const words = typed.split(',').map((text) => text.trim());
  const others = words.filter((text) => text !== '' && text !== name);
  return (words.includes(name) ? others : [...others, name]).join(', ');
}

function checkName(text: string, { models, people, hosts }: Names): CheckedName {
  const [name = '', host] = text.split('@');
  const known = { text, isExternal: false, note: '', near: null };
  if (text === 'all') {
    const isExternal = models.some(({ effects }) => effects === 'external');
    return { ...known, kind: 'everybody', isExternal, note: `${models.length} models` };
  }
  if (text === 'workflow') return { ...known, kind: 'workflow' };
  const model = models.find((one) => one.name === name);
  if (model !== undefined) {
    const isExternal = model.effects === 'external';
    return { ...known, kind: 'model', isExternal, note: noteOn(model.hosts, host, hosts) };
  }
  if (host === undefined && people.includes(name)) return { ...known, kind: 'person' };
  const near = nearest(name, [...models.map((one) => one.name), ...people]);
  return { ...known, kind: 'unknown', note: 'no such name', near };
}

function noteOn(
  serving: readonly string[],
  host: string | undefined,
  hosts: readonly string[],
): string {
  if (host !== undefined && !hosts.includes(host)) return `no host "${host}" has been seen`;
  if (host !== undefined && !serving.includes(host)) return `${host} does not serve it now`;
  return serving.length === 0 ? 'no running host serves it: the message waits' : '';
}

/** The name that needs fewest changes, if those are few. */
function nearest(name: string, names: readonly string[]): string | null {
  const most = name.length < 5 ? 2 : 3;
  const ranked = names
    .map((other) => ({ other, changes: distance(name.slice(0, 64), other.slice(0, 64)) }))
    .filter(({ changes }) => changes <= most && changes < name.length)
    .sort((a, b) => a.changes - b.changes);
  return ranked[0]?.other ?? null;
}

/** Letters to insert, drop or replace, or neighbours to swap. */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, at) => at)];
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      const isSwap = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row.push(
        Math.min(
          (rows[i - 1]?.[j] ?? 0) + 1,
          (row[j - 1] ?? 0) + 1,
          (rows[i - 1]?.[j - 1] ?? 0) + cost,
          isSwap && i > 1 && j > 1 ? (rows[i - 2]?.[j - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
    rows.push(row);
  }
  return rows[a.length]?.[b.length] ?? 0;
}

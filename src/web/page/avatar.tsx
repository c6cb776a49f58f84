/**
 * The picture of a name: round for people, square and outlined for models, an icon for runs. The
 * colour is always the same for a name.
 */
import type { VNode } from 'preact';
import { Icon } from './icon.tsx';
import { createCell, useCell } from './state.ts';

/** Names of models, by the last summary. */
export const modelNames = createCell<ReadonlySet<string>>(new Set());

/** What kind of a name it is: an address may name a host as well. */
export function kindOf(name: string, models: ReadonlySet<string>): 'workflow' | 'model' | 'person' {
  const [bare = name] = name.split('@');
  return bare === 'workflow' ? 'workflow' : models.has(bare) ? 'model' : 'person';
}

export function Avatar({
  name,
  small,
}: {
  readonly name: string;
  readonly small?: boolean;
}): VNode {
  const kind = kindOf(name, useCell(modelNames));
  return (
    <span
      class={`avatar ${kind} ${small === true ? 'small' : ''}`}
      style={{ '--hue': String(hueOf(name)) }}
      aria-hidden="true"
    >
      {kind === 'workflow' ? <Icon name="runs" /> : initialsOf(name)}
    </span>
  );
}

/** Two letters: `gh` for `grace-hopper`, `g5` for `gpt-5`, `op` for `opus`. */
export function initialsOf(name: string): string {
  const [bare = ''] = name.split('@');
  const words = bare.split(/[-_. ]+/).filter((word) => word !== '');
  const [first, second] = words;
  const letters =
    second === undefined ? firstOf(first ?? '', 2) : firstOf(first ?? '', 1) + firstOf(second, 1);
  return letters.toLowerCase();
}

/** Whole characters as people see them. */
function firstOf(text: string, count: number): string {
  return Array.from(new Intl.Segmenter().segment(text), ({ segment }) => segment)
    .slice(0, count)
    .join('');
}

/** A hue in degrees, one of 24 that are 15 apart, by all letters of the name (FNV-1a). */
export function hueOf(name: string): number {
  let hash = 0x811c9dc5;
  for (const char of name) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193);
  return (((hash ^ (hash >>> 15)) >>> 0) % 24) * 15;
}

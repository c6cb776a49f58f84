/** The subject of our commits, as people read it in `git log`. Pure. */
import { fitWidth } from '../base/display-width.ts';
import { oneLine } from '../base/plain-text.ts';

/** What a terminal of 80 columns shows of it. */
const COLUMNS_MAX = 80;
/** A sign may be made of several code points. */
const POINTS_MAX = 4 * COLUMNS_MAX;
const NAMES_MAX = 4;
const NAME_MAX = 24;
const INPUTS_MAX = 3;
const VALUE_MAX = 20;

/** Plain text on one line of at most 80 columns, cut with an ellipsis. */
export function formatSubject(text: string): string {
  return fitWidth(oneLine(text, POINTS_MAX), COLUMNS_MAX);
}

/** `opus, gpt ×2, gemini, glm and 3 more`: each name once, the first four of them. */
export function listNames(names: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  const shown = [...counts]
    .slice(0, NAMES_MAX)
    .map(([name, count]) => `${oneLine(name, NAME_MAX)}${count === 1 ? '' : ` ×${String(count)}`}`);
  const more = counts.size - shown.length;
  return `${shown.join(', ')}${more === 0 ? '' : ` and ${String(more)} more`}`;
}

/** ` (topic: leases, depth: 2)`: the first three inputs, each value cut; empty without any. */
export function listInputs(inputs: Readonly<Record<string, unknown>>): string {
  const keys = Object.keys(inputs);
  if (keys.length === 0) return '';
  const shown = keys.slice(0, INPUTS_MAX).map((key) => {
    const value = inputs[key];
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    return `${oneLine(key, NAME_MAX)}: ${oneLine(text, VALUE_MAX)}`;
  });
  return ` (${shown.join(', ')}${keys.length > INPUTS_MAX ? ', …' : ''})`;
}

/** The items a step fans out over, and the keys that name them: from data, never from position. */
import { createHash } from 'node:crypto';
import { isPortable, slugName } from '../../protocol/names.ts';
import { canonicalJson, isJsonList, isJsonObject, type Json } from '../language/json.ts';
import { ITEMS_MAX, type ListSource, type Step } from '../language/plan.ts';
import { evaluateTemplate } from '../language/template.ts';
import type { Values } from '../language/expression-evaluate.ts';
import { isReservedKey, looksLikeTurn } from '../../protocol/run-paths.ts';

export interface Item {
  readonly key: string;
  /** `item`, `index`, `matrix`. */
  readonly names: ReadonlyMap<string, Json>;
}

const KEY_CHARS_MAX = 40;

/** The items of a list step, or why there are none. */
export function itemsOf(step: Step, values: Values): readonly Item[] | string {
  if (step.each !== null) {
    const list = listOf(step.each, values);
    if (list === null) return '"each" gave no list';
    if (list.length > ITEMS_MAX)
      return `"each" gave ${String(list.length)} items; at most ${String(ITEMS_MAX)} are run`;
    return keyed(
      list.map(
        (item, index) =>
          [
            item,
            new Map<string, Json>([
              ['item', item],
              ['index', index],
            ]),
          ] as const,
      ),
    );
  }
  let combinations: readonly Readonly<Record<string, Json>>[] = [{}];
  for (const [name, source] of step.matrix) {
    const list = listOf(source, values);
    if (list === null) return `matrix "${name}" gave no list`;
    combinations = combinations.flatMap((each) =>
      list.map((value) => ({ ...each, [name]: value })),
    );
    if (combinations.length > ITEMS_MAX)
      return `the matrix has more than ${String(ITEMS_MAX)} combinations`;
  }
  return keyed(
    combinations.map(
      (matrix, index) =>
        [
          matrix,
          new Map<string, Json>([
            ['matrix', matrix],
            ['index', index],
          ]),
        ] as const,
    ),
  );
}

/**
 * The key of an item: its `id` if that is a plain name, else a slug and six hex of the whole item.
 */
export function itemKey(item: Json): string {
  const id = isJsonObject(item) ? item['id'] : item;
  const text =
    typeof id === 'string' || typeof id === 'number'
      ? String(id)
      : isJsonObject(item)
        ? wordsOf(item)
        : canonicalJson(item);
  const slug = slugName(text, 'item')
    .replaceAll('.', '-')
    .slice(0, KEY_CHARS_MAX)
    .replace(/(?<!-)-+$/, '');
  const isPlain = slug === text && isJsonObject(item) && !isReservedKey(slug) && isPortable(slug);
  if (isPlain) return slug;
  const hash = createHash('sha256').update(canonicalJson(item)).digest('hex').slice(0, 6);
  return `${looksLikeTurn(slug) ? `i-${slug}` : slug === '' ? 'item' : slug.slice(0, KEY_CHARS_MAX - 7)}-${hash}`;
}

function keyed(items: readonly (readonly [Json, ReadonlyMap<string, Json>])[]): readonly Item[] {
  const seen = new Map<string, number>();
  return items.map(([item, names]) => {
    const key = itemKey(item);
    const times = (seen.get(key) ?? 0) + 1;
    seen.set(key, times);
    return { key: times === 1 ? key : `${key}.${String(times)}`, names };
  });
}

function listOf(source: ListSource, values: Values): readonly Json[] | null {
  if (source.kind === 'list') return source.items;
  const value = evaluateTemplate(source.template, values);
  return isJsonList(value) ? value : null;
}

function wordsOf(item: Readonly<Record<string, Json>>): string {
  const named = item['name'] ?? item['title'];
  return typeof named === 'string'
    ? named
    : Object.values(item)
        .filter((value) => typeof value !== 'object')
        .map(String)
        .join('-');
}

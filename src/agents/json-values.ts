/**
 * Reading JSON that other programs wrote: whatever is not as expected is null, nothing throws.
 * Pure.
 */
import { isMapping } from '../protocol/yaml.ts';

export type JsonRecord = Readonly<Record<string, unknown>>;

/** The value of a JSON text, or null when it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The object of a JSON text, or null when it is anything else. */
export function parseRecord(text: string): JsonRecord | null {
  const value = parseJson(text);
  return isMapping(value) ? value : null;
}

/** The objects of a text with one JSON value a line; other lines are left out. */
export function parseRecords(text: string): readonly JsonRecord[] {
  return text.split('\n').flatMap((line) => {
    const record = line.startsWith('{') ? parseRecord(line) : null;
    return record === null ? [] : [record];
  });
}

/** The lines of a text that are no JSON object: what a program says outside of its own form. */
export function otherLines(text: string): string {
  return text
    .split('\n')
    .filter((line) => parseRecord(line) === null)
    .join('\n');
}

/** What stands at a path of keys, or undefined. */
export function at(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (inner, key) => (isMapping(inner) && Object.hasOwn(inner, key) ? inner[key] : undefined),
    value,
  );
}

/** The text at a path, or null. */
export function textAt(value: unknown, ...path: readonly string[]): string | null {
  const found = at(value, ...path);
  return typeof found === 'string' ? found : null;
}

/** The finite number at a path, or null. */
export function numberAt(value: unknown, ...path: readonly string[]): number | null {
  const found = at(value, ...path);
  return typeof found === 'number' && Number.isFinite(found) ? found : null;
}

/** The list at a path; empty when there is none. */
export function listAt(value: unknown, ...path: readonly string[]): readonly unknown[] {
  const found = at(value, ...path);
  return Array.isArray(found) ? (found as unknown[]) : [];
}

/** The sum of what is known; null when nothing is. */
export function sum(numbers: readonly (number | null)[]): number | null {
  const known = numbers.filter((number) => number !== null);
  return known.length === 0 ? null : known.reduce((total, number) => total + number, 0);
}

/** The texts of a message's content blocks (`[{type: "text", text}]`), or of a plain text. */
export function blockText(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  const texts = (content as unknown[]).map((block) =>
    textAt(block, 'type') === 'text' ? textAt(block, 'text') : null,
  );
  return texts.filter((text) => text !== null).join('');
}

/**
 * YAML as the transport uses it: no aliases, bounded depth, plain mappings. Message fields are read as text first (`yes`, `0123` and `12:30`
 * stay what was written) and get their type from the field; configuration is read with the core schema.
 */
import { CORE_SCHEMA, dump, FAILSAFE_SCHEMA, load, YAMLException } from 'js-yaml';
import { errorText } from '../base/errors.ts';

/** Nested deeper than any workflow needs; a bomb stops here. */
const DEPTH_MAX = 24;

export type YamlRead =
  | { readonly kind: 'mapping'; readonly value: Readonly<Record<string, unknown>> }
  | { readonly kind: 'refused'; readonly line: number; readonly column: number; readonly why: string };

/** Reads one mapping. `scalars: 'text'` leaves every scalar a string; `'typed'` gives numbers, booleans and null as YAML 1.2 core does. An empty text is an empty mapping. */
export function readYamlMapping(text: string, scalars: 'text' | 'typed'): YamlRead {
  try {
    if (text.trim() === '') return { kind: 'mapping', value: {} };
    const value: unknown = load(text, { schema: scalars === 'text' ? FAILSAFE_SCHEMA : CORE_SCHEMA, maxDepth: DEPTH_MAX, maxAliases: 0 });
    return isMapping(value)
      ? { kind: 'mapping', value }
      : { kind: 'refused', line: 1, column: 1, why: `expected "key: value" lines, found ${describe(value)}` };
  } catch (error) {
    const mark = error instanceof YAMLException ? error.mark : undefined;
    const why = error instanceof YAMLException ? error.reason : errorText(error);
    return { kind: 'refused', line: (mark?.line ?? 0) + 1, column: (mark?.column ?? 0) + 1, why };
  }
}

/** YAML text of a plain value: one line a key, nothing folded, so that a diff shows what changed. */
export function writeYaml(value: unknown): string {
  return dump(value, { schema: CORE_SCHEMA, lineWidth: -1, noRefs: true });
}

/** True for an object with string keys that is neither list nor class instance. */
export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** What a value is, for an error message: `text "abc"`, `a list`, `a mapping`, `nothing`. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return `${typeof value === 'string' ? 'text' : typeof value} "${text.length > 60 ? `${text.slice(0, 60)}…` : text}"`;
}

/** The line (1-based) on which the nested key `path` is written, or 1: good enough to lead a person there. */
export function lineOfKey(text: string, path: readonly string[]): number {
  const lines = text.split('\n');
  let at = 0;
  let indent = -1;
  for (const key of path) {
    const found = lines.findIndex((line, index) => {
      if (index < at) return false;
      const match = /^(\s*)(?:- )?["']?([^"':#]+)["']?\s*:/.exec(line);
      return match?.[2]?.trim() === key && (match[1]?.length ?? 0) > indent;
    });
    if (found < 0) {
      const inline = lines.findIndex((line, index) => index >= Math.max(0, at - 1) && line.includes(`${key}:`));
      return (inline < 0 ? Math.max(0, at - 1) : inline) + 1;
    }
    indent = /^\s*/.exec(lines[found] ?? '')?.[0].length ?? 0;
    at = found + 1;
  }
  return Math.max(1, at);
}

/**
 * YAML as the transport uses it: no aliases, bounded depth, plain mappings. Message fields are read
 * as text first (`yes`, `0123` and `12:30` stay what was written) and get their type from the
 * field; configuration is read with the core schema.
 */
import { CORE_SCHEMA, dump, FAILSAFE_SCHEMA, load, YAMLException } from 'js-yaml';
import { errorText } from '../base/errors.ts';

/** Nested deeper than any workflow needs; a bomb stops here. */
const DEPTH_MAX = 24;

export type YamlRead =
  | { readonly kind: 'mapping'; readonly value: Readonly<Record<string, unknown>> }
  | {
      readonly kind: 'refused';
      readonly line: number;
      readonly column: number;
      readonly why: string;
    };

/**
 * Reads one mapping. `scalars: 'text'` leaves every scalar a string; `'typed'` gives numbers,
 * booleans and null as YAML 1.2 core does. An empty text is an empty mapping.
 */
export function readYamlMapping(text: string, scalars: 'text' | 'typed'): YamlRead {
  try {
    if (text.trim() === '') return { kind: 'mapping', value: {} };
    const value: unknown = load(text, {
      schema: scalars === 'text' ? FAILSAFE_SCHEMA : CORE_SCHEMA,
      maxDepth: DEPTH_MAX,
      maxAliases: 0,
    });
    return isMapping(value)
      ? { kind: 'mapping', value }
      : {
          kind: 'refused',
          line: 1,
          column: 1,
          why: `expected "key: value" lines, found ${describe(value)}`,
        };
  } catch (error) {
    const mark = error instanceof YAMLException ? error.mark : undefined;
    const why = error instanceof YAMLException ? error.reason : errorText(error);
    return { kind: 'refused', line: (mark?.line ?? 0) + 1, column: (mark?.column ?? 0) + 1, why };
  }
}

/**
 * YAML text of a plain value: one line a key, nothing folded, so that a diff shows what changed.
 */
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

/**
 * The line (1-based) on which the nested key `path` is written. Where a key is missing it is the
 * line of what it would stand in, and 1 for the whole: good enough to lead a person there.
 */
export function lineOfKey(text: string, path: readonly string[]): number {
  const lines = text.split('\n');
  let [from, end, at, isInline] = [0, lines.length, 0, false];
  for (const key of path) {
    const child = lines.findIndex((line, index) => index >= from && index < end && isContent(line));
    const depth = indentOf(lines[child] ?? '');
    const isKey = (line: string, index: number): boolean =>
      index >= from && index < end && keyOf(line) === key && indentOf(line) === depth;
    const found = isInline ? -1 : lines.findIndex(isKey);
    if (found >= 0) {
      [at, from, end] = [found + 1, found + 1, endOfBlock(lines, found, end)];
      continue;
    }
    // Keys in braces, on the line of what they stand in or below it.
    const begin = Math.max(0, at - 1);
    const braces = lines.findIndex(
      (line, index) =>
        index >= begin &&
        index < end &&
        new RegExp(`(?:[{,]|^)\\s*["']?${escape(key)}["']?\\s*:`).test(line),
    );
    if (braces < 0) break;
    [at, isInline] = [braces + 1, true];
  }
  return Math.max(1, at);
}

function keyOf(line: string): string | null {
  return /^\s*(?:- )?["']?([^"':#]+)["']?\s*:/.exec(line)?.[1]?.trim() ?? null;
}

function indentOf(line: string): number {
  return /^\s*/.exec(line)?.[0].length ?? 0;
}

function isContent(line: string): boolean {
  return !/^\s*(?:#.*)?$/.test(line);
}

/**
 * The line behind the block of the key on line `index`; items of a list may stand as far left as
 * their key.
 */
function endOfBlock(lines: readonly string[], index: number, end: number): number {
  const indent = indentOf(lines[index] ?? '');
  const isBehind = (line: string): boolean =>
    isContent(line) &&
    (indentOf(line) < indent || (indentOf(line) === indent && !/^\s*- /.test(line)));
  const next = lines.findIndex((line, at) => at > index && at < end && isBehind(line));
  return next < 0 ? end : next;
}

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

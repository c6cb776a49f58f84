/**
 * YAML as the transport uses it: no aliases, bounded size and depth, plain mappings. Message fields
 * are read as text first (`yes`, `0123` and `12:30` stay what was written) and get their type from
 * the field; configuration is read with the core schema. Every file of YAML that the product reads
 * comes through here, and what is read has no prototype: only its own keys exist.
 */
import { CORE_SCHEMA, dump, FAILSAFE_SCHEMA, load, YAMLException } from 'js-yaml';
import { errorText } from '../base/errors.ts';
import { explainYaml, type YamlFault } from './explain-yaml.ts';
import { type KeyPlace, locateKeys, type PlaceOf } from './yaml-lines.ts';

/** Nested deeper than any workflow needs; a bomb stops here. */
const DEPTH_MAX = 24;
/** As large as a message may be. */
const TEXT_CHARS_MAX = 1_048_576;

export type YamlRead =
  | { readonly kind: 'mapping'; readonly value: Readonly<Record<string, unknown>> }
  | ({ readonly kind: 'refused' } & YamlFault);

/**
 * Reads one mapping. `scalars: 'text'` leaves every scalar a string; `'typed'` gives numbers,
 * booleans and null as YAML 1.2 core does. An empty text is an empty mapping.
 */
export function readYamlMapping(text: string, scalars: 'text' | 'typed'): YamlRead {
  const refuse = (line: number, column: number, reason: string): YamlRead => ({
    kind: 'refused',
    ...explainYaml(text.slice(0, TEXT_CHARS_MAX), { line, column, reason }),
  });
  if (text.length > TEXT_CHARS_MAX)
    return { kind: 'refused', line: 1, column: 1, ...tooLong(text.length) };
  if (text.trim() === '') return { kind: 'mapping', value: {} };
  try {
    const value: unknown = load(text, {
      schema: scalars === 'text' ? FAILSAFE_SCHEMA : CORE_SCHEMA,
      maxDepth: DEPTH_MAX,
      maxAliases: 0,
    });
    const own = ownOnly(value);
    if (isMapping(own)) return { kind: 'mapping', value: own };
    return typeof own === 'string'
      ? refuse(1, 1, describe(own))
      : { kind: 'refused', line: 1, column: 1, why: describe(own), remedy: '"key: value" lines' };
  } catch (error) {
    const mark = error instanceof YAMLException ? error.mark : undefined;
    const reason = error instanceof YAMLException ? error.reason : errorText(error);
    return refuse((mark?.line ?? 0) + 1, (mark?.column ?? 0) + 1, reason);
  }
}

function tooLong(chars: number): Pick<YamlFault, 'why' | 'remedy'> {
  return { why: `${chars} characters`, remedy: `at most ${TEXT_CHARS_MAX} characters` };
}

/** The value without prototypes: no key of a stranger ever finds a method of `Object`. */
function ownOnly(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ownOnly);
  if (!isMapping(value)) return value;
  const own = Object.create(null) as Record<string, unknown>;
  for (const [key, inner] of Object.entries(value)) own[key] = ownOnly(inner);
  return own;
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
 * Where the nested key `path` is written. Where a key is missing it is the place of what it would
 * stand in, and the first one for the whole: good enough to lead a person there.
 */
export function placeOfKey(text: string, path: readonly string[]): KeyPlace {
  if (located?.text !== text) located = { text, placeOf: locateKeys(text, DEPTH_MAX) };
  return located.placeOf(path);
}

/** The line of it. */
export function lineOfKey(text: string, path: readonly string[]): number {
  return placeOfKey(text, path).line;
}

/** Problems of one text are reported one by one: the text is parsed once for all of them. */
let located: { readonly text: string; readonly placeOf: PlaceOf } | null = null;

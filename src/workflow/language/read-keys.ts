/**
 * Reads the keys of one mapping of a workflow file: each with the type it must have, none that is
 * not known.
 */
import { suggestName } from '../../protocol/address.ts';
import {
  amount,
  choice,
  duration,
  type Form,
  takeField,
  texts,
  wholeNumber,
  word,
} from '../../protocol/take.ts';
import { describe } from '../../protocol/yaml.ts';
import { isJsonObject, type Json, type JsonObject } from './json.ts';
import { parseTemplate, type Template } from './template.ts';

/** Says that what stands at `path` is wrong. */
export type Report = (path: readonly string[], message: string, suggestion?: string | null) => void;

/** A mapping, where it stands, and where its problems go. */
export interface Mapping {
  readonly raw: JsonObject;
  readonly path: readonly string[];
  readonly report: Report;
}

/** `did you mean "plan"?`, or null when nothing known is near. */
export function didYouMean(name: string, known: Iterable<string>): string | null {
  const meant = suggestName(name, known);
  return meant === null ? null : `did you mean "${meant}"?`;
}

/** The mapping below `key`; an empty one when it is absent or, reported, something else. */
export function mappingAt(mapping: Mapping, key: string): Mapping {
  const value = mapping.raw[key];
  const path = [...mapping.path, key];
  if (value !== undefined && value !== null && !isJsonObject(value))
    mapping.report(path, `"${key}" must be a mapping, found ${describe(value)}`);
  return { raw: isJsonObject(value) ? value : {}, path, report: mapping.report };
}

/** Reports every key that is not in `known`, with the one that was probably meant. */
export function refuseUnknownKeys(mapping: Mapping, known: readonly string[], where: string): void {
  for (const key of Object.keys(mapping.raw)) {
    if (known.includes(key)) continue;
    const meant = suggestName(key, known);
    mapping.report(
      [...mapping.path, key],
      `unknown key "${key}" in ${where}`,
      meant === null ? `known keys: ${known.join(', ')}` : `did you mean "${meant}"?`,
    );
  }
}

/**
 * Typed reading of single keys; each gives null (or the empty list) when the key is absent or,
 * reported, has another form.
 */
export function createTaker({ raw, path, report }: Mapping) {
  const refuse = (key: string, expected: string): null => {
    report([...path, key], `"${key}" must be ${expected}, found ${describe(raw[key])}`);
    return null;
  };
  const given = (key: string): Json | undefined => (raw[key] === null ? undefined : raw[key]);
  const takeAs = <T>(key: string, form: Form<T>): T | null =>
    takeField(raw[key], form, (_found, expected) => refuse(key, expected));
  return {
    given,
    refuse,
    text: (key: string): string | null => takeAs(key, TEXT),
    template: (key: string): Template | null => {
      const value = given(key);
      if (value === undefined) return null;
      if (typeof value === 'object') return refuse(key, 'text or an expression');
      return parseTemplate(String(value));
    },
    /** A boolean expression; a bare expression without `${{ }}` is accepted. */
    condition: (key: string): Template | null => {
      const value = given(key);
      if (value === undefined) return null;
      if (typeof value === 'boolean') return parseTemplate(`\${{ ${String(value)} }}`);
      if (typeof value !== 'string') return refuse(key, 'an expression');
      return parseTemplate(value.includes('${{') ? value.trim() : `\${{ ${value} }}`);
    },
    texts: (key: string): readonly string[] => takeAs(key, TEXTS) ?? [],
    flag: (key: string): boolean | null => takeAs(key, FLAG),
    integer: (key: string, min: number, max: number): number | null =>
      takeAs(key, wholeNumber(min, max)),
    amount: (key: string): number | null => takeAs(key, AMOUNT),
    duration: (key: string): number | null => takeAs(key, DURATION),
    choice: <C extends string>(key: string, choices: readonly C[]): C | null =>
      takeAs(key, choice(choices)),
  };
}

const TEXT = word('text', (given) => given);
const TEXTS = texts('text or a list of texts');
const AMOUNT = amount();
const DURATION = duration('a duration such as 90s, 30m or 2h');
const FLAG: Form<boolean> = {
  expected: 'true or false',
  decode: (raw) => (typeof raw === 'boolean' ? raw : undefined),
};

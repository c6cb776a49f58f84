/**
 * Reads the keys of one mapping of a workflow file: each with the type it must have, none that is
 * not known.
 */
import { parseDuration } from '../../base/duration.ts';
import { suggestName } from '../../protocol/address.ts';
import { describe } from '../../protocol/yaml.ts';
import { isJsonList, isJsonObject, type Json, type JsonObject } from './json.ts';
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
  const number = (
    key: string,
    expected: string,
    fits: (value: number) => boolean,
  ): number | null => {
    const value = given(key);
    if (value === undefined) return null;
    return typeof value === 'number' && fits(value) ? value : refuse(key, expected);
  };
  const text = (key: string): string | null => {
    const value = given(key);
    if (value === undefined) return null;
    return typeof value === 'string' ? value : refuse(key, 'text');
  };
  return {
    given,
    refuse,
    text,
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
    texts: (key: string): readonly string[] => {
      const value = given(key);
      if (value === undefined) return [];
      if (typeof value === 'string') return [value];
      if (isJsonList(value) && value.every((each): each is string => typeof each === 'string'))
        return value;
      refuse(key, 'text or a list of texts');
      return [];
    },
    flag: (key: string): boolean | null => {
      const value = given(key);
      if (value === undefined) return null;
      return typeof value === 'boolean' ? value : refuse(key, 'true or false');
    },
    integer: (key: string, min: number, max: number): number | null =>
      number(
        key,
        `a whole number from ${String(min)} to ${String(max)}`,
        (value) => Number.isInteger(value) && value >= min && value <= max,
      ),
    amount: (key: string): number | null => number(key, 'a number from 0', (value) => value >= 0),
    duration: (key: string): number | null => {
      const value = given(key);
      if (value === undefined) return null;
      const ms =
        typeof value === 'string' || typeof value === 'number'
          ? parseDuration(String(value))
          : null;
      return ms ?? refuse(key, 'a duration such as 90s, 30m or 2h');
    },
    choice: <C extends string>(key: string, choices: readonly C[]): C | null => {
      const value = given(key);
      if (value === undefined) return null;
      const spelled = typeof value === 'boolean' ? String(value) : value;
      return (
        choices.find((choice) => choice === spelled) ?? refuse(key, `one of ${choices.join(', ')}`)
      );
    },
  };
}

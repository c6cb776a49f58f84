/**
 * Reads the keys of one mapping of a workflow file: each with the type it must have, none that is
 * not known.
 */
import { MINUTE } from '../../base/clock.ts';
import { parseDuration } from '../../base/duration.ts';
import { ownValue } from '../../base/own-value.ts';
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

/** `a, b`, which is one name here, as the list that was meant; null: it is no such text. */
export function asList(text: string): string | null {
  return text.includes(',')
    ? `a list: [${text
        .split(',')
        .map((item) => item.trim())
        .join(', ')}]`
    : null;
}

/** The key that a single value was meant for, by the mapping that it stands in place of. */
const MEANT_KEYS: Readonly<Record<string, string>> = {
  ...{ retry: 'max', repeat: 'until', budget: 'usd', concurrency: 'group', on: 'schedule' },
  ...{ wait: 'for', ask: 'title', message: 'contains', compile: 'model', fork: 'run' },
};

/**
 * The mapping below `key`; an empty one when it is absent or, reported, something else. `meant`:
 * the key in it that a single value is for.
 */
export function mappingAt(
  mapping: Mapping,
  key: string,
  meant: string | undefined = ownValue(MEANT_KEYS, key),
): Mapping {
  const value = mapping.raw[key];
  const path = [...mapping.path, key];
  if (value !== undefined && value !== null && !isJsonObject(value)) {
    const isSingle = meant !== undefined && ['string', 'number'].includes(typeof value);
    mapping.report(
      path,
      `"${key}" must be a mapping, found ${describe(value)}`,
      isSingle ? `${key}: { ${meant}: ${JSON.stringify(value)} }` : null,
    );
  }
  return { raw: isJsonObject(value) ? value : {}, path, report: mapping.report };
}

/** A key of this language, and what others call it. */
const CALLED: readonly (readonly [string, string])[] = [
  ['each', 'foreach for-each for_each for items with_items'],
  ['repeat', 'loop while until'],
  ['needs', 'depends depends-on depends_on dependsOn after requires'],
  ['prompt', 'message text task instructions'],
  ['if', 'when condition'],
];

/** Reports every key that is not in `known`, with the one that was probably meant. */
export function refuseUnknownKeys(mapping: Mapping, known: readonly string[], where: string): void {
  for (const key of Object.keys(mapping.raw)) {
    if (known.includes(key)) continue;
    const called = CALLED.find(([, words]) => words.split(' ').includes(key))?.[0] ?? '';
    const meant = known.includes(called) ? called : suggestName(key, known);
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
  const takeAs = <T>(key: string, form: Form<T>, near: Near = () => null): T | null =>
    takeField(raw[key], form, (found, expected) => {
      report([...path, key], `"${key}" must be ${expected}, found ${found}`, near(raw[key], key));
      return null;
    });
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
    texts: (key: string): readonly string[] => takeAs(key, TEXTS, nearTexts) ?? [],
    flag: (key: string): boolean | null => takeAs(key, FLAG, nearFlag),
    integer: (key: string, min: number, max: number): number | null =>
      takeAs(key, wholeNumber(min, max), nearNumber),
    amount: (key: string): number | null => takeAs(key, AMOUNT, nearNumber),
    duration: (key: string): number | null => takeAs(key, DURATION, nearDuration),
    choice: <C extends string>(key: string, choices: readonly C[]): C | null =>
      takeAs(key, choice(choices), (value) => {
        const text = typeof value === 'string' ? value.toLowerCase() : '';
        const longer = text.length > 2 && choices.find((one) => one.startsWith(text));
        return longer ? `did you mean "${longer}"?` : didYouMean(text, choices);
      }),
  };
}

/**
 * The mapping below `key` and its typed reading; keys of it that are not in `known` are reported.
 */
export function takeBelow(outer: Mapping, key: string, known: readonly string[]) {
  const mapping = mappingAt(outer, key);
  refuseUnknownKeys(mapping, known, `"${key}"`);
  return { mapping, take: createTaker(mapping) };
}

/** What a value of another form was probably meant to be, by the form that it should have. */
type Near = (value: Json | undefined, key: string) => string | null;

/** `[1, 2]` for texts, and `opus, gpt` for a list of them. */
const nearTexts: Near = (value) =>
  isJsonList(value) && value.length > 0 && value.every((item) => typeof item !== 'object')
    ? `in quotes: [${value.map((item) => JSON.stringify(String(item))).join(', ')}]`
    : null;

/** `"5"`, `$5`, and where minutes are wanted `2h`. */
const nearNumber: Near = (value, key) => {
  const text = typeof value === 'string' ? value.trim() : '';
  const [, number = '', unit = ''] = /^\$?(\d+(?:\.\d+)?) ?([a-z]*)$/i.exec(text) ?? [];
  if (number === '') return null;
  const ms = parseDuration(`${number}${unit === '' ? 'm' : unit.charAt(0).toLowerCase()}`);
  const isTime = key.endsWith('minutes') && ms !== null;
  return `${key}: ${isTime ? String(ms / MINUTE) : number}`;
};

/** `5 minutes`. */
const nearDuration: Near = (value, key) => {
  const text = typeof value === 'string' ? value.trim() : '';
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?) ?([smhd])[a-z]+$/i.exec(text) ?? [];
  return number === undefined ? null : `${key}: ${number}${unit.toLowerCase()}`;
};

/** `yes` and `off`, which are texts here. */
const nearFlag: Near = (value, key) => {
  const word = typeof value === 'string' ? value.toLowerCase() : '';
  const isYes = ['yes', 'on', 'true'].includes(word);
  return isYes || ['no', 'off', 'false'].includes(word) ? `${key}: ${String(isYes)}` : null;
};

const TEXT = word('text', (given) => given);
const TEXTS = texts('text or a list of texts');
const AMOUNT = amount();
const DURATION = duration('a duration such as 90s, 30m or 2h');
const FLAG: Form<boolean> = {
  expected: 'true or false',
  decode: (raw) => (typeof raw === 'boolean' ? raw : undefined),
};

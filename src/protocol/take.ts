/**
 * Takes fields out of mappings that anybody may have written: each gives its value in the form that
 * the field must have, or is refused by what was found and what was expected. Messages, models,
 * budgets, workflows and settings share these forms; what only one of them knows stands there.
 * Pure.
 */
import { parseDuration } from '../base/duration.ts';
import type { KeyPlace } from './yaml-lines.ts';
import { describe, placeOfKey, readYamlMapping } from './yaml.ts';

/** What may stand in a field. */
export interface Form<T> {
  /** For an error message, after "expected". */
  readonly expected: string;
  /** The value; undefined when it is not one of those expected. */
  readonly decode: (raw: unknown) => T | undefined;
  /** What was found instead, where more can be said of it than its type. */
  readonly describe?: (raw: unknown) => string;
}

/** Notes what is wrong with a field. */
export type Refuse = (found: string, expected: string) => null;

/** The value of a field; null when it is absent or, refused, of another form. */
export function takeField<T>(
  raw: unknown,
  { expected, decode, describe: tell = describe }: Form<T>,
  refuse: Refuse,
): T | null {
  if (raw === undefined || raw === null) return null;
  const value = decode(raw);
  return value === undefined ? refuse(tell(raw), expected) : value;
}

/** What a value is; of a list the first item that is no text: `item 2: number "5"`. */
export function describeOdd(raw: unknown): string {
  if (!Array.isArray(raw)) return describe(raw);
  if (raw.length === 0) return 'an empty list';
  const at = raw.findIndex((item) => typeof item !== 'string');
  return at < 0 ? describe(raw) : `item ${at + 1}: ${describe(raw[at])}`;
}

/** A text that stands for a value; null: for none. */
export function word<T>(expected: string, decode: (text: string) => T | null): Form<T> {
  return {
    expected,
    decode: (raw) => (typeof raw === 'string' ? (decode(raw) ?? undefined) : undefined),
  };
}

/** True for a list of nothing but texts. */
export function isTexts(raw: unknown): raw is readonly string[] {
  return Array.isArray(raw) && raw.every((item) => typeof item === 'string');
}

/** One text, or a list of them. */
export function texts(expected: string): Form<readonly string[]> {
  const decode = (raw: unknown) =>
    typeof raw === 'string' ? [raw] : isTexts(raw) ? raw : undefined;
  return { expected, decode, describe: describeOdd };
}

/** One of some words; `true` and `false` may be written without quotes. */
export function choice<C extends string>(
  choices: readonly C[],
  expected = `one of ${choices.join(', ')}`,
): Form<C> {
  const decode = (raw: unknown) =>
    choices.find((one) => one === (typeof raw === 'boolean' ? String(raw) : raw));
  return { expected, decode };
}

/** How a number is read; NaN for anything else. */
type NumberOf = (raw: unknown) => number;
const typed: NumberOf = (raw) => (typeof raw === 'number' ? raw : NaN);

/** Of a text of this form. */
export function writtenAs(form: RegExp): NumberOf {
  return (raw) => (typeof raw === 'string' && form.test(raw) ? Number(raw) : NaN);
}

/** A whole number; both limits are allowed. */
export function wholeNumber(min: number, max: number, numberOf = typed): Form<number> {
  const decode = (raw: unknown) => {
    const value = numberOf(raw);
    return Number.isInteger(value) && value >= min && value <= max ? value : undefined;
  };
  return { expected: `a whole number from ${min} to ${max}`, decode };
}

/** A finite number that is not negative. */
export function amount(expected = 'a number from 0', numberOf = typed): Form<number> {
  const decode = (raw: unknown) => {
    const value = numberOf(raw);
    return Number.isFinite(value) && value >= 0 ? value : undefined;
  };
  return { expected, decode };
}

/** Milliseconds of a text such as `30m`, or of a number of seconds; both limits are allowed. */
export function duration(expected: string, minMs = 0, maxMs = Infinity): Form<number> {
  const decode = (raw: unknown) => {
    const isWritten = typeof raw === 'string' || typeof raw === 'number';
    const ms = isWritten ? parseDuration(String(raw)) : null;
    return ms !== null && ms >= minMs && ms <= maxMs ? ms : undefined;
  };
  return { expected, decode };
}

/** What is wrong in a file, and where. */
export interface FileProblem extends KeyPlace {
  readonly found: string;
  readonly expected: string;
}

/** A file that is one YAML mapping, and where its problems go. */
export interface MappingFile {
  /** Null when it cannot be read; then that is its one problem. */
  readonly value: Readonly<Record<string, unknown>> | null;
  /** What has been refused so far. */
  readonly problems: readonly FileProblem[];
  /** Notes what is wrong at a path of keys. */
  readonly refuse: (path: readonly string[], found: string, expected: string) => null;
}

/** Reads a file of settings, with the types that YAML gives. */
export function readMappingFile(file: string): MappingFile {
  const problems: FileProblem[] = [];
  const note = (problem: FileProblem): null => {
    problems.push(problem);
    return null;
  };
  const read = readYamlMapping(file, 'typed');
  return {
    value:
      read.kind === 'mapping'
        ? read.value
        : note({ line: read.line, column: read.column, found: read.why, expected: read.remedy }),
    problems,
    refuse: (path, found, expected) => note({ ...placeOfKey(file, path), found, expected }),
  };
}

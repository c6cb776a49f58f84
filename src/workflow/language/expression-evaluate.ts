/**
 * Evaluates expressions. Total: what is missing is null, what does not fit is null or false. Only a
 * value that outgrows every use is not a value: RunTooLarge ends the run.
 */
import { ownValue } from '../../base/own-value.ts';
import { RunTooLarge } from './too-large.ts';
import { isProjection } from './expression-check.ts';
import type { Expression, Operator } from './expression-parse.ts';
import { canonicalJson, isJsonList, isJsonObject, type Json, parseJson } from './json.ts';

/** What names stand for; a map is one. */
export interface Values {
  readonly get: (name: string) => Json | undefined;
  /** A field of what a name stands for, where the whole costs more; null when there is none. */
  readonly field?: (name: string, key: string) => Json;
}

/** The value of the expression. */
export function evaluate(expression: Expression, values: Values): Json {
  switch (expression.kind) {
    case 'literal':
      return expression.value;
    case 'name':
      return values.get(expression.name) ?? null;
    case 'field':
      return fieldOf(expression.of, values, expression.field);
    case 'index': {
      const index = evaluate(expression.index, values);
      return typeof index === 'string' && expression.of.kind === 'name'
        ? readField(values, expression.of.name, index)
        : element(evaluate(expression.of, values), index);
    }
    case 'every': {
      const of = evaluate(expression.of, values);
      return isJsonList(of) ? of : [];
    }
    case 'call':
      return call(
        expression.name,
        expression.args.map((arg) => evaluate(arg, values)),
      );
    case 'not':
      return evaluate(expression.of, values) !== true;
    case 'binary':
      return binary(expression, values);
  }
}

/** A value as it stands inside a text: text as it is, nothing as nothing, the rest as JSON. */
export function showValue(value: Json): string {
  if (value === null) return '';
  return typeof value === 'string'
    ? value
    : typeof value === 'object'
      ? JSON.stringify(value, null, 2)
      : String(value);
}

function fieldOf(of: Expression, values: Values, key: string): Json {
  if (of.kind === 'name') return readField(values, of.name, key);
  const value = evaluate(of, values);
  return isProjection(of) && isJsonList(value)
    ? value.map((each) => field(each, key))
    : field(value, key);
}

/** A field of what a name stands for, or null. */
export function readField(values: Values, name: string, key: string): Json {
  return values.field === undefined
    ? field(values.get(name) ?? null, key)
    : values.field(name, key);
}

function field(of: Json, name: string): Json {
  return isJsonObject(of) && Object.hasOwn(of, name) ? (of[name] ?? null) : null;
}

function element(of: Json, index: Json): Json {
  if (isJsonList(of) && typeof index === 'number') return of.at(index) ?? null;
  return typeof index === 'string' ? field(of, index) : null;
}

function binary(expression: Expression & { readonly kind: 'binary' }, values: Values): Json {
  const left = evaluate(expression.left, values);
  if (expression.op === '&&') return left === true && evaluate(expression.right, values) === true;
  if (expression.op === '||') return left === true || evaluate(expression.right, values) === true;
  return compare(expression.op, left, evaluate(expression.right, values));
}

function compare(op: Exclude<Operator, '&&' | '||'>, left: Json, right: Json): boolean {
  if (op === '==' || op === '!=')
    return (canonicalJson(left) === canonicalJson(right)) === (op === '==');
  if (typeof left !== 'number' || typeof right !== 'number') return false;
  if (op === '<') return left < right;
  if (op === '<=') return left <= right;
  return op === '>' ? left > right : left >= right;
}

type Builtin = (args: readonly Json[]) => Json;

const listOf = (value: Json | undefined): readonly Json[] => (isJsonList(value) ? value : []);
const numbersOf = (args: readonly Json[]): readonly number[] =>
  (isJsonList(args[0]) ? args[0] : args).filter(
    (value): value is number => typeof value === 'number',
  );
const extreme =
  (better: (a: number, b: number) => number): Builtin =>
  (args) => {
    const numbers = numbersOf(args);
    return numbers.length === 0 ? null : numbers.reduce((a, b) => better(a, b));
  };

const BUILTINS: Readonly<Record<string, Builtin>> = {
  len: ([of]) => (isJsonList(of) ? of.length : typeof of === 'string' ? Array.from(of).length : 0),
  contains: ([of, what = null]) =>
    typeof of === 'string'
      ? typeof what === 'string' && of.includes(what)
      : listOf(of).some((value) => canonicalJson(value) === canonicalJson(what)),
  join: ([of, separator]) =>
    listOf(of)
      .map(showValue)
      .join(typeof separator === 'string' ? separator : ', '),
  toJSON: ([of = null]) => JSON.stringify(of, null, 2),
  fromJSON: ([of]) => (typeof of === 'string' ? (parseJson(of) ?? null) : null),
  any: ([of]) => listOf(of).includes(true),
  all: ([of]) => listOf(of).every((value) => value === true),
  count: ([of]) => listOf(of).filter((value) => value === true).length,
  min: extreme(Math.min),
  max: extreme(Math.max),
  pluck: ([of, name]) =>
    listOf(of).map((value) => (typeof name === 'string' ? field(value, name) : null)),
  flatten: ([of]) => listOf(of).flatMap((value) => (isJsonList(value) ? value : [value])),
  default: ([of = null, otherwise = null]) => (of === null || of === '' ? otherwise : of),
};

function call(name: string, args: readonly Json[]): Json {
  const builtin = ownValue(BUILTINS, name);
  return builtin === undefined ? null : checkSize(builtin(args));
}

/** Characters of a text, and items of a list, that an expression may make. */
export const VALUE_SIZE_MAX = 1_048_576;

/** The value as it is. Throws RunTooLarge: values that feed on each other grow without end. */
export function checkSize<T extends Json>(value: T): T {
  const size = typeof value === 'string' || isJsonList(value) ? value.length : 0;
  if (size > VALUE_SIZE_MAX)
    throw new RunTooLarge(`an expression makes a value larger than ${VALUE_SIZE_MAX}`);
  return value;
}

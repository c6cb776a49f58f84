/** Evaluates expressions. Total: what is missing is null, what does not fit is null or false, and nothing is ever thrown. */
import { isProjection } from './expression-check.ts';
import type { Expression, Operator } from './expression-parse.ts';
import { canonicalJson, isJsonList, isJsonObject, type Json, parseJson } from './json.ts';

/** What names stand for. */
export type Values = ReadonlyMap<string, Json>;

/** The value of the expression. */
export function evaluate(expression: Expression, values: Values): Json {
  switch (expression.kind) {
    case 'literal':
      return expression.value;
    case 'name':
      return values.get(expression.name) ?? null;
    case 'field':
      return project(expression.of, values, (of) => field(of, expression.field));
    case 'index': {
      const index = evaluate(expression.index, values);
      return element(evaluate(expression.of, values), index);
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
  return typeof value === 'string' ? value : typeof value === 'object' ? JSON.stringify(value, null, 2) : String(value);
}

function project(of: Expression, values: Values, pick: (value: Json) => Json): Json {
  const value = evaluate(of, values);
  return isProjection(of) && isJsonList(value) ? value.map(pick) : pick(value);
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
  if (op === '==' || op === '!=') return (canonicalJson(left) === canonicalJson(right)) === (op === '==');
  if (typeof left !== 'number' || typeof right !== 'number') return false;
  if (op === '<') return left < right;
  if (op === '<=') return left <= right;
  return op === '>' ? left > right : left >= right;
}

function call(name: string, args: readonly Json[]): Json {
  const [first = null, second = null] = args;
  const list = isJsonList(first) ? first : [];
  const numbers = (isJsonList(first) ? first : args).filter((value): value is number => typeof value === 'number');
  switch (name) {
    case 'len':
      return isJsonList(first) ? first.length : typeof first === 'string' ? Array.from(first).length : 0;
    case 'contains':
      return typeof first === 'string'
        ? typeof second === 'string' && first.includes(second)
        : list.some((value) => canonicalJson(value) === canonicalJson(second));
    case 'join':
      return list.map(showValue).join(typeof second === 'string' ? second : ', ');
    case 'toJSON':
      return JSON.stringify(first, null, 2);
    case 'fromJSON':
      return typeof first === 'string' ? (parseJson(first) ?? null) : null;
    case 'any':
      return list.includes(true);
    case 'all':
      return list.every((value) => value === true);
    case 'count':
      return list.filter((value) => value === true).length;
    case 'min':
      return numbers.length === 0 ? null : numbers.reduce((a, b) => Math.min(a, b));
    case 'max':
      return numbers.length === 0 ? null : numbers.reduce((a, b) => Math.max(a, b));
    case 'pluck':
      return list.map((value) => (typeof second === 'string' ? field(value, second) : null));
    case 'flatten':
      return list.flatMap((value) => (isJsonList(value) ? value : [value]));
    case 'default':
      return first === null || first === '' ? second : first;
    default:
      return null;
  }
}

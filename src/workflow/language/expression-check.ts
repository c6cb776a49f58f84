/**
 * Finds what is wrong in an expression before it runs: unknown names, references to what is not
 * there yet, comparisons that cannot hold.
 */
import { suggestName } from '../../protocol/address.ts';
import type { Expression } from './expression-parse.ts';
import {
  ANY,
  BOOLEAN,
  describeType,
  listOf,
  NULL,
  NUMBER,
  TEXT,
  type Type,
  type Fields,
} from './type.ts';

/** What can be named, and what to say about a step that cannot. */
export interface TypeScope {
  readonly names: ReadonlyMap<string, Type>;
  /**
   * The explanation for `steps.<id>` when `id` is not among the reachable steps; null = no such
   * step at all.
   */
  readonly unreachable: (id: string) => string | null;
  /** Of a plan that begins now; an open run keeps what it began with. */
  readonly isStrict?: boolean;
}

export interface Checked {
  readonly type: Type;
  readonly problems: readonly string[];
}

/** The functions of the language with their number of arguments. */
export const FUNCTIONS: Readonly<Record<string, readonly [number, number]>> = {
  len: [1, 1],
  contains: [2, 2],
  join: [1, 2],
  toJSON: [1, 1],
  fromJSON: [1, 1],
  any: [1, 1],
  all: [1, 1],
  count: [1, 1],
  min: [1, 20],
  max: [1, 20],
  pluck: [2, 2],
  flatten: [1, 1],
  default: [2, 2],
};

/** The type of the expression in `scope` and everything wrong with it. */
export function checkExpression(expression: Expression, scope: TypeScope): Checked {
  const problems: string[] = [];
  return { type: typeOf(expression, { ...scope, report: (why) => problems.push(why) }), problems };
}

/**
 * True for `x[]` and for whatever is picked from it: fields and indexes then apply to every
 * element.
 */
export function isProjection(expression: Expression): boolean {
  return (
    expression.kind === 'every' ||
    ((expression.kind === 'field' || expression.kind === 'index') && isProjection(expression.of))
  );
}

interface Context extends TypeScope {
  readonly report: (why: string) => void;
}

function typeOf(expression: Expression, context: Context): Type {
  switch (expression.kind) {
    case 'literal':
      return literalType(expression.value);
    case 'name':
      return nameType(expression.name, context);
    case 'field': {
      const of = typeOf(expression.of, context);
      const pick = (type: Type): Type => fieldType(expression, type, context);
      return isProjection(expression.of) && of.kind === 'list' ? listOf(pick(of.of)) : pick(of);
    }
    case 'index': {
      const of = typeOf(expression.of, context);
      const index = typeOf(expression.index, context);
      if (of.kind === 'list' && index.kind === 'string' && context.isStrict === true)
        context.report(`a list is read by a number, found ${describeType(index)}`);
      return of.kind === 'list' ? of.of : ANY;
    }
    case 'every': {
      const of = typeOf(expression.of, context);
      if (of.kind === 'list' || of.kind === 'any') return of.kind === 'list' ? of : listOf(ANY);
      context.report(`"[]" needs a list, found ${describeType(of)}`);
      return listOf(ANY);
    }
    case 'call':
      return callType(expression, context);
    case 'not':
      needBoolean(expression.of, '!', context);
      return BOOLEAN;
    case 'binary':
      return binaryType(expression, context);
  }
}

function literalType(value: string | number | boolean | null): Type {
  if (value === null) return NULL;
  return typeof value === 'string' ? TEXT : typeof value === 'number' ? NUMBER : BOOLEAN;
}

function nameType(name: string, context: Context): Type {
  const type = context.names.get(name);
  if (type !== undefined) return type;
  const owner = [...context.names].find(
    ([, of]) => of.kind === 'object' && of.fields.has(name),
  )?.[0];
  const near = suggestName(name, context.names.keys());
  const meant = owner === undefined ? near : `${owner}.${name}`;
  context.report(
    `nothing is called "${name}" here${meant === null ? `; known: ${[...context.names.keys()].join(', ')}` : `; did you mean "${meant}"?`}`,
  );
  return ANY;
}

function fieldType(
  expression: Expression & { readonly kind: 'field' },
  of: Type,
  context: Context,
): Type {
  if (of.kind === 'any') return ANY;
  if (of.kind !== 'object') {
    const isInside =
      of.kind === 'list' && of.of.kind === 'object' && of.of.fields.has(expression.field);
    if (of.kind !== 'null')
      context.report(
        `${describeType(of)} has no field "${expression.field}"${isInside ? `: write "[].${expression.field}" for that of each` : ''}`,
      );
    return ANY;
  }
  const type = of.fields.get(expression.field);
  if (type !== undefined) return type;
  if (of.open) return ANY;
  context.report(missingField(expression, of.fields, context));
  return ANY;
}

function missingField(
  expression: Expression & { readonly kind: 'field' },
  fields: Fields,
  context: Context,
): string {
  const isStep = expression.of.kind === 'name' && expression.of.name === 'steps';
  const unreachable = isStep ? context.unreachable(expression.field) : null;
  if (unreachable !== null) return unreachable;
  if (expression.field === 'json' && fields.has('text'))
    return 'that step declares no "schema", so it has no ".json"';
  const meant = suggestName(expression.field, fields.keys());
  const known = [...fields.keys()].slice(0, 12).join(', ');
  return `there is no ${isStep ? 'step' : 'field'} "${expression.field}"${meant === null ? `; known: ${known === '' ? 'none' : known}` : `; did you mean "${meant}"?`}`;
}

function needBoolean(expression: Expression, where: string, context: Context): void {
  const type = typeOf(expression, context);
  if (type.kind !== 'boolean' && type.kind !== 'null')
    context.report(
      `"${where}" needs true or false, found ${describeType(type)}: compare it with something`,
    );
}

function binaryType(expression: Expression & { readonly kind: 'binary' }, context: Context): Type {
  const { op, left, right } = expression;
  if (op === '&&' || op === '||') {
    needBoolean(left, op, context);
    needBoolean(right, op, context);
    return BOOLEAN;
  }
  const types = [typeOf(left, context), typeOf(right, context)] as const;
  if (op === '==' || op === '!=') checkEquality(expression, types, context);
  else
    for (const type of types)
      if (type.kind !== 'number' && type.kind !== 'any')
        context.report(`"${op}" compares numbers, found ${describeType(type)}`);
  return BOOLEAN;
}

function checkEquality(
  expression: Expression & { readonly kind: 'binary' },
  [a, b]: readonly [Type, Type],
  context: Context,
): void {
  const { left, right } = expression;
  const isWhole = (type: Type): boolean => type.kind === 'string' && type.whole === true;
  if ((isWhole(a) && right.kind === 'literal') || (isWhole(b) && left.kind === 'literal'))
    context.report(
      "an agent's whole text is compared with a literal: declare a schema on that step and compare a field of its .json",
    );
  if (context.isStrict === true)
    for (const [type, other] of [
      [a, right],
      [b, left],
    ] as const)
      checkValue(type, other, context);
  const differs =
    a.kind !== b.kind && [a, b].every((type) => type.kind !== 'any' && type.kind !== 'null');
  if (differs) context.report(`${describeType(a)} never equals ${describeType(b)}`);
}

/** A text that can never be what it is compared with. */
function checkValue(type: Type, other: Expression, context: Context): void {
  if (type.kind !== 'string' || type.values === undefined) return;
  if (other.kind !== 'literal' || typeof other.value !== 'string') return;
  if (type.values.includes(other.value)) return;
  const meant = suggestName(other.value, type.values);
  context.report(
    `it never is "${other.value}"; ${meant === null ? `it is one of ${type.values.join(', ')}` : `did you mean "${meant}"?`}`,
  );
}

function callType(expression: Expression & { readonly kind: 'call' }, context: Context): Type {
  const arity = Object.hasOwn(FUNCTIONS, expression.name) ? FUNCTIONS[expression.name] : undefined;
  if (arity === undefined) {
    const meant = suggestName(expression.name, Object.keys(FUNCTIONS));
    context.report(
      `there is no function "${expression.name}"; ${meant === null ? `known: ${Object.keys(FUNCTIONS).join(', ')}` : `did you mean "${meant}"?`}`,
    );
    return ANY;
  }
  if (expression.args.length < arity[0] || expression.args.length > arity[1])
    context.report(
      `${expression.name}() takes ${arity[0] === arity[1] ? String(arity[0]) : `${arity[0]} to ${arity[1]}`} ${arity[1] === 1 ? 'argument' : 'arguments'}, found ${expression.args.length}`,
    );
  const types = expression.args.map((arg) => typeOf(arg, context));
  return resultType(expression, types, context);
}

/** What a function makes of the types of its arguments. */
interface CallTypes {
  readonly name: string;
  readonly first: Type;
  readonly second: Type;
  readonly args: readonly Expression[];
  readonly report: (why: string) => void;
}

const RESULTS: Readonly<Record<string, (call: CallTypes) => Type>> = {
  len: (call) => needListOrText(call, NUMBER),
  contains: (call) => needListOrText(call, BOOLEAN),
  join: (call) => {
    elementOf(call);
    return TEXT;
  },
  toJSON: () => TEXT,
  any: (call) => needBooleans(call, BOOLEAN),
  all: (call) => needBooleans(call, BOOLEAN),
  count: (call) => needBooleans(call, NUMBER),
  min: () => NUMBER,
  max: () => NUMBER,
  pluck: (call) => {
    const of = elementOf(call);
    const field = call.args[1];
    const name = field?.kind === 'literal' && typeof field.value === 'string' ? field.value : null;
    return listOf(of.kind === 'object' && name !== null ? (of.fields.get(name) ?? ANY) : ANY);
  },
  flatten: (call) => {
    const of = elementOf(call);
    return of.kind === 'list' ? of : listOf(of);
  },
  default: ({ first, second }) => (first.kind === 'null' || first.kind === 'any' ? second : first),
};

function resultType(
  expression: Expression & { readonly kind: 'call' },
  types: readonly Type[],
  context: Context,
): Type {
  const [first = ANY, second = ANY] = types;
  return (
    RESULTS[expression.name]?.({
      name: expression.name,
      first,
      second,
      args: expression.args,
      report: context.report,
    }) ?? ANY
  );
}

function elementOf({ name, first, report }: CallTypes): Type {
  if (first.kind === 'list') return first.of;
  if (first.kind !== 'any') report(`${name}() needs a list, found ${describeType(first)}`);
  return ANY;
}

function needListOrText({ name, first, report }: CallTypes, result: Type): Type {
  if (!['list', 'string', 'any'].includes(first.kind))
    report(`${name}() needs a list or text, found ${describeType(first)}`);
  return result;
}

function needBooleans(call: CallTypes, result: Type): Type {
  const of = elementOf(call);
  if (of.kind !== 'boolean' && of.kind !== 'any')
    call.report(
      `${call.name}() needs a list of true or false, found a list of ${describeType(of)}`,
    );
  return result;
}

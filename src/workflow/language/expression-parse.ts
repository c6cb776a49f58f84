/**
 * The text of `${{ }}` → a tree. The language: literals, names, `.field`, `[index]`, `[]` (every
 * element), `==` `!=` `<` `<=` `>` `>=`, `&&`, `||`, `!`, calls, parentheses. Names may hold
 * dashes, so there is no subtraction; there are no loops and no assignments. Own code: expressions
 * come out of the shared repository, and what packages parse ends in calls, prototypes or loops.
 */

import { ownValue } from '../../base/own-value.ts';

export type Operator = '==' | '!=' | '<' | '<=' | '>' | '>=' | '&&' | '||';

export type Expression =
  | { readonly kind: 'literal'; readonly value: string | number | boolean | null }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'field'; readonly of: Expression; readonly field: string }
  | { readonly kind: 'index'; readonly of: Expression; readonly index: Expression }
  | { readonly kind: 'every'; readonly of: Expression }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Expression[] }
  | { readonly kind: 'not'; readonly of: Expression }
  | {
      readonly kind: 'binary';
      readonly op: Operator;
      readonly left: Expression;
      readonly right: Expression;
    };

export type ExpressionRead =
  | { readonly kind: 'expression'; readonly expression: Expression }
  | { readonly kind: 'refused'; readonly why: string };

const CHARS_MAX = 4_000;
const DEPTH_MAX = 60;
const TOKEN =
  /\s*(?:(?<number>-?\d+(?:\.\d+)?)|(?<name>[A-Za-z_][A-Za-z0-9_-]*)|(?<text>'(?:[^']|'')*'|"(?:[^"\\]|\\.)*")|(?<sign>==|!=|<=|>=|&&|\|\||[<>!()[\].,]))/y;

/** What was probably meant by what is no part of the language. */
const HINTS: readonly (readonly [RegExp, string])[] = [
  [/^=/, 'equality is "=="'],
  [/^&/, 'both is "&&"'],
  [/^\|/, 'either is "||"'],
  [/^[\u2018-\u201e\u00ab\u00bb`]/, "text needs straight quotes: 'text'"],
  [/^['"]/, 'the quote is not closed'],
  [/^[+*/%^-]/, 'arithmetic is not supported'],
  [/^[?:]/, 'there is no "? :"; use two steps with "if"'],
  [/^\{/, 'an expression is written inside ${{ }}'],
];

/** Words of other languages. */
const WORDS: Readonly<Record<string, string>> = {
  ...{ and: '&&', or: '||', not: '!', is: '==', eq: '==', ne: '!=' },
  ...{ AND: '&&', OR: '||', NOT: '!' },
};

interface Token {
  readonly kind: 'number' | 'name' | 'text' | 'sign' | 'end';
  readonly text: string;
  readonly at: number;
}

/** Parses one expression (without `${{` and `}}`). Never throws. */
export function parseExpression(text: string): ExpressionRead {
  if (text.length > CHARS_MAX)
    return {
      kind: 'refused',
      why: `the expression is longer than ${String(CHARS_MAX)} characters`,
    };
  const tokens = tokenize(text);
  if (typeof tokens === 'string') return { kind: 'refused', why: tokens };
  const problems: string[] = [];
  const parser = createParser(tokens, (why) => problems.push(why));
  const expression = parser.parse();
  const [why] = problems;
  return why === undefined ? { kind: 'expression', expression } : { kind: 'refused', why };
}

function tokenize(text: string): readonly Token[] | string {
  const tokens: Token[] = [];
  let at = 0;
  while (text.slice(at).trim() !== '') {
    TOKEN.lastIndex = at;
    const groups = TOKEN.exec(text)?.groups;
    if (groups === undefined) {
      const rest = text.slice(at).trim().slice(0, 20);
      const hint = HINTS.find(([begins]) => begins.test(rest))?.[1];
      return `cannot read "${rest}"${hint === undefined ? '' : `: ${hint}`}`;
    }
    const kind =
      (['number', 'name', 'text', 'sign'] as const).find((name) => groups[name] !== undefined) ??
      'sign';
    tokens.push({ kind, text: groups[kind] ?? '', at });
    at = TOKEN.lastIndex;
  }
  return [...tokens, { kind: 'end', text: 'the end', at }];
}

const PRECEDENCE: readonly (readonly Operator[])[] = [
  ['||'],
  ['&&'],
  ['==', '!='],
  ['<', '<=', '>', '>='],
];
const NOTHING: Expression = { kind: 'literal', value: null };

function createParser(tokens: readonly Token[], refuse: (why: string) => void) {
  let next = 0;
  let depth = 0;
  const end: Token = { kind: 'end', text: 'the end', at: 0 };
  const peek = (): Token => tokens[next] ?? end;
  const isSign = (sign: string): boolean => peek().kind === 'sign' && peek().text === sign;
  const take = (): Token => {
    const token = peek();
    next += 1;
    return token;
  };
  const expect = (sign: string): void => {
    if (isSign(sign)) next += 1;
    else refuse(`expected "${sign}", found "${peek().text}"`);
  };
  const guarded = (parse: () => Expression): Expression => {
    if (depth >= DEPTH_MAX) {
      refuse('the expression is nested too deeply');
      next = tokens.length;
      return NOTHING;
    }
    depth += 1;
    const expression = parse();
    depth -= 1;
    return expression;
  };
  const binary = (level: number): Expression => {
    const operators = PRECEDENCE[level];
    if (operators === undefined) return unary();
    let left = binary(level + 1);
    for (;;) {
      const op = operators.find(isSign);
      if (op === undefined) return left;
      next += 1;
      left = { kind: 'binary', op, left, right: binary(level + 1) };
    }
  };
  const unary = (): Expression => {
    if (!isSign('!')) return postfix(primary());
    next += 1;
    return guarded(() => ({ kind: 'not', of: unary() }));
  };
  const primary = (): Expression => {
    const token = take();
    if (token.kind === 'number') return { kind: 'literal', value: Number(token.text) };
    if (token.kind === 'text') return { kind: 'literal', value: unquote(token.text) };
    if (token.kind === 'name') return isSign('(') ? call(token.text) : named(token.text);
    if (token.text === '(' && token.kind === 'sign') {
      const inner = guarded(() => binary(0));
      expect(')');
      return inner;
    }
    refuse(
      token.kind === 'end' && tokens.length === 1
        ? 'it is empty'
        : `expected a value, found "${token.text}"`,
    );
    return NOTHING;
  };
  const call = (name: string): Expression => {
    next += 1;
    const args: Expression[] = [];
    while (!isSign(')') && peek().kind !== 'end') {
      args.push(guarded(() => binary(0)));
      if (!isSign(',')) break;
      next += 1;
    }
    expect(')');
    return { kind: 'call', name, args };
  };
  const postfix = (start: Expression): Expression => {
    let expression = start;
    for (;;) {
      if (isSign('.')) {
        next += 1;
        const token = take();
        if (token.kind !== 'name') refuse(`expected a name after ".", found "${token.text}"`);
        expression = { kind: 'field', of: expression, field: token.text };
      } else if (isSign('[')) {
        next += 1;
        expression = isSign(']') ? { kind: 'every', of: expression } : indexed(expression);
        expect(']');
      } else return expression;
    }
  };
  const indexed = (of: Expression): Expression => {
    const index = guarded(() => binary(0));
    return index.kind === 'literal' && typeof index.value === 'string'
      ? { kind: 'field', of, field: index.value }
      : { kind: 'index', of, index };
  };
  return {
    parse: (): Expression => {
      const expression = binary(0);
      const word = [peek(), tokens[next - 1]].flatMap((token) => {
        const sign = token?.kind === 'name' ? ownValue(WORDS, token.text) : undefined;
        return sign === undefined ? [] : [`: "${token?.text ?? ''}" is "${sign}"`];
      })[0];
      if (peek().kind !== 'end') refuse(`"${peek().text}" is not expected here${word ?? ''}`);
      return expression;
    },
  };
}

function named(name: string): Expression {
  if (name === 'true' || name === 'false') return { kind: 'literal', value: name === 'true' };
  return name === 'null' ? NOTHING : { kind: 'name', name };
}

function unquote(text: string): string {
  const inner = text.slice(1, -1);
  return text.startsWith("'")
    ? inner.replaceAll("''", "'")
    : inner.replace(/\\(.)/g, (_, char: string) => (char === 'n' ? '\n' : char));
}

/**
 * Text with `${{ }}` in it. A text that is one expression and nothing else keeps the type of its
 * value.
 */
import { checkExpression, type TypeScope } from './expression-check.ts';
import { checkSize, evaluate, showValue, type Values } from './expression-evaluate.ts';
import { type Expression, parseExpression } from './expression-parse.ts';
import { isJsonList, isJsonObject, type Json } from './json.ts';
import { TEXT, type Type } from './type.ts';

/** Literal text, or an expression with its source. */
export type Part =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'expression'; readonly expression: Expression; readonly source: string };

export interface Template {
  readonly parts: readonly Part[];
  readonly problems: readonly string[];
}

/** Parses a text. Problems are kept beside the parts, so that a checker can report all of them. */
export function parseTemplate(text: string): Template {
  const parts: Part[] = [];
  const problems: string[] = [];
  let at = 0;
  for (;;) {
    const open = text.indexOf('${{', at);
    if (open < 0) break;
    const close = closingAt(text, open + 3);
    if (close === null) {
      problems.push('"${{" without "}}"');
      break;
    }
    if (open > at) parts.push({ kind: 'text', text: text.slice(at, open) });
    const source = text.slice(open + 3, close).trim();
    const read = parseExpression(source);
    if (read.kind === 'expression')
      parts.push({ kind: 'expression', expression: read.expression, source });
    else problems.push(`in "${source.slice(0, 60)}": ${read.why}`);
    at = close + 2;
  }
  if (at < text.length) parts.push({ kind: 'text', text: text.slice(at) });
  return { parts, problems };
}

/** The type of the whole text and what is wrong in it. */
export function checkTemplate(
  template: Template,
  scope: TypeScope,
): { readonly type: Type; readonly problems: readonly string[] } {
  const checked = template.parts.flatMap((part) => {
    if (part.kind === 'text')
      return scope.isStrict === true ? almostExpressions(part.text, scope) : [];
    const { type, problems } = checkExpression(part.expression, scope);
    return [
      { type, problems: problems.map((problem) => `in "${part.source.slice(0, 60)}": ${problem}`) },
    ];
  });
  return {
    type: singleOf(template) === null ? TEXT : (checked[0]?.type ?? TEXT),
    problems: [...template.problems, ...checked.flatMap((each) => each.problems)],
  };
}

/** `{{ … }}` and `${ … }`, as other languages have it. */
const ALMOST = /(?:(?<!\$)\{\{|\$\{(?!\{))([^{}]{1,200})\}\}?/g;

/** What would be an expression if it were written as one, and goes to the agent as it stands. */
function almostExpressions(
  text: string,
  scope: TypeScope,
): readonly { readonly type: Type; readonly problems: readonly string[] }[] {
  return [...text.matchAll(ALMOST)].flatMap(([written, source = '']) => {
    const read = parseExpression(source.trim());
    if (read.kind === 'refused' || read.expression.kind === 'literal') return [];
    if (checkExpression(read.expression, scope).problems.length > 0) return [];
    const says = `"${written}" is only text: an expression is written \${{ ${source.trim()} }}`;
    return [{ type: TEXT, problems: [says] }];
  });
}

/** The value: typed when the text is one expression, else text. */
export function evaluateTemplate(template: Template, values: Values): Json {
  const single = singleOf(template);
  return single === null
    ? renderTemplate(template, values, (value) => showValue(value))
    : evaluate(single, values);
}

/** The text with every expression replaced by what `show` makes of its value. */
export function renderTemplate(
  template: Template,
  values: Values,
  show: (value: Json, expression: Expression) => string,
): string {
  let text = '';
  for (const part of template.parts)
    text = checkSize(
      text +
        (part.kind === 'text'
          ? part.text
          : show(evaluate(part.expression, values), part.expression)),
    );
  return text;
}

/** Every text with an expression in a nested value. */
export function templatesIn(value: Json): readonly Template[] {
  if (typeof value === 'string') return value.includes('${{') ? [parseTemplate(value)] : [];
  if (isJsonList(value)) return value.flatMap(templatesIn);
  return isJsonObject(value) ? Object.values(value).flatMap(templatesIn) : [];
}

/** The nested value with every expression evaluated. */
export function evaluateDeep(value: Json, values: Values): Json {
  if (typeof value === 'string')
    return value.includes('${{') ? evaluateTemplate(parseTemplate(value), values) : value;
  if (isJsonList(value)) return value.map((each) => evaluateDeep(each, values));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, evaluateDeep(inner, values)]),
  );
}

/**
 * All names of steps whose `field` the template reads, or whatever it reads of them when no field
 * is given.
 */
export function stepsRead(
  template: Template,
  fields: readonly string[] | null,
): ReadonlySet<string> {
  const ids = new Set<string>();
  const visit = (expression: Expression, outer: string | null): void => {
    if (expression.kind === 'field') {
      if (
        expression.of.kind === 'name' &&
        expression.of.name === 'steps' &&
        (fields === null || (outer !== null && fields.includes(outer)))
      )
        ids.add(expression.field);
      visit(expression.of, expression.field);
    } else if (expression.kind === 'call') for (const arg of expression.args) visit(arg, null);
    else if (expression.kind === 'binary')
      for (const side of [expression.left, expression.right]) visit(side, null);
    else if (expression.kind === 'index') {
      visit(expression.of, null);
      visit(expression.index, null);
    } else if (expression.kind === 'not' || expression.kind === 'every') visit(expression.of, null);
  };
  for (const part of template.parts) if (part.kind === 'expression') visit(part.expression, null);
  return ids;
}

/** The names an expression begins with: `steps`, `item`, `inputs` … */
export function rootsOf(expression: Expression): ReadonlySet<string> {
  const roots = new Set<string>();
  const visit = (inner: Expression): void => {
    if (inner.kind === 'name') roots.add(inner.name);
    else if (inner.kind === 'field' || inner.kind === 'not' || inner.kind === 'every')
      visit(inner.of);
    else if (inner.kind === 'call') inner.args.forEach(visit);
    else if (inner.kind === 'binary') [inner.left, inner.right].forEach(visit);
    else if (inner.kind === 'index') [inner.of, inner.index].forEach(visit);
  };
  visit(expression);
  return roots;
}

function singleOf(template: Template): Expression | null {
  const [only, ...rest] = template.parts;
  return only?.kind === 'expression' && rest.length === 0 ? only.expression : null;
}

/** The index of the `}}` that ends an expression; one inside a quoted text does not. */
function closingAt(text: string, from: number): number | null {
  let quote: string | null = null;
  for (let at = from; at < text.length; at += 1) {
    const char = text.charAt(at);
    if (quote !== null) {
      if (char === quote) quote = null;
      else if (char === '\\' && quote === '"') at += 1;
    } else if (char === '"' || char === "'") quote = char;
    else if (text.startsWith('}}', at)) return at;
  }
  return null;
}
